"""`blame` and `ablame`: make the forks that a study asks for, here, in tasks, or on any executor."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import anyio
from attrs import evolve, frozen

from ...core.doubt import find_doubts
from ...core.tape import Tape
from ...errors import Conflict, InDoubt, UnrecordedTools
from ...host import clocks
from ...providers.unrecorded import find_unrecorded
from ...runs.verify import Agent, is_async
from ...runtime.waiting import in_loop
from ...session.tools.decorator import REPEATABLE
from ...storage.store import TapeStore
from ...storage.tape_file import dumps
from ..findings.findings import BlameReport
from ..forks.arms import Arms
from ..forks.budget import Budget
from ..forks.jobs import Done, Job
from ..forks.pricing import Pricing
from ..oracles import Oracle
from ..search.state import Probe
from .design import Design, identity
from .ledger import Ledger
from .methods import method
from .probe import Baseline, Packed, Setting, Stored, abaseline, aperform, baseline, named, perform
from .study import Progress, Study

Watch: TypeAlias = Callable[[Progress], object]
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
        Conflict: the ledger is of another study, or in use; or the store has another run of this name.
        InDoubt: a tool of the run may have run, and nobody has said what came of it.
        UnrecordedTools: a model called tools that are no effects of the tape: forks would run them for real.
        RuntimeError: the agent is async and an event loop is running; await `ablame`.
        KeyboardInterrupt: as always; the ledger has all forks that are over.
    """
    if is_async(named(agent)) and in_loop():
        raise RuntimeError("an event loop is running: await tracefork.ablame(...) instead")
    plan = _Plan.of(tape, agent, oracle, budget, Design.of(**design), _width(executor, workers))
    elsewhere = executor is not None and not isinstance(executor, ThreadPoolExecutor)
    setting = _setting(plan, store, elsewhere=elsewhere)
    found = baseline(setting)
    with plan.begun(setting, found, ledger, watch, elsewhere=elsewhere) as study:
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
    setting = _setting(plan, store, elsewhere=False)
    found = await abaseline(setting)
    with plan.begun(setting, found, ledger, watch, elsewhere=False) as study:
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
        design = design.on(tape)
        _forkable(tape, design)
        arms = Arms.of(tape, design.matcher)
        if not arms.n:
            raise ValueError("the run asked no model that answered: there is no step to blame")
        budget = budget or Budget()
        pricing = Pricing.of(tape, budget, design.prices)
        return cls(tape, agent, oracle, budget, design, arms, pricing, design.batch or width)

    @contextmanager
    def begun(
        self,
        setting: Setting,
        found: Baseline,
        ledger: str | os.PathLike[str] | None,
        watch: Watch | None,
        *,
        elsewhere: bool,
    ) -> Iterator[Study]:
        """The study, once the recorded run is known; what it has open is closed in the end.

        With `elsewhere` forks are made in other processes, which open the store by themselves.
        """
        with ExitStack() as held:
            store, source, parent = setting.store, setting.source, None
            if setting.store is not None:
                opened = held.enter_context(_opened(setting.store))
                parent = _saved(self.tape, opened)
                if not elsewhere:
                    store = opened
            if elsewhere:
                source = (
                    Stored(store, parent) if isinstance(store, str) and parent else Packed(dumps(self.tape))
                )
            setting = evolve(
                setting,
                source=source,
                store=store,
                parent=parent,
                recorded=found.success,
                raised=found.raised,
                until=None if self.budget.seconds is None else clocks.now() + self.budget.seconds,
            )
            kept = None
            if ledger is not None:
                who = identity(self.design, self.tape, self.agent, self.oracle)
                who |= {"batch": self.batch, "recorded": found.success, "raised": found.raised}
                kept = held.enter_context(Ledger.open(ledger, who))
            oracle = named(self.oracle)
            start = method(self.design, self.tape, oracle, self.arms, self.pricing, self.batch)
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
            digest=self.tape.digest(),
        )


