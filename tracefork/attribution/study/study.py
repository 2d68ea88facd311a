"""A study in progress: gives the forks that are due, and counts the results of those that are over.

It makes no fork itself: `due` gives jobs to whoever makes them, `settle` takes what came of
them, in any order. All that it knows is what the lines of its ledger fold to.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import frozen

from ...core.tape import Tape
from ...host import clocks
from ..forks.arms import Arms
from ..forks.budget import Budget, Purse, Spent
from ..forks.jobs import Begun, Done, Job, Line
from ..forks.pricing import Pricing
from ..forks.repeats import is_idle
from ..mutations import Mutation, mutate
from ..search.state import Grade, Kind, Probe
from .ledger import Ledger
from .methods import Method
from .setting import Setting

LOOPS = 3
"""Times the recorded calls that a fork's live tail may ask, and `SPARE` more: agents loop."""
SPARE = 10
TRIES = 4
"""Calls of a forced fork: its step, and the tries again of an SDK."""


UNCHANGED = Done(Grade.ERROR, note="the mutation changes nothing here")


@frozen
class Progress:
    """How far a study is: forks that are over, of how many at most, what they cost; and the last one.

    `leading` says which step is ahead by now.
    """

    forks: int
    most: int
    spent: Spent
    last: Done
    leading: str


class Study:
    """The forks of one study; `method` is what they say so far. Not for several threads at once."""

    def __init__(
        self,
        setting: Setting,
        tape: Tape,
        arms: Arms,
        method: Method,
        *,
        budget: Budget,
        pricing: Pricing,
        ledger: Ledger | None = None,
        mutation: Mutation | None = None,
        watch: Callable[[Progress], object] | None = None,
    ) -> None:
        self.setting = setting
        self.method = method
        self.lines: list[Line] = []
        self._tape, self._arms, self._pricing = tape, arms, pricing
        self._purse = Purse(budget)
        self._flying: dict[Probe, Spent] = {}
        self._ledger, self._mutation, self._watch = ledger, mutation, watch
        for line in ledger.lines if ledger else ():
            match line:
                case Begun(probe):
                    if (lost := self._flying.get(probe)) is not None:  # killed in it more than once
                        self._purse = self._purse.settle(lost, lost)
                    self._begin(probe)
                case Line(probe, done):
                    self._end(probe, done)
        for worst in self._flying.values():  # begun when it was killed: paid, who knows how much
            self._purse = self._purse.settle(worst, worst)
        self._flying.clear()

    def due(self, most: int | None = None) -> list[tuple[Probe, Job]]:
        """The forks to begin now, `most` of them. None, if those in flight must end first, or all is over."""
        while planned := self._plan(most):
            begun = []
            for probe in planned:
                if self._ledger:
                    self._ledger.add(Begun(probe))
                self._begin(probe)
                if (job := self._make_job(probe)) is not None:
                    begun.append((probe, job))
                else:
                    self.settle(probe, UNCHANGED)
            if begun:
                return begun
        if not self._flying:
            self.method = self.method.stop()
        return []

    def _plan(self, most: int | None) -> list[Probe]:
        """The probes that are due and fit what is left, whichever of them fly."""
        if self.setting.until is not None and clocks.now() >= self.setting.until:
            return []
        if self.setting.audits and is_idle(self.lines):
            return []
        purse, fitting = self._purse, list[Probe]()
        for probe in self.method.plan(tuple(self._flying))[:most]:
            worst = self._find_worst(probe)
            if not purse.fits(worst):
                break
            purse = purse.reserve(worst)
            fitting.append(probe)
        return fitting

    def settle(self, probe: Probe, done: Done) -> None:
        """A fork is over. Its line is durable on return."""
        if self._ledger:
            self._ledger.add(Line(probe, done))
        self._end(probe, done)
        if self._watch:
            purse = self._purse
            over, most = len(self.lines), purse.budget.forks
            self._watch(Progress(over, most, purse.spent, done, self.method.leading))

    @property
    def spent(self) -> Spent:
        return self._purse.spent

    def _begin(self, probe: Probe) -> None:
        worst = self._find_worst(probe)
        self._purse = self._purse.reserve(worst)
        self._flying[probe] = worst

    def _end(self, probe: Probe, done: Done) -> None:
        self._purse = self._purse.settle(self._flying.pop(probe), done.spent)
        self.lines.append(Line(probe, done))
        cost = self._pricing.in_unit(done.spent)
        self.method = self.method.observe(probe, done.grade, cost)

    def _find_worst(self, probe: Probe) -> Spent:
        upto = self._arms.upto(probe.arm)
        return self._pricing.one(upto) if probe.kind is Kind.FORCED else self._pricing.worst[upto]

    def _make_job(self, probe: Probe) -> Job | None:
        """The fork to make; None where the mutation changes nothing."""
        upto = self._arms.upto(probe.arm)
        name = f"{_describe(probe, self._arms)}, draw {probe.draw}"
        calls = TRIES if probe.kind is Kind.FORCED else LOOPS * (len(self._tape) - upto) + SPARE
        most = self._find_worst(probe) if self._pricing.limited else None
        answer = None
        if probe.kind is Kind.PERTURB and self._mutation:
            answer = mutate(self._mutation, self._tape.by_head[upto])
            if answer is None:
                return None
        arm, forced = probe.arm, probe.kind is Kind.FORCED
        last = self._arms.until(arm) if answer is None else None
        event = None if answer or forced else self._arms.event(arm)
        return Job(upto, calls, most, answer, forced, probe.seed, name, last, event)


def _describe(probe: Probe, arms: Arms) -> str:
    """The purpose of a fork, as its branch is called."""
    if probe.arm == arms.n:
        return "all answers as recorded"
    what = arms.part(probe.arm).what
    match probe.kind:
        case Kind.PERTURB:
            return f"{what} changed"
        case Kind.FORCED:
            return f"{what} alone anew"
        case Kind.EXPLORE | Kind.CONFIRM | Kind.NOOP:
            return f"live from {what}"
