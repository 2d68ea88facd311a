"""A blame report as it is drawn: a dot and an interval for each step, and what they are measured in."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from attrs import frozen


class RankedStep(Protocol):
    """What `Blame.of` reads of an entry of a ranking; `flip_rate`, `kind` and `what` where there are any."""

    @property
    def step(self) -> int: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


class BlameLike(Protocol):
    """What a report of blame has: `ranking` in falling order, and the `verdict` in a word."""

    @property
    def ranking(self) -> Sequence[RankedStep]: ...
    @property
    def verdict(self) -> str: ...


@frozen
class Mark:
    """A step's effect with its interval, in shares of 1; `decided` if all of it is past the threshold.

    `part` says whose effect it is where it is not that of the step's answer: "the result of `search`".
    """

    step: int
    value: float
    low: float
    high: float
    decided: bool
    trials: int | None = None
    flips: int | None = None
    part: str = ""

    @property
    def what(self) -> str:
        """The step, or its part, in words."""
        return f"step {self.step}{', ' * bool(self.part)}{self.part}"


@frozen
class Blame:
    """`estimand` names the number and `meaning` says what it is; `threshold` is the decision line.

    `alpha` is how often the intervals may be wrong, and `recorded` whether the recorded run passed for the
    oracle; None where the report does not say. `reason` says why nothing is decided, where it is not for
    want of forks.
    """

    estimand: str
    meaning: str
    verdict: str
    threshold: float
    marks: tuple[Mark, ...]
    summary: str = ""
    alpha: float | None = None
    recorded: bool | None = None
    reason: str = ""

    @property
    def conclusion(self) -> str:
        """The verdict in plain words, where it is one of those of `tracefork.blame`."""
        return self.reason or CONCLUSIONS.get(self.verdict, self.verdict)

    @property
    def interval(self) -> str:
        """`95% interval`, or `interval` where it is not known of what level."""
        return "interval" if self.alpha is None else f"{100 * (1 - self.alpha):.6g}% interval"

    @classmethod
    def of(cls, report: BlameLike) -> Blame:
        """Return what `report` says, ranked as it ranks.

        A ranking by flip rate is known by the `method` of the report, else by its
        entries having no value drop; its intervals are those of the rate. Entries that say
        that they were not `measured` are left out, and those that say whether they are
        `certified` are decided by that. A bound that is off the scale, or no number, is
        the end of the scale.

        Raises:
            ValueError: an effect, or the threshold, is no finite number.
        """
        entries = [entry for entry in report.ranking if getattr(entry, "measured", True)]
        method = getattr(report, "method", "")
        flips = method == "flip" or not all(hasattr(e, "value_drop") for e in entries)
        threshold = getattr(report, "margin", getattr(report, "delta", 0.1))
        line = 0.5 if flips else _finite(float(threshold), "threshold")
        marks = [_mark(entry, "flip_rate" if flips else "value_drop", line) for entry in entries]
        name, meaning = FLIPS if flips else DIRECT if method == "direct" else DROPS
        summary = str(getattr(report, "summary", "") or "").removeprefix(f"{report.verdict}: ")
        alpha = getattr(report, "alpha", None)
        level = None if alpha is None else float(alpha)
        recorded = getattr(report, "recorded", None)
        passed = recorded if isinstance(recorded, bool) else None
        reasons = (words for field, words in REASONS.items() if getattr(report, field, False))
        reason = next(reasons, "")
        return cls(name, meaning, str(report.verdict), line, tuple(marks), summary, level, passed, reason)

    def mark(self, step: int) -> Mark | None:
        """The mark of that part of the step which is ranked first."""
        return next((mark for mark in self.marks if mark.step == step), None)

    @property
    def by_step(self) -> tuple[Mark, ...]:
        """A mark for each step, that of its part which is ranked first; in the order of the ranking."""
        first: dict[int, Mark] = {}
        for mark in self.marks:
            first.setdefault(mark.step, mark)
        return tuple(first.values())


CONCLUSIONS = {
    "STEP": "decided",
    "SEGMENT": "decided together",
    "SYSTEMIC": "no step decided it",
    "NO_DROP": "no step changed it",
    "DIFFUSE": "spread over many steps",
    "UNSTABLE": "no step named: at the end the run was judged otherwise",
    "NOT_IDENTIFIED_WITHIN_BUDGET": "not decided within the budget",
}
"""The verdicts of blame as a reader is told them."""

REASONS = {
    "mutated": "no step named: a mutation shows what a run cannot bear",
    "inconclusive": "no step named: results of tools were held as recorded",
}
"""What a report says of itself where no fork more would decide anything; in plain words."""

FLIPS = (
    "flip rate",
    "Share of re-runs whose outcome flips when the step is changed.",
)
DROPS = (
    "value drop",
    "How much less often a run succeeds once this step has happened as recorded.",
)
DIRECT = (
    "direct effect",
    "How often a run ends otherwise if this step alone is asked anew and all others are as recorded.",
)


def _mark(entry: RankedStep, name: str, line: float) -> Mark:
    value = _finite(float(getattr(entry, name)), f"{name} of step {entry.step}")
    low, high = _bound(entry.low, -1.0), _bound(entry.high, 1.0)
    trials, flips = getattr(entry, "trials", None), getattr(entry, "flips", None)
    decided = bool(getattr(entry, "certified", low > line))
    is_part = getattr(entry, "kind", "answer") != "answer"
    part = str(getattr(entry, "what", "")).partition(", ")[2] if is_part else ""
    return Mark(entry.step, value, low, high, decided, trials, flips, part)


def _bound(value: float, otherwise: float) -> float:
    return otherwise if math.isnan(value) else min(1.0, max(-1.0, value))


def _finite(value: float, what: str) -> float:
    if not math.isfinite(value):
        raise ValueError(f"the {what} is {value}")
    return value