def _forkable(tape: Tape, design: Design) -> None:
    """See that forks of `tape` run no tool that nobody meant to run.

    Raises:
        InDoubt: one may have run, and nobody has said what came of it.
        UnrecordedTools: one is unknown to the run.
    """
    doubted = [call for call in find_doubts(tape) if not REPEATABLE.get(call.name)]
    if doubted and "on_doubt" not in design.options:
        raise InDoubt(doubted[0], what="blame")
    if not design.tools_run_for_real and (names := find_unrecorded(tape)):
        raise UnrecordedTools(names)


def _setting(plan: _Plan, store: Store, *, elsewhere: bool) -> Setting:
    """What all forks have in common.

    Raises:
        TypeError: the store is open, and others are to open it.
        ValueError: several forks of one process would take each other's threads for their own.
    """
    design = plan.design
    kept = os.fspath(store) if isinstance(store, os.PathLike) else store
    if elsewhere and isinstance(kept, TapeStore):
        raise TypeError("forks in other processes open the store by themselves: pass its path")
    if not elsewhere and plan.batch > 1 and design.options.get("scope") == "process":
        raise ValueError(
            'with scope="process" forks of one process would mix: make them in processes of their own'
        )
    return Setting(
        plan.tape,
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
    if not isinstance(executor, ThreadPoolExecutor):
        _reach(executor, study.setting)
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
    over, ended = anyio.create_memory_object_stream[tuple[Probe, Done | Exception]](math.inf)
    failure: Exception | None = None

    async def make(probe: Probe, job: Job) -> None:
        try:
            over.send_nowait((probe, await aperform(study.setting, job)))
        except Exception as exc:  # noqa: BLE001  it is raised below, outside of the group
            over.send_nowait((probe, exc))

    with over, ended:
        async with anyio.create_task_group() as tasks:
            flying = 0
            while failure is None:
                for probe, job in study.due():
                    tasks.start_soon(make, probe, job)
                    flying += 1
                if not flying:
                    return
                failure = _settle(study, *await ended.receive())
                flying -= 1
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


def _settle(study: Study, probe: Probe, done: Done | Exception) -> Exception | None:
    """Tell the study what came of a fork; return what went wrong in telling or making it."""
    if isinstance(done, Exception):
        return done
    try:
        study.settle(probe, done)
    except Exception as exc:  # noqa: BLE001  whoever watches may raise
        return exc
    return None


def _reach(executor: Executor, setting: Setting) -> None:
    """Send what all forks have in common there and see that it arrives, before any fork is begun.

    Raises:
        TypeError: it does not.
    """
    try:
        executor.submit(_arrived, setting).result()
    except BrokenExecutor:
        raise
    except Exception as exc:
        raise TypeError(
            f"the agent or the oracle cannot be sent to another process ({type(exc).__name__}: {exc}): "
            f"name it by import path, as package.module:function"
        ) from exc


def _arrived(setting: Setting) -> bool:
    """What was named is there."""
    return callable(named(setting.agent)) and callable(named(setting.oracle))


def _saved(tape: Tape, store: TapeStore) -> str:
    """The name that the tape has in the store: its own, or, if it had none, a new one.

    Raises:
        Conflict: another run has its name there.
    """
    if not tape.run_id or tape.run_id not in store:
        return store.save(tape, tape.run_id or None)
    if store.load(tape.run_id).digest() != tape.digest():
        raise Conflict(f"the store has another run that is called {tape.run_id}: keep the forks elsewhere")
    return tape.run_id


def _width(executor: Executor | None, workers: int | None) -> int:
    """How many forks may be in flight.

    Raises:
        ValueError: there are workers, and nothing for them to work on.
    """
    if executor is None:
        if workers not in (None, 1):
            raise ValueError("workers= is for an executor: pass one, or await ablame(...)")
        return 1
    return workers or getattr(executor, "_max_workers", None) or os.cpu_count() or 1


@contextmanager
def _opened(store: TapeStore | str) -> Iterator[TapeStore]:
    if isinstance(store, TapeStore):
        yield store
    else:
        with TapeStore.open(store) as opened:
            yield opened
