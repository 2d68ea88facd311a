"""Makes a damaged live log good: puts chunks back, turns bits back, and reads it as far as that goes. Pure.

Nothing is believed that does not pass its check.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from itertools import chain

from attrs import frozen

from ..core.tape import Tape
from ..errors import CorruptTape, TooLarge
from .frames import frame
from .journal import Decoder, name_place, read_header
from .limits import DEFAULT, Limits
from .records import ALONE, Header, Parent, Record, fold_salvaged

_TRIED = 16 << 10  # bytes of a chunk, at most, of which each bit is turned in turn


@frozen
class Salvaged:
    """What could be read of a damaged run: `tape`, and `lost`, a sentence on what could not."""

    tape: Tape
    lost: str = ""


def salvage(
    chunks: Iterable[bytes], run_id: str, parent: Parent = ALONE, limits: Limits = DEFAULT
) -> Salvaged:
    """Return what the chunks before the first that cannot be made good make.

    Chunks that changed places are put back, and a bit that turned is turned back.
    A lost chunk is b"", to keep the others' numbers.

    Raises:
        CorruptTape: none is whole.
        TooLarge: they are more than `limits` allow.
    """
    first, *later = [*chunks] or [b""]
    lost, head = "", Header(run_id)
    try:
        head = _read_mended(first, run_id)
    except TooLarge:
        raise
    except CorruptTape as error:
        lost = f"{error.where}: {error.problem}"
    decoder, records = Decoder(run_id, parent, limits), list[Record]()
    for chunk in _mend_chunks(later, run_id):
        try:
            records += decoder.records(chunk)
        except TooLarge:
            raise
        except CorruptTape as error:
            lost = f"{error.where} and all behind it: {error.problem}"
            break
    if lost and not records and head == Header(run_id):
        raise CorruptTape("nothing of it can be read", f"run {run_id!r}", "restore it from a copy")
    return Salvaged(fold_salvaged(head, records), lost)


def mend_header(chunk: bytes, run_id: str) -> Header | None:
    """The header that chunk 0 is, a turned bit turned back; None where that fails."""
    with suppress(CorruptTape):
        return _read_mended(chunk, run_id)
    return None


def _read_mended(chunk: bytes, run_id: str) -> Header:
    return read_header(_turn_bit(chunk, partial(_is_header, run_id=run_id)) or chunk, run_id)


def _mend_chunks(chunks: Sequence[bytes], run_id: str) -> Iterator[bytes]:
    """The chunks, damaged ones made good: by one that was put elsewhere, or by turning a bit.

    Behind the first that stays damaged nothing can be read, and nothing is tried.
    """
    bad = [n for n, chunk in enumerate(chunks, 1) if not _is_whole(chunk, name_place(run_id, n))]
    shift, damaged = 0, set(bad)
    for n, chunk in enumerate(chunks, 1):
        if n not in damaged:
            yield chunk
            continue
        whole = partial(_is_whole, place=name_place(run_id, n))
        likely = [n + shift] if 1 <= n + shift <= len(chunks) else []  # where the one before was
        astray = next((m for m in chain(likely, bad) if whole(chunks[m - 1])), None)
        made = _turn_bit(chunk, whole) if astray is None else chunks[astray - 1]
        yield made or chunk
        if not made:
            return
        shift = shift if astray is None else astray - n


def _turn_bit(chunk: bytes, whole: Callable[[bytes], bool]) -> bytes | None:
    """The chunk with the one bit turned that makes it whole; None if there is none, or too many to try."""
    if whole(chunk) or len(chunk) > _TRIED:
        return None
    tried = bytearray(chunk)
    for at in range(len(chunk)):
        for bit in range(8):
            tried[at] ^= 1 << bit
            if whole(made := bytes(tried)):
                return made
            tried[at] ^= 1 << bit
    return None


def _is_whole(chunk: bytes, place: str) -> bool:
    try:
        frame.read_light(chunk, place)
    except CorruptTape:
        return False
    return True


def _is_header(chunk: bytes, run_id: str) -> bool:
    try:
        read_header(chunk, run_id)
    except CorruptTape:
        return False
    return True
