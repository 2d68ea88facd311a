"""What a catalogue tells of runs: a run, sums over runs, and what a search has found. Values."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypeAlias

from attrs import field, frozen

from ...core.values import Branch, Outcome
from ..info import RunInfo

Word: TypeAlias = Literal["finished", "failed", "going on", "cut short", "damaged"]

WORDS: Final[tuple[Word, ...]] = ("finished", "failed", "going on", "cut short", "damaged")
"""How a run ended, or that it has not.

"finished" returned, "failed" raised, or failed by the oracle of its saved blame. A run without an end is
"going on" while a process records it, and else "cut short". One of which the head or a step cannot be read is
"damaged".
"""


@frozen
class Read:
    """What is known of a run once its steps were read.

    `task` is the beginning of the last words of the first question that are the user's. `models` are those
    that were asked, in their order. `calls` are the run's exchanges. `input`, `output` and `cost`, in USD,
    are None where no answer told, and sums over those that did, each answer once, however often it was
    fetched; `priced` is how many have a known price, of `asked`, those that should: what was refused has
    none. `duration` is in seconds; `last` when the run last moved, in seconds since the epoch. `escapes`
    counts what left the run unrecorded. `cut` is true if it has more text than a catalogue takes for
    searching.
    """

    task: str = ""
    models: tuple[str, ...] = ()
    calls: int = 0
    asked: int = 0
    input: int | None = None
    output: int | None = None
    cost: Decimal | None = None
    priced: int = 0
    duration: float = 0.0
    last: float = 0.0
    escapes: int = 0
    cut: bool = False


@frozen
class RunRow:
    """A run as a search gives it.

    `outcome` is one of `WORDS`, `error` what a run that failed raised, or what is damaged. `created_at` is in
    seconds since the epoch. `branches` counts the runs that went on from this one, without the forks of
    blame. `read` is None until the steps of the run were read. `found` is where the words that were looked
    for stand. `exchanges`, `ended` and `digest` are known once it is sealed.
    """

    run_id: str
    agent: str = ""
    created_at: float = 0.0
    outcome: Word = "cut short"
    error: str = ""
    branches: int = 0
    lineage: Branch | None = field(default=None, repr=False)
    exchanges: int | None = None
    ended: Outcome | None = field(default=None, repr=False)
    digest: str | None = None
    sealed: bool = False
    damage: str = ""
    is_probe: bool = False
    read: Read | None = field(default=None, repr=False)
    found: str = ""

    @property
    def info(self) -> RunInfo:
        """What the head of its log tells of it."""
        return RunInfo(
            self.run_id,
            self.agent,
            self.created_at,
            self.lineage,
            sealed=self.sealed,
            exchanges=self.exchanges,
            outcome=self.ended,
            digest=self.digest,
            damage=self.damage,
        )

    @property
    def parent(self) -> str | None:
        """The run that this one went on from."""
        return self.lineage.parent if self.lineage else None

    @property
    def is_going_on(self) -> bool:
        return self.outcome == "going on"

    @property
    def task(self) -> str:
        return self.read.task if self.read else ""

    @property
    def models(self) -> tuple[str, ...]:
        return self.read.models if self.read else ()

    @property
    def calls(self) -> int | None:
        return self.read.calls if self.read else self.exchanges

    @property
    def input(self) -> int | None:
        return self.read.input if self.read else None

    @property
    def output(self) -> int | None:
        return self.read.output if self.read else None

    @property
    def tokens(self) -> int | None:
        """Those of the prompts and of the answers; None where nobody told."""
        known = [count for count in (self.input, self.output) if count is not None]
        return sum(known) if known else None

    @property
    def cost(self) -> Decimal | None:
        """In USD, of the answers whose price is known; None if none is."""
        return self.read.cost if self.read else None

    @property
    def duration(self) -> float | None:
        return self.read.duration if self.read else None

    @property
    def escapes(self) -> int | None:
        return self.read.escapes if self.read else None


@frozen
class Sums:
    """Sums over all runs that a search found, whatever part of them it gives.

    `cost` is that of the `priced` answers, of `asked` that should have a price. `unread` are the runs whose
    steps were not read yet: nothing of them is in the sums but that they are there. `words` has how many of
    the runs ended in which of `WORDS`.
    """

    runs: int = 0
    calls: int = 0
    input: int = 0
    output: int = 0
    cost: Decimal = Decimal(0)
    priced: int = 0
    asked: int = 0
    duration: float = 0.0
    unread: int = 0
    words: tuple[tuple[Word, int], ...] = ()


@frozen
class Found:
    """What a search found: `runs`, in their order, from number `offset` on; and `sums` over all of them.

    `hidden` counts the forks of blame that were left out. `texts_cut` is how many of all runs of the store
    have more text than is searched.
    """

    runs: tuple[RunRow, ...] = ()
    sums: Sums = Sums()
    offset: int = 0
    hidden: int = 0
    texts_cut: int = 0

    def __len__(self) -> int:
        return len(self.runs)
