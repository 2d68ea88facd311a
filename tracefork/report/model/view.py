"""What a page about a run shows, as plain values: build your own page from it.

A `View` holds each distinct text of the run once, in `pieces`; steps refer to
them by number. Nothing is shortened: `request_body` and `response_body` give the
bytes that the tape has. Times are in seconds from the beginning of the run.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cached_property
from typing import Final

from attrs import field, frozen

from ...core.values import UNFINISHED, Branch, Exchange, Lane, Outcome, Response
from ...providers.messages import Completion, Usage
from ..figures import duration
from ..served import WORDS, Mark
from .blame import Blame
from .course import Course
from .ending import Ending, find_ending, spell_outcome
from .pool import Piece
from .problems import Problem, find_problems
from .repeats import Lineage, pieces_of
from .strands import Strand, find_strands
from .titles import Title, line
from .verified import Replayed

ANSWERED: Final[dict[Mark, str]] = {**WORDS, "live": "run anew", "new": "run anew"}
"""Each mark of a tool call as a reader is told it."""


@frozen
class StepView:
    """One exchange: its title, its numbers, and where its texts are.

    `lineage` says which pieces make up the request, and which of them are new;
    `response` is the piece that is the response as it was on the wire, None where
    no response came; `decoded` the piece with its content-encoding undone, where
    that is another. `arrivals` has a time for each event of a stream. `cost` is in
    USD, and `saved` what the vendor's cache saved, less than nothing where it cost more to
    fill it; None where that is not known. `repeated` counts the messages that the base had
    too, but for instructions, and `hidden` the bytes of all that is not new;
    `echoed` are the new pieces that are the base's answer, sent back as it was.
    The step `restarts` if its lane has asked before and it repeats nothing of that.
    `mark` says whether it was served from the tape that its run went on from; `source` is then the number of
    the exchange there that gave the answer, where that is at hand.
    """

    index: int
    exchange: Exchange = field(repr=False)
    title: Title
    api: str
    model: str
    lineage: Lineage
    response: int | None
    decoded: int | None
    completion: Completion | None = field(repr=False)
    began: float
    headed: float
    ended: float
    cost: Decimal | None = None
    saved: Decimal | None = None
    arrivals: tuple[float, ...] = field(default=(), repr=False)
    repeated: int = 0
    hidden: int = 0
    echoed: tuple[int, ...] = ()
    restarts: bool = False
    mark: Mark = ""
    source: int | None = None

    @property
    def usage(self) -> Usage | None:
        return self.completion.usage if self.completion else None

    @property
    def lane(self) -> Lane:
        return self.exchange.lane

    @property
    def is_error(self) -> bool:
        return self.title.kind in ("error", "fault")

    @property
    def asked_size(self) -> int:
        """Bytes of the request's body."""
        return len(self.exchange.request.kept)

    @property
    def heard_size(self) -> int:
        """Bytes of the response's body, as they were on the wire."""
        return self.exchange.answer.size if isinstance(self.exchange.answer, Response) else 0


@frozen
class Aside:
    """A draw, a tool call, or what was in flight at the end: `before` is the index of the next exchange.

    `mark` is as a StepView's, `site` as an Exchange's. `inside` is of a sub-agent alone: its strand. It
    `failed` if a tool or a sub-agent raised.
    """

    before: int
    kind: str
    name: str
    asked: str
    answered: str
    lane: Lane
    began: float
    ended: float
    mark: Mark = ""
    inside: Lane = ""
    failed: bool = False
    in_flight: bool = False
    site: str = ""

    @property
    def title(self) -> str:
        did = {"draw": "drew ", "tool": "called ", "agent": "ran "}.get(self.kind, "")
        return line(f"{did}{self.name}")

    @property
    def took(self) -> str:
        """How long it took; "" where that is not known."""
        return duration(self.ended - self.began) if self.ended > self.began else ""

    @property
    def summary(self) -> str:
        """Its title, where its answer came from if it is a tool's, and the answer, in a line."""
        came = f", {ANSWERED[self.mark]}" if self.kind == "tool" and self.mark else ""
        return line(f"{self.title}{came}: {self.answered}")


