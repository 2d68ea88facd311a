"""The values of a search: probes, their grades, nominations, and the state that holds them.

A state holds the probes that are due, in the order of planning, and takes their
outcomes in that order, whatever order they come in. A fork that fails sooner than
it succeeds would otherwise make the first outcomes worse than the rate that they
are drawn from, and nothing could be certified of them.
"""

from __future__ import annotations

import math
from enum import StrEnum
from hashlib import sha256

from attrs import evolve, frozen

from ..statistics.bets import NONE, Differences
from .conclusion import Conclusion
from .config import Config

HOPELESS = 3
"""How many broken forks of an arm are enough to leave it alone, if most are."""


class Grade(StrEnum):
    """The result of a fork.

    SUCCESS and FAILURE are the oracle's. AMBIGUOUS: it could not say. CENSORED:
    a budget or a limit of steps cut the fork. DIVERGED: the agent left the
    prefix. ERROR: the fork crashed. The last two say nothing of the rate.
    """

    SUCCESS = "success"
    FAILURE = "failure"
    AMBIGUOUS = "ambiguous"
    CENSORED = "censored"
    DIVERGED = "diverged"
    ERROR = "error"


class Kind(StrEnum):
    """What a fork is for, and with that what it serves at its arm.

    EXPLORE, CONFIRM and NOOP serve the recorded prefix alone. PERTURB puts a changed
    answer in the place of step `arm`. FORCED asks step `arm` anew and serves all other
    recorded answers.
    """

    EXPLORE = "explore"
    CONFIRM = "confirm"
    NOOP = "noop"
    PERTURB = "perturb"
    FORCED = "forced"


class Status(StrEnum):
    """Where a nomination stands. FUTILE: given up, which says nothing against the step."""

    OPEN = "open"
    CONFIRMED = "confirmed"
    FUTILE = "futile"


@frozen
class Probe:
    """One fork to run: serve [0, arm), go live at call `arm`, with `seed` where there is chance.

    `draw` counts the forks of an arm from 0; `nomination` is the index of the
    one it is for, -1 if none.
    """

    arm: int
    draw: int
    kind: Kind
    nomination: int = -1
    seed: int = 0

    @classmethod
    def of(cls, seed: int, arm: int, draw: int, kind: Kind, nomination: int = -1) -> Probe:
        """The probe whose seed is the first 8 bytes of sha256(seed:arm:draw): all draw the same."""
        drawn = int.from_bytes(sha256(f"{seed}:{arm}:{draw}".encode()).digest()[:8], "big")
        return cls(arm, draw, kind, nomination, drawn)


@frozen
class Due:
    """A probe that was planned, with its grade and its cost once they are known."""

    probe: Probe
    grade: Grade | None = None
    cost: float = 0.0


@frozen
class Tally:
    """How forks of one arm came out; `undefined` are ambiguous or cut, `broken` diverged or crashed."""

    successes: int = 0
    failures: int = 0
    undefined: int = 0
    broken: int = 0

    @property
    def graded(self) -> int:
        return self.successes + self.failures

    @property
    def evidence(self) -> int:
        """All but the broken."""
        return self.successes + self.failures + self.undefined

    @property
    def total(self) -> int:
        return self.evidence + self.broken

    @property
    def rate(self) -> float | None:
        """The share of successes among the graded; None if there are none."""
        return self.successes / self.graded if self.graded else None

    @property
    def untrusted(self) -> bool:
        """More than half of the forks are broken."""
        return 2 * self.broken > self.total

    @property
    def hopeless(self) -> bool:
        """More than half of the forks are broken, and so many that another is not worth its price."""
        return self.broken >= HOPELESS and self.untrusted

    @property
    def worst(self) -> tuple[int, int]:
        """Successes and failures if all undefined failed."""
        return self.successes, self.failures + self.undefined

    @property
    def best(self) -> tuple[int, int]:
        """Successes and failures if all undefined succeeded."""
        return self.successes + self.undefined, self.failures

    def add(self, grade: Grade) -> Tally:
        s, f, u, b = self.successes, self.failures, self.undefined, self.broken
        match grade:
            case Grade.SUCCESS:
                return Tally(s + 1, f, u, b)
            case Grade.FAILURE:
                return Tally(s, f + 1, u, b)
            case Grade.AMBIGUOUS | Grade.CENSORED:
                return Tally(s, f, u + 1, b)
            case Grade.DIVERGED | Grade.ERROR:
                return Tally(s, f, u, b + 1)


