"""What a study found, in terms of the tape: steps are indexes of its exchanges. Values only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from attrs import frozen

from ..forks.budget import NOTHING, Spent
from ..forks.jobs import Done
from ..search.conclusion import Conclusion


@frozen
class Ranked:
    """What is known of a step.

    `value_drop` is V before it less V after it, `low` and `high` its interval, which holds with
    those of all other steps and at any moment. Unless `measured` no fork was made on one of its sides, and
    the drop is what the search believes. `certified`: it is above the margin, at level alpha.
    `posterior` is the share of belief that the drop is here. `forks` are those on both
    sides, and `branches` their run_ids, if they were kept; `contrast` are two of them: one that ended
    otherwise with the step asked anew, and one that ended alike with it as recorded. `trusted` is
    False where most forks said nothing.

    With `method="flip"`, `flips` of `trials` forks ended otherwise than recorded when the step was
    changed (`flip_rate`, with its interval in `low` and `high`), `noop_rate` of them when it was not;
    `excess` is the difference, `excess_low` to `excess_high` its interval. With `method="direct"`,
    `direct` is the rate of the other outcome when this step alone is asked anew.
    """

    step: int
    value_drop: float
    low: float
    high: float
    measured: bool = True
    certified: bool = False
    posterior: float = 0.0
    before: float | None = None
    after: float | None = None
    forks: int = 0
    trusted: bool = True
    flips: int | None = None
    trials: int | None = None
    flip_rate: float | None = None
    noop_rate: float | None = None
    excess: float | None = None
    excess_low: float | None = None
    excess_high: float | None = None
    direct: float | None = None
    branches: tuple[str, ...] = ()
    contrast: tuple[str, ...] = ()


@frozen
class Point:
    """The value of a prefix: of `served` exchanges, by head. `value` is None where it was not tried."""

    served: int
    value: float | None
    low: float
    high: float
    forks: int


@frozen
class BlameReport:
    """Which step made the outcome, by how much, and how sure that is.

    `verdict` is the conclusion at level `alpha`: no step is named whose drop is within `margin`, but
    with that probability. `ranking` has every step that was an arm, the certified first, then by belief.
    `segment` are the steps of the shortest certified range, as answered. `recorded` is what the oracle
    said of the recorded run: what is ranked are steps that made *that* outcome. `spent` is what all
    forks cost, `given` how many live questions were answered without leaving, `undefined` how many
    forks had no clear grade, `broken` how many diverged or failed; `notes` say why, the most frequent
    first. `more` is how many more forks would probably settle it, at the price `more_cost` in `unit`;
    None where it is settled, or nothing can be said. `digest` is that of the tape.
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
        """What was found, in a sentence or three."""
        from .tables import summary  # noqa: PLC0415  which tells of this class

        return summary(self)

    @property
    def named(self) -> tuple[Ranked, ...]:
        """The certified steps."""
        return tuple(entry for entry in self.ranking if entry.certified)

    @property
    def untrusted(self) -> tuple[int, ...]:
        """The steps of which most forks said nothing, in their order."""
        return tuple(sorted(entry.step for entry in self.ranking if not entry.trusted))


def notes(ended: Iterable[Done]) -> tuple[tuple[str, int], ...]:
    """Why forks had no grade, and how many each, the most frequent first."""
    return tuple(Counter(done.note for done in ended if done.note).most_common())