@frozen
class BranchView:
    """A branch: its steps from `parts_at` on, the first that differs from its parent.

    `above` is the number of the branch that it left, `RUN` for the run itself; None if the
    parent is not among the given branches; the branch is then compared with the main run.
    `first` is the index, among all steps of the view, of the first of `steps`. `course` is None where the
    tape does not tell what was served. `beside` has the pairs that a comparison shows, each of the numbers
    among all steps of the view of a step of the parent and one of the branch, -1 for none. It `is_kin`
    unless it names another parent than the run, and no branch that is shown: it is then a run beside another.
    """

    run_id: str
    lineage: Branch
    above: int | None
    outcome: Outcome
    parts_at: int
    first: int
    steps: tuple[StepView, ...]
    digest: str
    course: Course | None = None
    beside: tuple[tuple[int, int], ...] = ()
    is_kin: bool = True

    @property
    def ending(self) -> str:
        """How it ended: `failed: ValueError: no seat`."""
        return spell_outcome(self.outcome)

    @property
    def name(self) -> str:
        return self.lineage.name or self.lineage.desc or self.run_id

    @property
    def place(self) -> str:
        """Where it left its parent: `at 3`, and `at 3 of b-held` where that is not shown."""
        if not self.is_kin:
            return "beside it"
        parent = line(self.lineage.parent, 60) or "another run"
        if self.lineage.step is None:
            return "nowhere yet" if self.outcome == UNFINISHED else "nowhere"
        if self.above is not None:
            return f"at {self.parts_at}"
        return f"at {self.lineage.step} of {parent}"


@frozen
class Totals:
    """Sums over a run's exchanges. `cost` is in USD, of the `priced` ones alone; `seconds` is wall time."""

    seconds: float
    input: int
    output: int
    cost: Decimal
    priced: int
    counted: int


@frozen
class View:
    """A run, its branches and its blame; `secrets` are the distinct placeholders of redacted values.

    `lanes` are those of every step and aside, in the order in which they are first seen. `verified` is
    what came of replaying the run; None where nobody has. `course` says how it went on from another one.
    `failure` is what somebody who judged the run says went wrong.
    """

    run_id: str
    agent_name: str
    created_at: float
    digest: str
    outcome: Outcome
    parent: Branch | None
    steps: tuple[StepView, ...] = field(repr=False)
    asides: tuple[Aside, ...] = field(repr=False)
    branches: tuple[BranchView, ...]
    blame: Blame | None
    totals: Totals
    lanes: tuple[Lane, ...]
    secrets: tuple[str, ...]
    pieces: tuple[Piece, ...] = field(repr=False)
    verified: Replayed | None = None
    course: Course | None = None
    failure: str = ""

    @cached_property
    def problems(self) -> tuple[Problem, ...]:
        """What went wrong on the way, in the order of steps."""
        return find_problems(self.steps, self.asides, self.pieces, self.outcome, self.verified)

    @cached_property
    def ending(self) -> Ending:
        """How the run ended, why, and where to look."""
        return find_ending(
            self.outcome,
            self.steps,
            self.asides,
            self.pieces,
            self.problems,
            blame=self.blame,
            failure=self.failure,
        )

    @cached_property
    def strands(self) -> tuple[Strand, ...]:
        """The strands of the run in the order in which they were started, each below the one that did."""
        return find_strands(self.steps, self.asides, self.problems)

    @cached_property
    def every_step(self) -> tuple[StepView, ...]:
        """The run's own steps, then those of each branch; `Lineage.base` counts in these."""
        return self.steps + tuple(step for branch in self.branches for step in branch.steps)

    def request(self, index: int) -> tuple[int, ...]:
        """The numbers of the pieces that make up the request of `every_step[index]`."""
        return pieces_of(index, lambda step: self.every_step[step].lineage)

    def request_body(self, index: int) -> bytes:
        """The bytes of the request, as they are on the tape."""
        return b"".join(bytes(self.pieces[number]) for number in self.request(index))

    def response_body(self, index: int) -> bytes:
        """The bytes of the response, as they are on the tape; none where no response came."""
        response = self.every_step[index].response
        return b"" if response is None else bytes(self.pieces[response])
