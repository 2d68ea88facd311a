"""`blame` and `ablame`: measure which step of a tape made its outcome; return a report."""

from __future__ import annotations

import os
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from ...core.tape import Tape
from ...runs.agents import Agent, check_loop
from ...runs.assembly import StoreLike
from ...runs.naming import resolve
from ..findings.findings import BlameReport
from ..forks.budget import Budget
from ..oracles import Oracle
from .design import Design
from .executors import choose_width, run_here, run_in_tasks, run_on
from .plan import Plan, Watch
from .probe import afind_baseline, find_baseline

TASKS = 4
"""Forks that `ablame` has in flight by default."""


def blame(
    tape: Tape,
    agent: Agent | str,
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: StoreLike = None,
    ledger: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    watch: Watch | None = None,
    **design: Any,
) -> BlameReport:
    """Measure which step of `tape` made its outcome, by running `agent` again from many places of it.

    First the run is replayed, to check that the agent still does it, and the oracle is asked about it. Then
    forks are made, one after another or on `executor`, until a step is certified, another verdict
    is reached, or the budget is spent. No fork costs what its prefix did.

    Where the oracle's word on the recorded run counts as known, it is asked several times, and again at the
    end. If it says now this, now that, how often is measured, as for any fork; if it says otherwise at the
    end, nothing is named.

    Args:
        tape: a run that has come to its end.
        agent: what made it, sync or async; for other processes something that pickles, or an import path
            `"package.module:function"`.
        oracle: from what the agent returns to True, False or None, or a score within [0, 1], as
            `attribution.oracles`. The rate of forks with scores is their mean.
        budget: the most that may be spent; by default 200 forks.
        store: where forks are kept as branches; for other processes its path. The tape is saved
            there too, unless it is there.
        ledger: a file that keeps what every fork came to as soon as it is over. Where it is there, the
            study goes on from it: nothing is paid twice but what was in flight.
        executor: any `concurrent.futures.Executor`: threads, processes, Dask's, Ray's, MPI's.
        workers: forks in flight on it; by default as many as it says it has, else as there are cores.
        watch: is called after each fork.
        design: the options of `attribution.Design`.

    Raises:
        Divergence: the agent does not do again what is on the tape.
        ValueError: the oracle cannot say what the recorded run was; the run has not come to its end, or
            asked no model; the budget is in USD and a price is not known; an option has no such value.
        Conflict: the ledger is of another study, or in use; or the store has another run of this name.
        InDoubt: a tool of the run may have run before a crash, and `on_doubt` is not given.
        UnrecordedTools: a model called tools that are no effects of the tape: forks would run them for real.
        RuntimeError: the agent is async and an event loop is running; await `ablame`.
        KeyboardInterrupt: as always; the ledger has all forks that are over.
    """
    check_loop(resolve(agent), "await tracefork.ablame(...) instead")
    elsewhere = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    in_flight = choose_width(executor, workers)
    plan = Plan.of(tape, agent, oracle, budget, Design.of(**design), store, in_flight, elsewhere=elsewhere)
    found = find_baseline(plan.setting, plan.checks)
    with plan.begin(found, ledger, watch) as study:
        if executor is not None:
            run_on(executor, study)
        else:
            run_here(study)
        again = None
        if plan.must_stand(found):
            with suppress(Exception):  # the forks are paid for, and that the run is not judged is a finding
                again = find_baseline(plan.setting, plan.checks)
        return plan.report(study, found, again)


async def ablame(
    tape: Tape,
    agent: Agent | str,
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: StoreLike = None,
    ledger: str | os.PathLike[str] | None = None,
    workers: int = TASKS,
    watch: Watch | None = None,
    **design: Any,
) -> BlameReport:
    """`blame` within a running event loop: forks are tasks, `workers` of them at a time.

    Arguments and errors are those of `blame`; a sync agent runs in threads.
    """
    plan = Plan.of(tape, agent, oracle, budget, Design.of(**design), store, workers)
    found = await afind_baseline(plan.setting, plan.checks)
    with plan.begin(found, ledger, watch) as study:
        await run_in_tasks(study)
        again = None
        if plan.must_stand(found):
            with suppress(Exception):  # as above
                again = await afind_baseline(plan.setting, plan.checks)
        return plan.report(study, found, again)
