"""`blame` and `ablame`: make the forks that a study asks for, here, in tasks, or on any executor."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import anyio
from attrs import evolve, frozen

from ..core.tape import Tape
from ..drive import Agent
from ..files import dumps
from ..store import TapeStore
from .arms import Arms
from .design import Design, identity
from .findings import BlameReport
from .forking import Baseline, Packed, Setting, Source, abaseline, aperform, baseline, named, perform
from .jobs import Done, Job
from .ledger import Ledger
from .methods import method
from .oracles import Oracle
from .pricing import Pricing
from .spending import Budget
from .state import Probe
from .study import Progress, Study

Watch: TypeAlias = Callable[[Progress], object]
Replay: TypeAlias = Callable[[Setting], Baseline]
Store: TypeAlias = TapeStore | str | os.PathLike[str] | None

TASKS = 4
"""Forks that `ablame` has in flight unless told otherwise."""


def blame(
    tape: Tape,
    agent: Agent | str,
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: Store = None,
    ledger: str | os.PathLike[str] | None = None,
    executor: Executor | None = None,
    workers: int | None = None,
    watch: Watch | None = None,
    **design: Any,
) -> BlameReport:
    """Measure which step of `tape` made its outcome, by running `agent` again from many places of it.

    First the run is replayed, to know that the agent still does it and what the oracle says of it. Then
    forks are made, one after another or on `executor`, until a step is certified, another conclusion
    is, or the budget is spent. No fork costs what its prefix did.

    Args:
        tape: a run that has come to its end.
        agent: what made it, sync or async; for other processes something that pickles, or an import path
            `"package.module:function"`.
        oracle: from what the agent returns to True, False or None, as `attribution.oracles`.
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
        Conflict: the ledger is of another study, or in use.
        KeyboardInterrupt: as always; the ledger has all forks that are over.
    """
    plan = _Plan.of(tape, agent, oracle, budget, Design.of(**design), _width(executor, workers))
    with plan.begun(_setting(plan, store, executor), ledger, watch, baseline) as study:
        if executor is not None:
            _on(executor, study)
        else:
            while due := study.due(1):
                ((probe, job),) = due
                study.settle(probe, perform(study.setting, job))
        return plan.report(study)


async def ablame(
    tape: Tape,
    agent: Agent | str,
    oracle: Oracle | str,
    *,
    budget: Budget | None = None,
    store: Store = None,
    ledger: str | os.PathLike[str] | None = None,
    workers: int = TASKS,
    watch: Watch | None = None,
    **design: Any,
) -> BlameReport:
    """`blame` within a running event loop: forks are tasks, `workers` of them at a time.

    Arguments and errors are those of `blame`; a sync agent runs in threads.
    """
    plan = _Plan.of(tape, agent, oracle, budget, Design.of(**design), workers)
    setting = _setting(plan, store, None)
    found = await abaseline(setting)
    with plan.begun(setting, ledger, watch, lambda _: found) as study:
        await _in_tasks(study)
        return plan.report(study)


@frozen
class _Plan:
    """What is known of a study before its first fork."""

    tape: Tape
    agent: Agent | str
    oracle: Oracle | str
    budget: Budget
    design: Design
    arms: Arms
    pricing: Pricing
    batch: int

    @classmethod
    def of(
        cls,
        tape: Tape,
        agent: Agent | str,
        oracle: Oracle | str,
        budget: Budget | None,
        design: Design,
        width: int,
    ) -> _Plan:
        arms = Arms.of(tape, design.matcher)
        if not arms.n:
            raise ValueError("the run asked no model that answered: there is no step to blame")
        budget = budget or Budget()
        pricing = Pricing.of(tape, budget, design.prices)
        return cls(tape, agent, oracle, budget, design, arms, pricing, design.batch or width)

    @contextmanager
    def begun(
        self, setting: Setting, ledger: str | os.PathLike[str] | None, watch: Watch | None, replay: Replay
    ) -> Iterator[Study]:
        """The study, once the recorded run has been replayed; what it has open is closed in the end."""
        found = replay(setting)
        with ExitStack() as held:
            store = setting.store
            if store is not None:
                store = held.enter_context(_opened(store))
                if self.tape.run_id not in store:
                    store.save(self.tape, self.tape.run_id or None)
            local = isinstance(setting.source, Tape)
            until = None if self.budget.seconds is None else time.time() + self.budget.seconds
            setting = evolve(
                setting,
                store=store if local else setting.store,
                recorded=found.success,
                raised=found.raised,
                until=until,
            )
            kept = None
            if ledger is not None:
                who = identity(self.design, self.tape, self.agent, self.oracle)
                kept = held.enter_context(Ledger.open(ledger, who | {"batch": self.batch}))
            oracle = named(self.oracle)
            start = method(self.design, self.tape, oracle, self.arms, self.budget, self.pricing, self.batch)
            yield Study(
                setting,
                self.tape,
                self.arms,
                start,
                budget=self.budget,
                pricing=self.pricing,
                ledger=kept,
                mutation=self.design.mutation,
                watch=watch,
            )

    def report(self, study: Study) -> BlameReport:
        """What the study says by now."""
        return evolve(
            study.method.report(study.lines),
            recorded=study.setting.recorded,
            spent=study.spent,
            unit=self.pricing.unit,
            given=sum(line.done.given for line in study.lines),
            alpha=self.design.alpha,
            delta=self.design.delta,
            margin=self.design.margin,
        )


def _setting(plan: _Plan, store: Store, executor: Executor | None) -> Setting:
    """What all forks have in common, in a form that reaches those who make them."""
    design = plan.design
    source: Source = plan.tape
    kept = os.fspath(store) if isinstance(store, os.PathLike) else store
    if executor is not None and not isinstance(executor, ThreadPoolExecutor):
        if isinstance(kept, TapeStore):
            raise TypeError("forks in other processes open the store by themselves: pass its path")
        source = Packed(dumps(plan.tape))
    return Setting(
        source,
        plan.agent,
        plan.oracle,
        kept,
        on_raise=design.on_raise,
        tools=design.tools,
        matcher=design.matcher,
        prices=design.prices,
        options=tuple(sorted(design.options.items())),
    )


def _on(executor: Executor, study: Study) -> None:
    flying: dict[Future[Done], Probe] = {}
    try:
        while True:
            for probe, job in study.due():
                flying[executor.submit(perform, study.setting, job)] = probe
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                study.settle(flying.pop(future), future.result())
    finally:
        for future in flying:
            future.cancel()


async def _in_tasks(study: Study) -> None:
    over, ended = anyio.create_memory_object_stream[tuple[Probe, Done]](math.inf)

    async def make(probe: Probe, job: Job) -> None:
        over.send_nowait((probe, await aperform(study.setting, job)))

    with over, ended:
        async with anyio.create_task_group() as tasks:
            flying = 0
            while True:
                for probe, job in study.due():
                    tasks.start_soon(make, probe, job)
                    flying += 1
                if not flying:
                    return
                study.settle(*await ended.receive())
                flying -= 1


def _width(executor: Executor | None, workers: int | None) -> int:
    """How many forks may be in flight."""
    if executor is None:
        return 1
    return workers or getattr(executor, "_max_workers", None) or os.cpu_count() or 1


@contextmanager
def _opened(store: TapeStore | str) -> Iterator[TapeStore]:
    if isinstance(store, TapeStore):
        yield store
    else:
        with TapeStore.open(store) as opened:
            yield opened
