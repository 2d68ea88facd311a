"""Looks after the runs of a store: checks one, saves what is left of a damaged one, seals those that died."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress

from ..backends.base import Backend, seal
from ..codec import journal, mending, pack
from ..codec.limits import Limits
from ..codec.mending import Salvaged
from ..codec.records import ALONE, Asked, Ended, Header, Parent, Record, fold
from ..core.advice import advise
from ..core.digest import digest
from ..core.matching import first_exact
from ..core.tape import Tape
from ..errors import Conflict, CorruptTape, NotFound, StoreError, TooLarge, UnknownVersion
from . import lineage
from .info import Finding, Reclaimed, RunInfo

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


def find_bound(infos: Sequence[RunInfo], run_id: str, *, rebase: bool) -> list[str]:
    """The branches of a run that is to be deleted: those that have to stand by themselves first.

    Raises:
        StoreError: it has some, and they are not to be rebased; or a damaged run may be one.
    """
    if hurt := [info.run_id or "?" for info in infos if info.damage and info.run_id != run_id]:
        raise StoreError(
            f"any of {', '.join(hurt)} may be a branch of {run_id!r}: salvage or delete them first"
        )
    branches = [info.run_id for info in infos if info.parent and info.parent.parent == run_id]
    if branches and not rebase:
        advice = f"delete them first, or pass {advise('rebase=True', '--rebase')}"
        raise StoreError(f"run {run_id!r} has branches: {', '.join(branches)}; {advice}")
    return branches


def tidy(
    backend: Backend, parent: Callable[[Header], Parent], limits: Limits, before: float
) -> Iterator[Reclaimed]:
    """Seal the runs that gave no sign since `before`, finish what was interrupted, and give room back."""
    for name, first in whole_heads(backend):
        head = journal.decode_header(first)
        if name == lineage.moving_name(head.run_id):
            lineage.finish(backend, head.run_id, b"".join(backend.chunks(name)))
            yield Reclaimed(head.run_id, "finished its move")
        elif not pack.is_packed(first) and head.created_at < before:
            with suppress(CorruptTape, NotFound, Conflict):  # the last: it lives
                chunks = list(backend.chunks(head.run_id))
                of = parent(head)
                _, recorded = journal.read(chunks, head.run_id, of, limits)
                if last_sign(head, recorded) < before:
                    packed, _ = pack.pack_verified(fold(head, recorded), of, limits)
                    seal(backend, head.run_id, packed, len(chunks))
                    yield Reclaimed(head.run_id, f"sealed: {len(packed):,} bytes")
    given = getattr(backend, "reclaim", lambda: 0)()
    if given:
        yield Reclaimed("", f"gave {given:,} bytes back")


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
