"""Stored branches refer to their parents' steps: finds a parent, and rewrites a branch to need none."""

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
    """A parent. `packed`: the sealed bytes it was read from; empty if it depends on another run."""

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
        """Return what a new branch may refer to: its parent's steps, if that run is over and undamaged."""
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
        """Return what a stored branch refers to, `below` generations above the run that is asked for.

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
        """Return the parent of this name, read anew unless the remembered one has the same bytes."""
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


def moving_name(run_id: str) -> str:
    """The name under which a rewritten run is kept until it has replaced the log named `run_id`."""
    return MOVED + sha256(run_id.encode("utf-8", "surrogatepass")).hexdigest()


def replace(backend: Backend, tape: Tape, limits: Limits) -> None:
    """Replace the log of a run by `tape`, which refers to no other; at every moment one of them exists.

    Raises:
        StoreError: the backend refused; `finish` goes on where this stopped.
    """
    packed, _ = pack.pack_verified(tape, limits=limits)
    seal(backend, moving_name(tape.run_id), packed, 0)
    finish(backend, tape.run_id, packed)


def finish(backend: Backend, run_id: str, packed: bytes) -> None:
    """Complete a replacement of `run_id` that was begun; several processes may do so at once."""
    if _read_sealed(backend, run_id) != packed:
        with suppress(NotFound):
            backend.delete(run_id)
        seal(backend, run_id, packed, 0)
    with suppress(NotFound):
        backend.delete(moving_name(run_id))


def remove(backend: Backend, run_id: str) -> None:
    """Delete a run and what is left of a replacement of it.

    Raises:
        NotFound: it is under neither.
    """
    found = False
    for name in (moving_name(run_id), run_id):  # the one that would bring the other back first
        with suppress(NotFound):
            backend.delete(name)
            found = True
    if not found:
        raise NotFound(run_id)


def _read_sealed(backend: Backend, run_id: str) -> bytes:
    with suppress(NotFound, CorruptTape):
        return b"".join(backend.chunks(run_id))
    return b""


def read_moving(backend: Backend, run_id: str) -> bytes | None:
    """Read the sealed bytes of a run whose replacement is not complete; None if there is none."""
    try:
        first = b"".join(backend.chunks(moving_name(run_id)))
    except NotFound:
        return None
    return first if journal.decode_header(first).run_id == run_id else None
