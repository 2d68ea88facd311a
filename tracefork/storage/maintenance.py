"""Checks one run of a store, saves what is left of a damaged one, and finds when one was last written."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from ..backends.base import Backend
from ..codec import journal, mending, pack
from ..codec.limits import Limits
from ..codec.mending import Salvaged
from ..codec.records import ALONE, Asked, Ended, Header, Parent, Record
from ..core.digest import digest
from ..core.matching import first_exact
from ..core.tape import Tape
from ..errors import Conflict, CorruptTape, NotFound, StoreError, TooLarge, UnknownVersion
from .info import Finding, RunInfo

_MOST_LOST = 1_000  # damaged chunks in a row, before a backend that never reaches the end is believed


def findings(load: Callable[[str], Tape], info: RunInfo) -> Iterator[Finding]:
    """Read one run by `load`, check its digest too, and give what is wrong with it."""
    run_id = info.run_id
    if not run_id:
        yield Finding("", "", info.damage, "look for the file or row in the backend")
        return
    try:
        tape = _settle(load, run_id)
    except CorruptTape as exc:
        certain = not isinstance(exc, TooLarge | UnknownVersion)
        yield Finding(run_id, exc.where, exc.problem, exc.advice, certain)
    except NotFound as exc:
        if exc.name != run_id:  # else it was deleted while we looked
            advice = f"put the run {exc.name!r} back, from which it was forked"
            problem = f"its parent {exc.name!r} is not in this store"
            yield Finding(run_id, f"run {run_id!r}", problem, advice, certain=False)
    except StoreError as exc:
        yield Finding(run_id, f"run {run_id!r}", str(exc), "check it again", certain=False)
    else:
        if info.digest not in (None, tape.digest(), digest(tape, matcher=first_exact)):
            yield Finding(run_id, "summary", "its digest is not that of its steps", "record it again")


def _settle(load: Callable[[str], Tape], run_id: str) -> Tape:
    """Load the run; once more if it was sealed or deleted meanwhile."""
    try:
        return load(run_id)
    except Conflict:
        return load(run_id)


def salvage(backend: Backend, run_id: str, parent: Callable[[Header], Parent], limits: Limits) -> Salvaged:
    """Return the undamaged steps of a run; `parent` finds what its header refers to.

    Raises:
        NotFound: there is no such run, or its parent is not here.
        CorruptTape: nothing of it can be read.
    """
    chunks = list(_remains(backend, run_id))
    sealed = len(chunks) == 1
    head = (
        pack.mend_header(chunks[0]) if sealed else mending.mend_header(chunks[0], run_id) if chunks else None
    )
    of = ALONE if head is None else parent(head)
    if sealed:  # a header that is whole would have been loaded
        return pack.salvage(chunks[0], run_id, of, limits)
    return mending.salvage(chunks, run_id, of, limits)


def whole_heads(backend: Backend) -> list[tuple[str, bytes]]:
    """List names and first chunks of the logs whose first chunk is undamaged."""
    found, heads = list[tuple[str, bytes]](), iter(backend.heads())
    while True:
        try:
            name, first = next(heads)
            journal.decode_header(first)
            found.append((name, first))
        except StopIteration:
            return found
        except CorruptTape:
            continue


def last_sign(head: Header, records: Iterable[Record]) -> float:
    """Return when a run last asked or got something, in seconds since the epoch."""
    last = head.created_at
    for record in records:
        match record:
            case Asked(at=at):
                last = max(last, at)
            case Ended(timing=timing):
                last = max(last, timing.began + timing.ended)
            case _:
                pass
    return last


def _remains(backend: Backend, run_id: str) -> Iterator[bytes]:
    """Return the chunks of a run unverified; b"" for each that the backend cannot give."""
    if remains := getattr(backend, "remains", None):
        yield from remains(run_id)
        return
    number = lost = 0
    while lost < _MOST_LOST:
        try:
            for chunk in backend.chunks(run_id, number):
                yield chunk
                number, lost = number + 1, 0
        except CorruptTape:
            yield b""
            number, lost = number + 1, lost + 1
        else:
            return
