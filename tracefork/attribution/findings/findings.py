"""The report of a study: rows of its ranking, points of its curve. Steps are indexes of exchanges."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable

from attrs import Factory, field, frozen

from ...core.display import Shown
from ..forks.budget import NOTHING, Spent
from ..forks.jobs import Done
from ..forks.parts import ANSWER, PartKind
from ..search.conclusion import Conclusion

MIXED = 0.1
"""The share of forks in which a part may be asked for otherwise than was recorded: its effect is its own."""


@frozen(kw_only=True)
class Ranked(ABC):
    """A part of a step as a method ranks it: a `RankedDrop`, `RankedFlips` or `RankedEffect`.

    `kind` is "answer", "tool" or "draw", and `what` says which part it is: "step 5, the result of `search`".
    `step` is the index of the exchange that it belongs to: of a result or a draw that which comes next, or
    the last if none does. In `asked` forks this part was the first to be drawn anew, and was asked for; in
    `differed` of them by another question than was recorded.

    `low` and `high` are the interval of what the method measures. `certified`: that is above the margin, at
    level alpha. `forks` tell of the step, and `branches` are their run_ids, if they were kept; `contrast` are
    two branches to compare: one where asking the step again changed the outcome, and one where keeping it did
    not. `trusted` is False where most forks said nothing.
    """

    step: int
    low: float
    high: float
    kind: PartKind = ANSWER
    what: str = field(default=Factory(lambda self: f"step {self.step}", takes_self=True))
    asked: int = 0
    differed: int = 0
    certified: bool = False
    forks: int = 0
    trusted: bool = True
    branches: tuple[str, ...] = ()
    contrast: tuple[str, ...] = ()

    @property
    def is_mixed(self) -> bool:
        """True if it was asked otherwise in so many forks that what came before it is in its effect."""
        return self.differed > MIXED * self.asked

    @property
    @abstractmethod
    def value_drop(self) -> float:
        """How much rarer the other outcome is with the recorded answer: what steps are ranked by."""

    @property
    @abstractmethod
    def measured(self) -> bool:
        """False where forks are missing that `value_drop` is the difference of."""

    @property
    @abstractmethod
    def before(self) -> float | None:
        """The rate of the other outcome with another answer of the step, None without a fork."""

    @property
    @abstractmethod
    def after(self) -> float | None:
        """The rate of the other outcome with the recorded answer, None without a fork."""

    @property
    def flip_rate(self) -> float | None:
        """The rate of the other outcome with the step changed, where the method is "flip"."""
        return None


@frozen(kw_only=True)
class RankedDrop(Ranked):
    """A step by its value drop, V before it less V after it, with the interval of that.

    The intervals of all steps hold together, and at any moment. Unless `measured` no fork was made on one
    side of the step, and the drop is what the search believes. `posterior` is the share of
    belief that the drop is here.
    """

    value_drop: float
    measured: bool = True
    posterior: float = 0.0
    before: float | None = None
    after: float | None = None


@frozen(kw_only=True)
class RankedFlips(Ranked):
    """A step by its flip rate: `flips` of `trials` forks ended otherwise when it was changed.

    `noop_rate` of them did when it was not; `excess` is the difference, with its interval. `low` and
    `high` are the interval of the flip rate.
    """

    flips: int
    trials: int
    noop_rate: float | None
    excess: float | None
    excess_low: float
    excess_high: float

    @property
    def value_drop(self) -> float:
        return self.excess or 0.0

    @property
    def measured(self) -> bool:
        return self.excess is not None

    @property
    def flip_rate(self) -> float | None:
        return self.flips / self.trials if self.trials else None

    @property
    def before(self) -> float | None:
        return self.flip_rate

    @property
    def after(self) -> float | None:
        return self.noop_rate


@frozen(kw_only=True)
class RankedEffect(Ranked):
    """A step by its direct effect: the rate of the other outcome when it alone is asked anew."""

    direct: float | None

    @property
    def value_drop(self) -> float:
        return self.direct or 0.0

    @property
    def measured(self) -> bool:
        return self.direct is not None

    @property
    def before(self) -> float | None:
        return self.direct

    @property
    def after(self) -> None:
        return None


@frozen
class Point:
    """The value of a prefix: of `served` exchanges, by head, and results and draws among them.

    `value` is None where it was not tried.
    """

    served: int
    value: float | None
    low: float
    high: float
    forks: int


@frozen
class BlameReport(Shown):
    """The verdict of a study, the ranking of steps, and what the forks cost.

    `verdict` holds at level `alpha`: with at most that probability a step is named whose drop is within
    `margin`. `ranking` has every part of a step that was an arm, the certified first, then by belief.
    `segment` are the steps of the shortest certified range, as answered. `recorded` is the oracle's
    answer for the recorded run: steps are ranked by how much they made *that* outcome. `spent` is the cost
    of all forks, `given` the number of live questions that were answered without leaving, `undefined`
    that of forks without a clear grade, `broken` that of forks that diverged or failed; `notes` say why,
    the most frequent first. `more` forks would probably settle it, at the price `more_cost` in `unit`;
    None where it is settled, or no forecast is possible. `digest` is that of the tape. `held` are the tools
    whose results were as recorded in all forks, with how often: what they did is not measured, and where the
    forks found no cause beside them, `inconclusive`, none is denied. `harm` is the
    median excess of the flip rate over all steps, where answers were changed by a mutation: how much that
    harms by itself; None where it is not known, or nothing was mutated. `effective` is what the forks that
    asked a model are worth, where some are copies of others; else None.
    """

    verdict: Conclusion
    ranking: tuple[Ranked, ...]
    method: str = "value"
    recorded: bool = False
    segment: tuple[int, ...] = ()
    values: tuple[Point, ...] = ()
    null: float = 0.0
    forks: int = 0
    spent: Spent = NOTHING
    unit: str = "calls"
    given: int = 0
    undefined: int = 0
    broken: int = 0
    notes: tuple[tuple[str, int], ...] = ()
    alpha: float = 0.05
    delta: float = 0.2
    margin: float = 0.1
    more: int | None = None
    more_cost: float | None = None
    digest: str = ""
    held: tuple[tuple[str, int], ...] = ()
    inconclusive: bool = False
    mutated: bool = False
    harm: float | None = None
    effective: int | None = None

    def top(self) -> Ranked | None:
        """The best guess, certified or not; None if there is no step."""
        return self.ranking[0] if self.ranking else None

    @property
    def contrast(self) -> tuple[str, ...]:
        """Branches that show the best guess: see `Ranked.contrast`."""
        top = self.top()
        return top.contrast if top else ()

    @property
    def summary(self) -> str:
        """The findings in a sentence or three."""
        from .tables import summary  # noqa: PLC0415  which tells of this class

        return summary(self)

    @property
    def named(self) -> tuple[Ranked, ...]:
        """The certified steps."""
        return tuple(entry for entry in self.ranking if entry.certified)

    @property
    def untrusted(self) -> tuple[int, ...]:
        """The steps of which most forks said nothing, in their order."""
        return tuple(sorted({entry.step for entry in self.ranking if not entry.trusted}))


def count_notes(ended: Iterable[Done]) -> tuple[tuple[str, int], ...]:
    """Return why forks had no grade, with how many each, the most frequent first."""
    return tuple(Counter(done.note for done in ended if done.note).most_common())
