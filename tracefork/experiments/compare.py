"""`compare` and `acompare`: is a change better, worse or the same? Measured in pairs over tapes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from ..attribution.forks.budget import Budget
from ..attribution.oracles import Oracle
from ..attribution.study.executors import choose_width
from ..core.tape import Tape
from ..runs.agents import Agent, check_loop
from ..runs.assembly import StoreLike
from ..runs.naming import resolve
from .bench import Bench, Watch, run_here, run_in_tasks, run_on
from .evidence import Evidence
from .lab import Arm, Fix
from .pairs import Pairs
from .results import Comparison, make_comparison
from .setup import Setup, gather_tapes

TASKS = 4
"""Pairs that `acompare` has in flight by default."""


def compare(
    tapes: Tape | Sequence[Tape],
    before: Agent | str,
    after: Fix,
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
    selection: str = "",
    **options: Any,
) -> Comparison:
    """Measure whether `after` does better than `before` on `tapes`; return the verdict and what it rests on.

    Both run in pairs, each pair on a tape that chance draws and in an order that chance decides, live from
    the first question that the change touches; all before it is served, and costs nothing. The mean of
    the differences of their scores is what is measured: over the tapes, each of equal weight. A tape that
    the change does not touch counts as a difference of 0. It ends as soon as the verdict is reached, or when
    the budget is spent.

    Args:
        tapes: runs that have come to their end, of one agent.
        before: what made them, sync or async; for other processes something that pickles, or
            `"package.module:function"`.
        after: another agent, or edits of what `before` asks, one or a list, as `tracefork.edits`.
        oracle: from what the agent returns to True, False or None, or a score within [0, 1].
        budget: the most that may be spent; by default 200 runs, two a pair.
        store: where runs are kept; for other processes its path.
        ledger: a file that keeps what every pair came to. Where it is there, the experiment goes on from it.
        executor: any `concurrent.futures.Executor`.
        workers: pairs in flight on it.
        watch: is called after each pair.
        alpha: the probability at most that the verdict is wrong, however often one looks.
        margin: a difference that is less than this, either way, is SAME.
        selection: how the tapes were chosen, such as "--failed": it is named in the verdict.
        options: `seed`, `tools`, `on_raise`, `prices`, `matcher`, and others of `tracefork.fork`.

    Raises:
        ValueError: `before` does not do again what is on a tape; there is no
            tape, one is unfinished, or is given twice; or a price is not known.
        TypeError: `after` is no change; or an open store is given with other processes.
        Conflict: the ledger is of another experiment, or in use.
        RuntimeError: an agent is async and an event loop is running; await `acompare`.
    """
    for agent in (before, after):
        if isinstance(agent, str) or callable(agent):
            check_loop(resolve(agent), "await tracefork.acompare(...) instead")
    elsewhere = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    setup = _set_up(tapes, before, after, oracle, budget, store, alpha, margin, options, elsewhere=elsewhere)
    with _begin(setup, alpha, margin, ledger, watch, choose_width(executor, workers)) as (bench, design):
        if executor is None:
            run_here(bench)
        else:
            run_on(executor, bench)
        return _report(setup, bench, design, selection)


async def acompare(
    tapes: Tape | Sequence[Tape],
    before: Agent | str,
    after: Fix,
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: StoreLike = None,
    ledger: str | os.PathLike[str] | None = None,
    workers: int = TASKS,
    watch: Watch | None = None,
    alpha: float = 0.05,
    margin: float = 0.1,
    selection: str = "",
    **options: Any,
) -> Comparison:
    """`compare` within a running event loop: pairs are tasks, `workers` of them at a time.

    Arguments and errors are those of `compare`; sync agents run in threads.
    """
    setup = await Setup.aof(
        gather_tapes(tapes), (Arm(before), Arm.of(before, after)), oracle, budget, store, options
    )
    with _begin(setup, alpha, margin, ledger, watch, workers) as (bench, design):
        await run_in_tasks(bench)
        return _report(setup, bench, design, selection)


# -- below -----------------------------------------------------------------------------


def _set_up(
    tapes: Tape | Sequence[Tape],
    before: Agent | str,
    after: Fix,
    oracle: Oracle | str,
    budget: Budget | None,
    store: StoreLike,
    alpha: float,
    margin: float,
    options: dict[str, Any],
    *,
    elsewhere: bool,
) -> Setup:
    Evidence(alpha, margin)  # bad ones are refused before any agent runs
    arms = Arm(before), Arm.of(before, after)
    return Setup.of(gather_tapes(tapes), arms, oracle, budget, store, options, elsewhere=elsewhere)


@contextmanager
def _begin(
    setup: Setup,
    alpha: float,
    margin: float,
    ledger: str | os.PathLike[str] | None,
    watch: Watch | None,
    width: int,
) -> Iterator[tuple[Bench, Pairs]]:
    start = Evidence(alpha, margin, len(setup.touched) / len(setup.tapes))
    design = Pairs(setup.lab.seed, setup.touched, start)
    with ExitStack() as held:
        lab = setup.open(held, width)
        book = None if ledger is None else setup.open_ledger(held, ledger, {"alpha": alpha, "margin": margin})
        yield Bench(lab, design, setup.worst, setup.budget, ledger=book, watch=watch, width=width), design


def _report(setup: Setup, bench: Bench, design: Pairs, selection: str) -> Comparison:
    ended = bench.ended
    return make_comparison(
        design.weigh(ended),
        ended,
        tuple(tape.run_id for tape in setup.tapes),
        setup.touched,
        setup.lab.arms[1].name,
        bench.forks,
        bench.spent,
        selection,
    )
