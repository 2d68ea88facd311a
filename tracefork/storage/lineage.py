"""What branches share with their parents in a store, and what becomes of them when a parent goes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256

from attrs import frozen

from ..backends.base import Backend, seal
from ..codec import journal, pack
from ..codec.limits import Limits
from ..codec.records import ALONE, Header, Parent, Shares
from ..core.tape import Tape
from ..errors import CorruptTape, NotFound
from .parent_hash import identity

MOVED = "tracefork:moved:"
"""Begins the names of logs that are on their way to the name of their run."""

_GENERATIONS = 32  # of branches that refer to each other; the next stands by itself
_REMEMBERED = 8  # parents


@frozen
class _Known:
    """A parent; `packed` are the bytes that it was read from, where nothing else was."""

    tape: Tape
    identity: str
    shares: Shares | None
    packed: bytes


class Family:
    """The parents of one store, the last of them remembered.

    `load` gives a run's header and tape, `sealed` the bytes of one that is over, and none of others.
    """

    def __init__(
        self, load: Callable[[str, int], tuple[Header, Tape]], sealed: Callable[[str], bytes]
    ) -> None:
        self._load = load
        self._sealed = sealed
        self._known: OrderedDict[str, _Known] = OrderedDict()

    def of_new(self, head: Header) -> Parent:
        """What a branch with this header may refer to: its parent's steps, if that run is over and whole."""
        if head.parent is None or head.parent.parent == head.run_id:
            return ALONE
        try:
            known = self._read(head.parent.parent, 0)
        except (NotFound, CorruptTape, ValueError):
            return ALONE
        depth = 1 + (known.shares.depth if known.shares else 0)
        if known.tape.outcome.kind == "unfinished" or not known.tape.steps or depth > _GENERATIONS:
            return ALONE
        return Parent(known.tape.steps, Shares(known.identity, depth))

    def of(self, head: Header, below: int = 0) -> Parent:
        """What the branch with this header refers to, `below` generations under the one that is asked for.

        Raises:
            NotFound: its parent is not in the store.
            CorruptTape: it was recorded against another run of the parent's name.
        """
        if head.shares is None:
            return ALONE
        if head.parent is None or below > _GENERATIONS:
            raise CorruptTape("it refers to a parent, and names none")
        name = head.parent.parent
        known = self._known.get(name)
        if known is None or known.identity != head.shares.identity:
            known = self._read(name, below + 1)
        if known.identity != head.shares.identity:
            advice = f"put the run {name!r} that it was forked from into this store"
            raise CorruptTape(f"its parent {name!r} is another recording than it refers to", advice=advice)
        return Parent(known.tape.steps, head.shares)

    def _read(self, name: str, below: int) -> _Known:
        """The parent of this name as it is now: the one that is known, if its bytes are the same."""
        before = self._sealed(name)
        known = self._known.get(name)
        if known is None or not before or known.packed != before:
            head, tape = self._load(name, below)
            alone = head.shares is None and self._sealed(name) == before
            known = _Known(tape, identity(tape.steps), head.shares, before if alone else b"")
        self._known[name] = known
        self._known.move_to_end(name)
        if len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return known


def moved(run_id: str) -> str:
    """The name of a log that is on its way to the name `run_id`."""
    return MOVED + sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()


def replace(backend: Backend, tape: Tape, limits: Limits) -> None:
    """Put `tape`, standing by itself, in the place of the log of its run; at no moment is there neither.

    Raises:
        StoreError: the backend refused; `finish` goes on where this stopped.
    """
    packed, _ = pack.pack_verified(tape, limits=limits)
    seal(backend, moved(tape.run_id), packed, 0)
    finish(backend, tape.run_id, packed)


def finish(backend: Backend, run_id: str, packed: bytes) -> None:
    """Bring the log that is on its way to `run_id` to its name; whoever else does so too does no harm."""
    if _sealed_as(backend, run_id) != packed:
        with suppress(NotFound):
            backend.delete(run_id)
        seal(backend, run_id, packed, 0)
    with suppress(NotFound):
        backend.delete(moved(run_id))


def remove(backend: Backend, run_id: str) -> None:
    """Delete a run, under its name and on its way to it.

    Raises:
        NotFound: it is under neither.
    """
    found = False
    for name in (moved(run_id), run_id):  # the one that would bring the other back first
        with suppress(NotFound):
            backend.delete(name)
            found = True
    if not found:
        raise NotFound(run_id)


def _sealed_as(backend: Backend, run_id: str) -> bytes:
    with suppress(NotFound, CorruptTape):
        return b"".join(backend.chunks(run_id))
    return b""


def waiting(backend: Backend, run_id: str) -> bytes | None:
    """The sealed bytes of a run whose log is still on its way to its name; None if there is none."""
    try:
        first = b"".join(backend.chunks(moved(run_id)))
    except NotFound:
        return None
    return first if journal.decode_header(first).run_id == run_id else None
