"""`tournament` and `atournament`: which of several fixes cures a run, and by how much."""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from attrs import field, frozen

from ..attribution.forks.budget import Budget, Spent
from ..attribution.oracles import Oracle
from ..attribution.study.executors import choose_width
from ..core.tape import Tape
from ..runs.agents import Agent, check_loop
from ..runs.assembly import StoreLike
from ..runs.naming import resolve
from .bench import Bench, Watch, run_here, run_in_tasks, run_on
from .blocks import Ended
from .evidence import Evidence
from .lab import Arm, Fix
from .pairs import describe_mean
from .race import Final, Race
from .setup import Setup, gather_tapes

TASKS = 4


@frozen
class Cures:
    """What a tournament found. `fixes` are the names of all, `final` what is certified of the first.

    `final` is None if the budget was spent, or nothing was touched, before two were left.
    """

    fixes: tuple[str, ...]
    final: Final | None
    runs: int
    spent: Spent
    blocks: tuple[Ended, ...] = field(default=(), repr=False)

    @property
    def cure(self) -> str | None:
        """The name of the fix that is certified to be better than no change, or None."""
        return self.fixes[self.final.ranked[0] - 1] if self.final and self.final.is_cure else None

    def summary(self) -> str:
        """Return what is certified, each figure with its interval."""
        if self.final is None:
            return f"NO CURE FOUND: the tournament had no final ({self.runs} runs)."
        first, *others = (self.fixes[arm - 1] for arm in self.final.ranked)
        gain = describe_mean(self.final.gain)
        if not self.final.is_cure:
            return f"NO CURE FOUND: {first} did best, and is not shown to be better than no change ({gain})."
        claim = f"CURE: {first} is better than no change ({gain})."
        if self.final.lead is None:
            return claim
        word = "is" if self.final.is_best else "is not shown to be"
        return f"{claim} It {word} better than the second, {others[0]} ({describe_mean(self.final.lead)})."


def tournament(
    tapes: Tape | Sequence[Tape],
    agent: Agent | str,
    fixes: Sequence[Fix],
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: StoreLike = None,
    ledger: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    watch: Watch | None = None,
    alpha: float = 0.05,
    margin: float = 0.1,
    **options: Any,
) -> Cures:
    """Find which of `fixes` makes `agent` succeed on `tapes`; certify it against no change and the second.

    All run live from the first question that any of the fixes touches. Fixes race first; fresh runs then
    certify the winner, so that to try many costs no certainty.

    Args:
        fixes: edits, lists of edits, answers to a step (`tracefork.experiments.lab.Answer`), or agents.
        alpha: the probability at most that anything which is certified is false.
        margin: where the lead over the second is shown to be less than this, it is over.
        tapes, oracle, budget, store, ledger, executor, workers, watch, options: as for `compare`.

    Raises:
        ValueError: there is no fix; and as for `compare`.
        TypeError, Conflict, RuntimeError: as for `compare`.
    """
    for one in (agent, *fixes):
        if isinstance(one, str) or callable(one):
            check_loop(resolve(one), "await tracefork.atournament(...) instead")
    elsewhere = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    start, arms = Evidence(alpha, margin), _make_arms(agent, fixes)
    setup = Setup.of(gather_tapes(tapes), arms, oracle, budget, store, options, elsewhere=elsewhere)
    with ExitStack() as held:
        bench, race = _begin(held, setup, start, ledger, watch, choose_width(executor, workers))
        if executor is None:
            run_here(bench)
        else:
            run_on(executor, bench)
        return _report(setup, bench, race)


async def atournament(
    tapes: Tape | Sequence[Tape],
    agent: Agent | str,
    fixes: Sequence[Fix],
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: StoreLike = None,
    ledger: str | os.PathLike[str] | None = None,
    workers: int = TASKS,
    watch: Watch | None = None,
    alpha: float = 0.05,
    margin: float = 0.1,
    **options: Any,
) -> Cures:
    """`tournament` within a running event loop: blocks are tasks, `workers` of them at a time.

    Arguments and errors are those of `tournament`; sync agents run in threads.
    """
    start, arms = Evidence(alpha, margin), _make_arms(agent, fixes)
    setup = await Setup.aof(gather_tapes(tapes), arms, oracle, budget, store, options)
    with ExitStack() as held:
        bench, race = _begin(held, setup, start, ledger, watch, workers)
        await run_in_tasks(bench)
        return _report(setup, bench, race)


# -- below -----------------------------------------------------------------------------


def _make_arms(agent: Agent | str, fixes: Sequence[Fix]) -> tuple[Arm, ...]:
    if not fixes:
        raise ValueError("there is no fix to try: give edits, answers or agents")
    return Arm(agent), *(Arm.of(agent, fix) for fix in fixes)


def _begin(
    held: ExitStack,
    setup: Setup,
    start: Evidence,
    ledger: str | os.PathLike[str] | None,
    watch: Watch | None,
    width: int,
) -> tuple[Bench, Race]:
    shared = Evidence(start.alpha, start.margin, len(setup.touched) / len(setup.tapes))
    race = Race(setup.lab.seed, setup.touched, len(setup.lab.arms) - 1, shared)
    lab = setup.open(held, width)
    more = {"alpha": start.alpha, "margin": start.margin, "what": "tournament"}
    book = None if ledger is None else setup.open_ledger(held, ledger, more)
    return Bench(lab, race, setup.worst, setup.budget, ledger=book, watch=watch, width=width), race


def _report(setup: Setup, bench: Bench, race: Race) -> Cures:
    names = tuple(arm.name for arm in setup.lab.arms[1:])
    final = race.weigh(bench.ended) if setup.touched else None
    return Cures(names, final, bench.forks, bench.spent, bench.ended)
