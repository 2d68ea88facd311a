"""An experiment in progress: gives the blocks that are due, and counts the results of those that are over.

It runs nothing itself. Blocks count in the order of their numbers and not in that in which they end: a run
that fails is often the sooner over, and to look at the fast ones first would bend what is seen. All that it
knows is what the lines of its ledger fold to.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from functools import partial
from typing import Protocol, TypeAlias

from attrs import frozen

from ..attribution.forks.budget import Budget, Purse, Spent
from ..attribution.study.executors import check_reach, work_here, work_in_tasks, work_on
from ..attribution.study.ledger import Ledger
from ..host import clocks
from .blocks import Begun, Block, Ended, Side
from .lab import Lab, arun_block, run_block

FORMAT = "tracefork experiment 1"
KINDS = Begun, Ended


class Design(Protocol):
    """Decides what is run, from what is known. Pure."""

    def draw(self, number: int, ended: tuple[Ended, ...]) -> Block | None:
        """Return the block of this number, after those that `ended`; None if it waits, or all is over.

        `ended` are the blocks 0, 1, 2 and so on, without a gap.
        """

    def describe(self, ended: tuple[Ended, ...]) -> str:
        """Return what is seen by now, in a few words."""


@frozen
class Progress:
    """How far an experiment is: runs that are over, of how many at most, what they cost; and the last block.

    `leading` says what is seen by now.
    """

    forks: int
    most: int
    spent: Spent
    last: Ended
    leading: str


Watch: TypeAlias = Callable[[Progress], object]


class Bench:
    """The blocks of one experiment. Not for several threads at once.

    `worst` is the most that one run on each tape may cost.
    """

    def __init__(
        self,
        lab: Lab,
        design: Design,
        worst: tuple[Spent, ...],
        budget: Budget,
        *,
        ledger: Ledger | None = None,
        watch: Watch | None = None,
        width: int = 1,
    ) -> None:
        self.lab = lab
        self._design, self._worst, self._width = design, worst, width
        self._purse = Purse(budget)
        self._ledger, self._watch = ledger, watch
        self._flying = dict[int, Block]()
        self._ended = dict[int, Ended]()
        self._forks = 0
        for line in ledger.lines if ledger else ():
            if isinstance(line, Begun):
                if (lost := self._flying.pop(line.begun.number, None)) is not None:
                    self._lose(lost)
                self._begin(line.begun)
            else:
                self._end(line)
        for lost in list(self._flying.values()):  # begun when it was killed: paid, who knows how much
            self._lose(lost)
        self._flying.clear()

    @property
    def ended(self) -> tuple[Ended, ...]:
        """The blocks 0, 1, 2 and so on, up to the first that is not over."""
        found = list[Ended]()
        while len(found) in self._ended:
            found.append(self._ended[len(found)])
        return tuple(found)

    @property
    def spent(self) -> Spent:
        return self._purse.spent

    @property
    def forks(self) -> int:
        """Runs that were begun, those that were killed among them."""
        return self._purse.forks

    def due(self, most: int | None = None) -> list[tuple[Block, Block]]:
        """The blocks to begin now, `most` of them. None, if those in flight must end first, or all is over.

        Each is given twice: it is settled under itself.
        """
        begun = list[tuple[Block, Block]]()
        number, width = 0, self._width if most is None else min(most, self._width)
        while len(self._flying) < width and (block := self._find_next(number)) is not None:
            if not self._fits(block):
                break
            if self._ledger:
                self._ledger.add(Begun(block))
            self._begin(block)
            begun.append((block, block))
            number = block.number + 1
        return begun

    def settle(self, block: Block, sides: tuple[Side, ...]) -> None:
        """A block is over. Its line is durable on return."""
        ended = Ended(block, sides)
        if self._ledger:
            self._ledger.add(ended)
        self._end(ended)
        if self._watch:
            purse, seen = self._purse, self._design.describe(self.ended)
            self._watch(Progress(self._forks, purse.budget.forks, purse.spent, ended, seen))

    def _find_next(self, number: int) -> Block | None:
        while number in self._ended or number in self._flying:
            number += 1
        return self._design.draw(number, self.ended)

    def _fits(self, block: Block) -> bool:
        if self.lab.until is not None and clocks.now() >= self.lab.until:
            return False
        purse, worst = self._purse, self._worst[block.tape]
        for _ in block.arms:
            if not purse.fits(worst):
                return False
            purse = purse.reserve(worst)
        return True

    def _begin(self, block: Block) -> None:
        for _ in block.arms:
            self._purse = self._purse.reserve(self._worst[block.tape])
        self._flying[block.number] = block

    def _end(self, ended: Ended) -> None:
        block = self._flying.pop(ended.block.number)
        for side in ended.sides:
            self._purse = self._purse.settle(self._worst[block.tape], side.spent)
        self._ended[block.number] = ended
        self._forks += len(block.arms)

    def _lose(self, block: Block) -> None:
        worst = self._worst[block.tape]
        for _ in block.arms:
            self._purse = self._purse.settle(worst, worst)


def run_here(bench: Bench) -> None:
    """Run the blocks one after another, in this thread."""
    work_here(bench, partial(run_block, bench.lab))


def run_on(executor: Executor, bench: Bench) -> None:
    """Run the blocks on `executor`, as many at a time as the bench is wide.

    Raises:
        TypeError: an agent or the oracle cannot be sent there.
    """
    if not isinstance(executor, ThreadPoolExecutor):
        check_reach(executor, bench.lab.oracle, *(arm.agent for arm in bench.lab.arms))
    work_on(executor, bench, partial(run_block, bench.lab))


async def run_in_tasks(bench: Bench) -> None:
    """Run the blocks in tasks of the running event loop, as many at a time as the bench is wide."""
    await work_in_tasks(bench, partial(arun_block, bench.lab))