@frozen
class Nomination:
    """A step under test: the fresh forks `before` it (arm `step`) and `after` it (arm `step` + 1).

    They are made in pairs, one of either, in an order that chance decides. `worst` and `best` are the
    differences of the pairs that are over, undefined forks taken as the least, or the most, that they could
    have been for the step; `half` is the fork of a pair whose other is not in, its arm and grade. Where the
    value after the step is known, each fork before it is a pair with that. `alpha` is what the test may
    spend; [`low`, `high`) the segment that it was nominated in.
    """

    step: int
    alpha: float
    low: int
    high: int
    before: Tally = Tally()
    after: Tally = Tally()
    status: Status = Status.OPEN
    worst: Differences = NONE
    best: Differences = NONE
    half: tuple[int, Grade] | None = None

    @property
    def pairs(self) -> int:
        """The forks on that side which has more of them."""
        return max(self.before.evidence, self.after.evidence)

    def take(self, arm: int, grade: Grade, known: float | None) -> Nomination:
        """Return the nomination with one more of its forks; `known` is the value after the step, if it is."""
        is_before = arm == self.step
        before = self.before.add(grade) if is_before else self.before
        after = self.after if is_before else self.after.add(grade)
        counted = evolve(self, before=before, after=after)
        if known is None and self.half is None:
            return evolve(counted, half=(arm, grade))
        if known is not None:
            worth = _bound_worth(grade)
            return counted if worth is None else _add_pair(counted, worth, (known, known))
        _, other = self.half or (arm, grade)
        first, last = map(_bound_worth, (grade, other) if is_before else (other, grade))
        paired = evolve(counted, half=None)
        return paired if first is None or last is None else _add_pair(paired, first, last)


def _add_pair(nomination: Nomination, before: tuple[float, float], after: tuple[float, float]) -> Nomination:
    """The nomination with one more pair, of each side of which it is known between what it lies."""
    worst, best = nomination.worst.add(before[0] - after[1]), nomination.best.add(before[1] - after[0])
    return evolve(nomination, worst=worst, best=best)


def _bound_worth(grade: Grade) -> tuple[float, float] | None:
    """What a fork counts for at least and at most; None if it is no evidence."""
    match grade:
        case Grade.SUCCESS:
            return 1.0, 1.0
        case Grade.FAILURE:
            return 0.0, 0.0
        case Grade.AMBIGUOUS | Grade.CENSORED:
            return 0.0, 1.0
        case Grade.DIVERGED | Grade.ERROR:
            return None


@frozen
class State:
    """A search so far; its log of observations folds back to it.

    `arms` holds a tally for each arm, `due` what is planned and not settled yet,
    `segments` what is still to be searched, the next one first, as [low, high).
    `conclusion` is None while the search goes on. `since` counts the exploring
    forks since the last nomination, or since the search or the sweep began; `sweeps` how many of these
    there were. `settled` and `spent` are the forks, and their
    cost, whose outcomes are in; `forks` and `cost` count those that wait as well.
    """

    config: Config
    arms: tuple[Tally, ...]
    due: tuple[Due, ...] = ()
    nominations: tuple[Nomination, ...] = ()
    segments: tuple[tuple[int, int], ...] = ()
    since: int = 0
    sweeps: int = 0
    settled: int = 0
    spent: float = 0.0
    conclusion: Conclusion | None = None
    stopped: bool = False

    @property
    def forks(self) -> int:
        """The number of observed forks."""
        return self.settled + sum(item.grade is not None for item in self.due)

    @property
    def cost(self) -> float:
        """The cost of the observed forks."""
        return self.spent + sum(item.cost for item in self.due)

    @property
    def pending(self) -> tuple[Probe, ...]:
        """The probes that were planned and not observed yet, in the order of planning."""
        return tuple(item.probe for item in self.due if item.grade is None)

    @property
    def open(self) -> Nomination | None:
        """The nomination under test: the last one, or none."""
        last = self.nominations[-1] if self.nominations else None
        return last if last and last.status is Status.OPEN else None

    @property
    def confirmed(self) -> tuple[Nomination, ...]:
        return tuple(n for n in self.nominations if n.status is Status.CONFIRMED)

    @property
    def room(self) -> float:
        """The highest price that another fork may have; negative if there may be none.

        All that are pending are taken at their worst. Infinite without limits.
        """
        config = self.config
        if config.max_forks is not None and self.settled + len(self.due) >= config.max_forks:
            return -1.0
        if config.max_cost is None:
            return math.inf
        reserved = (config.price(d.probe.arm) if d.grade is None else d.cost for d in self.due)
        return config.max_cost - self.spent - math.fsum(reserved)

    def is_untrusted(self, step: int) -> bool:
        """True if more than half of the forks on one side of `step` diverged or crashed."""
        return self.arms[step].untrusted or self.arms[step + 1].untrusted

    def amend(self, nomination: Nomination) -> State:
        """Return the state with the last nomination replaced."""
        return evolve(self, nominations=(*self.nominations[:-1], nomination))
