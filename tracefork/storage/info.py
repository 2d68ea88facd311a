"""Descriptions of runs, read from the first bytes of their logs. Pure."""

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
    """A run as a list shows it. `created_at` is in seconds since the epoch.

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
    """A branch: a run that left `parent` at exchange `step`."""

    branch_id: str
    parent: str
    step: int | None
    name: str
    desc: str
    info: RunInfo


def descendants(infos: Iterable[RunInfo], run_id: str) -> Iterator[RunInfo]:
    """Yield the finished branches of a run, their branches, and so on, each after its parent."""
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
    """Yield the tapes of the runs that can be loaded; call `lost` with each other one, and go on."""
    for info in infos:
        try:
            yield load(info.run_id)
        except (CorruptTape, NotFound) as why:
            if lost:
                lost(info, why)


def leave_out_probes(infos: Iterable[RunInfo], contrast: Iterable[str] = ()) -> Iterator[RunInfo]:
    """Yield `infos` without the forks that blame made, but for those in `contrast`."""
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


def describe(name: str, first: bytes, moved: Callable[[str], str] = str) -> RunInfo:
    """Return the description of the run in log `name`, read from the log's `first` 64 KiB or more.

    `moved` gives the other name that the log of a run may have.

    Raises:
        CorruptTape: they are damaged, or those of another run.
    """
    summary = pack.read_summary(first) if pack.is_packed(first) else None
    head = summary.header if summary else journal.decode_header(first)
    if name not in (head.run_id, moved(head.run_id)):
        raise CorruptTape(f"it is the header of run {head.run_id!r}")
    info = RunInfo(head.run_id, head.agent_name, head.created_at, head.parent, head.meta)
    if summary is None:
        return info
    return evolve(
        info, sealed=True, exchanges=summary.exchanges, outcome=summary.outcome, digest=summary.digest
    )
