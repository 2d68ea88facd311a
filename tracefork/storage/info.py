"""What a store tells of its runs without reading them whole. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from attrs import evolve, field, frozen

from ..codec import journal, pack
from ..core.tape import Tape
from ..core.values import Branch, Outcome
from ..errors import CorruptTape, NotFound

PROBE = "blame.probe"
"""Where the meta of a fork that blame made says what it was for."""


@frozen
class RunInfo:
    """What a list of runs says of one. `created_at` is in seconds since the epoch.

    `exchanges`, `outcome` and `digest` are known once the run is sealed. `damage`
    says what is wrong with a head that cannot be read; `run_id` is then the log's name.
    """

    run_id: str
    agent_name: str = ""
    created_at: float = 0.0
    parent: Branch | None = None
    meta: Mapping[str, str] = field(factory=dict, repr=False)
    sealed: bool = False
    exchanges: int | None = None
    outcome: Outcome | None = None
    digest: str | None = None
    damage: str = ""

    @property
    def is_probe(self) -> bool:
        """True for one of the many forks that blame makes."""
        return PROBE in self.meta


@frozen
class BranchInfo:
    """A run that came of another: it went its own way at exchange `step` of `parent`."""

    branch_id: str
    parent: str
    step: int
    name: str
    desc: str
    info: RunInfo


def descendants(infos: Iterable[RunInfo], run_id: str) -> Iterator[RunInfo]:
    """Of `infos`, the branches of a run that are over, and those of these, each after its parent."""
    branches = [info for info in infos if info.parent and info.sealed and not info.damage]
    generation = {run_id}
    while found := [info for info in branches if info.parent and info.parent.parent in generation]:
        yield from sorted(found, key=lambda info: (info.created_at, info.run_id))
        branches = [info for info in branches if info not in found]
        generation = {info.run_id for info in found}


def readable(
    infos: Iterable[RunInfo],
    load: Callable[[str], Tape],
    lost: Callable[[RunInfo, CorruptTape | NotFound], None] | None = None,
) -> Iterator[Tape]:
    """The runs that can be loaded; `lost` is told of each other: it is no reason to hide its parent."""
    for info in infos:
        try:
            yield load(info.run_id)
        except (CorruptTape, NotFound) as why:
            if lost:
                lost(info, why)


def shown(infos: Iterable[RunInfo], contrast: Iterable[str] = ()) -> Iterator[RunInfo]:
    """Of `infos`, those that a person wants to see: of the forks that blame made only `contrast`."""
    few = frozenset(contrast)
    return (info for info in infos if not info.is_probe or info.run_id in few)


@frozen
class Finding:
    """Something wrong with a stored run: where, what, and what to do about it.

    `certain` is False where it cannot be told whether the run is damaged: its
    parent is elsewhere, or a newer tracefork wrote it.
    """

    run_id: str
    where: str
    problem: str
    advice: str
    certain: bool = True


@frozen
class Reclaimed:
    """What `gc` has done: for which run, empty for the store as a whole, and what."""

    run_id: str
    what: str


def described(name: str, first: bytes, moved: Callable[[str], str] = str) -> RunInfo:
    """Return what the log `name` says of itself in its first 64 KiB or more.

    `moved` gives the other name that the log of a run may have.

    Raises:
        CorruptTape: they are damaged, or those of another run.
    """
    said = pack.read_summary(first) if pack.is_packed(first) else None
    head = said.header if said else journal.decode_header(first)
    if name not in (head.run_id, moved(head.run_id)):
        raise CorruptTape(f"it is the header of run {head.run_id!r}")
    info = RunInfo(head.run_id, head.agent_name, head.created_at, head.parent, head.meta)
    if said is None:
        return info
    return evolve(info, sealed=True, exchanges=said.exchanges, outcome=said.outcome, digest=said.digest)
