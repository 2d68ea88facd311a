"""A block: the arms of an experiment, each run once on one tape, in an order that chance decides. Pure.

Arm 0 is the agent as it is; the others are changes. Blocks are numbered, and all that is drawn for one
follows from the seed and its number: whoever runs them, in whatever order they end, they are the same.
"""

from __future__ import annotations

from attrs import field, frozen

from ..attribution.forks.budget import Spent
from ..attribution.statistics.chance import unit

CONTROL = "control"
PAIR = "pair"


@frozen
class Block:
    """The arms to run once each on the tape of number `tape`, in this order; `kind` is what for.

    A control runs arm 0 twice: its differences are those of one version from itself.
    """

    number: int
    tape: int
    arms: tuple[int, ...]
    kind: str = PAIR


@frozen
class Side:
    """The result of one run: its score is within `low` and `high`, which are equal if it is known.

    `note` says why it is not. `run_id` names the branch that was kept, "" if none was.
    """

    arm: int
    low: float
    high: float
    spent: Spent = field(factory=Spent)
    run_id: str = ""
    note: str = ""


@frozen
class Begun:
    """A block began. One that has no `Ended` was in flight when its experiment was killed."""

    begun: Block


@frozen
class Ended:
    """A block is over, with the result of each of its runs, in the order of its arms."""

    block: Block
    sides: tuple[Side, ...]

    @property
    def spent(self) -> Spent:
        return sum((side.spent for side in self.sides), Spent())

    def subtract(self, arm: int, other: int = 0) -> tuple[float, float]:
        """Return the least and the most that the score of `arm` may be above that of `other`.

        Raises:
            ValueError: one of them is not in the block.
        """
        found = {side.arm: side for side in self.sides}
        if arm not in found or other not in found:
            raise ValueError(f"block {self.block.number} has arms {sorted(found)}, not {arm} and {other}")
        return found[arm].low - found[other].high, found[arm].high - found[other].low


def draw_block(
    number: int, seed: int, tapes: tuple[int, ...], arms: tuple[int, ...], kind: str = PAIR
) -> Block:
    """Return the block of this number: a tape drawn from `tapes`, all equally likely, and an order of `arms`.

    Tapes are drawn with replacement. So differences are independent and alike, and their mean is the mean
    over the tapes, each of equal weight, at whatever block one stops.

    Raises:
        ValueError: there are no tapes or no arms.
    """
    if not tapes or not arms:
        raise ValueError("a block needs a tape and an arm")
    tape = tapes[int(unit(seed, "tape", number) * len(tapes))]
    ranked = sorted(range(len(arms)), key=lambda at: unit(seed, "order", number, at))
    return Block(number, tape, tuple(arms[at] for at in ranked), kind)
