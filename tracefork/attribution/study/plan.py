"""A study before its first fork: checks what it is asked for, begins it, and reports it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TypeAlias

from attrs import evolve, frozen

from ...core.doubt import find_doubts
from ...core.tape import Tape
from ...errors import Conflict, InDoubt, UnrecordedTools
from ...host import clocks
from ...providers.unrecorded import find_unrecorded
from ...runs.agents import Agent
from ...runs.assembly import StoreLike
from ...runs.naming import resolve
from ...session.tools.decorator import REPEATABLE
from ...storage.store import TapeStore
from ...storage.tape_file import dumps
from ..findings.findings import BlameReport
from ..findings.ranking import withdraw, withhold
from ..forks.arms import Arms
from ..forks.budget import Budget
from ..forks.pricing import Pricing
from ..forks.repeats import audit
from ..oracles import Oracle
from .design import Design, identity
from .ledger import Ledger
from .methods import choose_method
from .probe import CHECKS, Baseline
from .redrawn import find_arms
from .setting import PackedTape, Setting, StoredTape
from .study import Progress, Study

Watch: TypeAlias = Callable[[Progress], object]


@frozen
class Plan:
    """What a study is asked for, and the arms and prices of its tape.

    `setting` is what all forks have in common, as far as it is known before the recorded run is
    replayed. With `elsewhere` forks are made in other processes, which open the store by themselves.
    """

    tape: Tape
    budget: Budget
    design: Design
    arms: Arms
    pricing: Pricing
    batch: int
    setting: Setting
    elsewhere: bool

    @classmethod
    def of(
        cls,
        tape: Tape,
        agent: Agent | str,
        oracle: Oracle | str,
        budget: Budget | None,
        design: Design,
        store: StoreLike,
        width: int,
        *,
        elsewhere: bool = False,
    ) -> Plan:
        """Return the plan of a study that has `width` forks in flight, unless `design` says otherwise.

        Raises:
            InDoubt, UnrecordedTools: forks would run tools that nobody meant to run.
            TypeError: the store is open, and other processes are to open it.
            ValueError: the run asked no model, or a price is not known; or several forks of one process
                would take each other's threads for their own.
        """
        design = design.on(tape)
        _check_tools(tape, design)
        arms = find_arms(tape, design)
        budget = budget or Budget()
        pricing = Pricing.of(tape, budget, design.prices)
        batch = design.batch or width
        place = os.fspath(store) if isinstance(store, os.PathLike) else store
        if elsewhere and isinstance(place, TapeStore):
            raise TypeError("forks in other processes open the store by themselves: pass its path")
        if not elsewhere and batch > 1 and design.options.get("scope") == "process":
            raise ValueError(
                'with scope="process" forks of one process would mix: make them in processes of their own'
            )
        setting = Setting(
            tape,
            agent,
            oracle,
            place,
            on_raise=design.on_raise,
            tools=design.tools,
            matcher=design.matcher,
            prices=design.prices,
            backoff=design.backoff,
            audits=design.repeats == "audit",
            options=tuple(sorted(design.options.items())),
        )
        return cls(tape, budget, design, arms, pricing, batch, setting, elsewhere)

    @contextmanager
    def begin(
        self, found: Baseline, ledger: str | os.PathLike[str] | None, watch: Watch | None
    ) -> Iterator[Study]:
        """Give the study of a recorded run that was `found` so; close what it has open in the end."""
        seconds = self.budget.seconds
        with ExitStack() as held:
            setting = evolve(
                self._place(held),
                recorded=found.success,
                raised=found.raised,
                until=None if seconds is None else clocks.now() + seconds,
            )
            oracle = resolve(setting.oracle)
            yield Study(
                setting,
                self.tape,
                self.arms,
                choose_method(
                    self.design if self.must_stand(found) else evolve(self.design, final="sampled"),
                    self.tape,
                    oracle,
                    self.arms,
                    self.pricing,
                    self.batch,
                ),
                budget=self.budget,
                pricing=self.pricing,
                ledger=None if ledger is None else held.enter_context(self._open_ledger(ledger, found)),
                mutation=self.design.mutation,
                watch=watch,
            )

    @property
    def checks(self) -> int:
        """How often the recorded run is judged before the first fork and after the last one."""
        return CHECKS if self.design.is_final_known(self.tape, resolve(self.setting.oracle), self.arms) else 1

    def must_stand(self, found: Baseline) -> bool:
        """True if what was `found` of the recorded run counts as known, so that it has to be found again."""
        return self.checks > 1 and not found.wavers

    def report(self, study: Study, found: Baseline, again: Baseline | None) -> BlameReport:
        """Return what the forks so far say.

        That is nothing, if the recorded run must stand as it was `found`, and was found otherwise `again` at
        the end, or could not be judged any more.
        """
        report = study.method.report(study.lines)
        if again != found and self.must_stand(found):
            report = withdraw(report)
        elif self.design.repeats == "audit":
            report = withhold(report, audit(study.lines))
        return evolve(
            report,
            recorded=study.setting.recorded,
            spent=study.spent,
            unit=self.pricing.unit,
            given=sum(line.done.given for line in study.lines),
            alpha=self.design.alpha,
            delta=self.design.delta,
            margin=self.design.margin,
            digest=self.tape.digest(),
        )

    def _place(self, held: ExitStack) -> Setting:
        """The setting with the tape saved in the store, if there is one, and both as the forks find them."""
        setting, parent = self.setting, None
        if setting.store is not None:
            store = held.enter_context(_open(setting.store))
            parent = _save(self.tape, store)
            setting = evolve(setting, parent=parent, store=setting.store if self.elsewhere else store)
        if not self.elsewhere:
            return setting
        if isinstance(setting.store, str) and parent:
            return evolve(setting, source=StoredTape(setting.store, parent))
        return evolve(setting, source=PackedTape(dumps(self.tape)))

    def _open_ledger(self, path: str | os.PathLike[str], found: Baseline) -> Ledger:
        study = identity(self.design, self.tape, self.setting.agent, self.setting.oracle, self.arms)
        study |= {
            "batch": self.batch,
            "recorded": found.success,
            "raised": found.raised,
            "wavers": found.wavers,
        }
        return Ledger.open(path, study)


def _check_tools(tape: Tape, design: Design) -> None:
    """Check that forks of `tape` run no tool that nobody meant to run.

    Raises:
        InDoubt: one may have run before a crash, and `on_doubt` is not given.
        UnrecordedTools: one is unknown to the run.
    """
    doubted = [call for call in find_doubts(tape) if not REPEATABLE.get(call.name)]
    if doubted and "on_doubt" not in design.options:
        raise InDoubt(doubted[0], what="blame")
    if not design.tools_run_for_real and (names := find_unrecorded(tape)):
        raise UnrecordedTools(names)


def _save(tape: Tape, store: TapeStore) -> str:
    """Return the name that the tape has in the store: its own, or, if it had none, a new one.

    Raises:
        Conflict: another run has its name there.
    """
    if not tape.run_id or tape.run_id not in store:
        return store.save(tape, tape.run_id or None)
    if store.load(tape.run_id).digest() != tape.digest():
        raise Conflict(f"the store has another run that is called {tape.run_id}: keep the forks elsewhere")
    return tape.run_id


@contextmanager
def _open(store: TapeStore | str) -> Iterator[TapeStore]:
    if isinstance(store, TapeStore):
        yield store
    else:
        with TapeStore.open(store) as own:
            yield own
