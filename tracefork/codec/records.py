"""Records: what happened in a run, in the order in which it became known; and the tape they fold into.

A question is recorded before it is put to the world (write-ahead), its answer
when it has ended; so any prefix of a run's records is a tape, in which the
questions that were in flight are pending.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from attrs import evolve, field, frozen

from ..core.notes import forget_process
from ..core.surrogates import NONE, Surrogates
from ..core.tape import Tape
from ..core.values import (
    UNFINISHED,
    Answer,
    Branch,
    Departure,
    Lane,
    Outcome,
    Pending,
    Question,
    Source,
    Span,
    Step,
    Timing,
    make_step,
)
from ..errors import CorruptTape

FIRST_RULES = 1
"""The rules by which secrets were taken out before a header said which."""


@frozen
class Shares:
    """That a branch refers to its parent: the identity of its steps, and how many generations there are."""

    identity: str
    depth: int = 1


@frozen
class Parent:
    """What the bytes of a branch may refer to: the steps of its parent, sorted by began."""

    steps: tuple[Step, ...] = ()
    shares: Shares | None = None


ALONE = Parent()
"""For what stands by itself."""


def check_parent(head: Header, parent: Parent) -> None:
    """Refuse to read without the parent what refers to it: the bytes would pass for damaged.

    Raises:
        CorruptTape: the run with this header refers to another parent, or to one and there is none.
    """
    if head.shares and (parent.shares is None or parent.shares.identity != head.shares.identity):
        name = head.parent.parent if head.parent else ""
        raise CorruptTape(
            f"it refers to its parent {name!r}, which is not beside it",
            advice="export it from the store that has both, and it stands by itself",
        )


@frozen
class Header:
    """What is known of a run when it begins: the fields of `Tape`, and whether its bytes need its parent."""

    run_id: str
    agent_name: str = ""
    boundary: str = "http"
    created_at: float = 0.0
    meta: Mapping[str, str] = field(factory=dict, repr=False)
    parent: Branch | None = None
    shares: Shares | None = None
    rules: int = FIRST_RULES  # of a header that has none

    @classmethod
    def of(cls, tape: Tape, shares: Shares | None = None) -> Header:
        """Return the header of a tape."""
        return cls(
            tape.run_id,
            tape.agent_name,
            tape.boundary,
            tape.created_at,
            dict(tape.meta),
            tape.parent,
            shares,
            tape.rules,
        )

    def tape(
        self,
        steps: tuple[Step, ...],
        pending: tuple[Pending, ...],
        outcome: Outcome,
        surrogates: Surrogates = NONE,
    ) -> Tape:
        """Return the tape that has this header."""
        return Tape(
            steps=steps,
            pending=pending,
            run_id=self.run_id,
            agent_name=self.agent_name,
            boundary=self.boundary,
            created_at=self.created_at,
            meta=forget_process(self.meta),
            parent=self.parent,
            outcome=outcome,
            surrogates=surrogates,
            rules=self.rules,
        )


@frozen
class Summary:
    """What a sealed run says of itself at its beginning.

    `digest` is 64 hex characters. Of a long `outcome`, the first 500 characters
    of its message and 200 of its type are here.
    """

    header: Header
    exchanges: int
    draws: int
    effects: int
    outcome: Outcome
    digest: str


@frozen
class Asked:
    """Call number `call` of the run was put, at tick `began`; `at` is in seconds since the epoch.

    `site` is the agent's line that asked.
    """

    call: int
    question: Question
    lane: Lane
    began: int
    at: float
    site: str = ""


@frozen
class Headed:
    """The head of `call`'s answer was given, at `tick`."""

    call: int
    tick: int


@frozen
class Ended:
    """`call` came to its end; `span.began` repeats the tick of its Asked."""

    call: int
    answer: Answer
    span: Span
    timing: Timing = field(default=Timing(), repr=False)
    origin: int | None = None


@frozen
class Parted:
    """The agent has left the tape that the run reruns."""

    departure: Departure


@frozen
class Closed:
    """The run is over."""

    outcome: Outcome


@frozen
class Hidden:
    """Surrogates that come to those before: what they stand for, and where they stand in later answers."""

    surrogates: Surrogates


Record: TypeAlias = "Asked | Headed | Ended | Hidden | Parted | Closed"


class Fold:
    """The records of a run so far. `add` returns what is wrong with a record that it does not take."""

    def __init__(self) -> None:
        self._asked: dict[int, Asked] = {}
        self._headed: dict[int, int] = {}
        self._steps: dict[int, Step] = {}
        self._outcome: Outcome | None = None
        self._departure: Departure | None = None
        self._surrogates = NONE

    def __len__(self) -> int:
        return len(self._steps)

    def add(self, record: Record) -> str:
        match record:
            case Ended():
                return self._end(record)
            case Asked():
                if record.call in self._asked or record.call in self._steps:
                    return f"call {record.call} is asked twice"
                self._asked[record.call] = record
            case Headed(call, tick):
                if call not in self._asked or call in self._headed:
                    return f"call {call} has a head and was not waiting for one"
                self._headed[call] = tick
            case Hidden(more):
                self._surrogates = self._surrogates.plus(more)
            case Parted(departure):
                if self._departure is not None:
                    return "the run parts from its tape twice"
                self._departure = departure
            case Closed(outcome):
                if self._outcome is not None:
                    return "the run is closed twice"
                self._outcome = outcome
        return ""

    def _end(self, record: Ended) -> str:
        call, span = record.call, record.span
        asked = self._asked.get(call)
        if asked is None:
            return f"call {call} ends and was not open"
        made = complete(asked, record)
        if made is None:
            kinds = type(asked.question).__name__, type(record.answer).__name__
            return f"call {call} asked a {kinds[0]} and got a {kinds[1]}"
        if span.began != asked.began:
            return f"call {call} began at tick {asked.began} and ends as of {span.began}"
        self._steps[call] = made
        del self._asked[call]
        return ""

    def tape(self, header: Header) -> Tape:
        outcome = self._outcome or UNFINISHED
        made = header.tape(*self.happened(), outcome=outcome, surrogates=self._surrogates)
        return made if self._departure is None else depart(made, self._departure)

    def happened(self) -> tuple[tuple[Step, ...], tuple[Pending, ...]]:
        """The steps that are over, and what is in flight, both in the order in which they began."""
        steps = tuple(sorted(self._steps.values(), key=lambda s: s.span.began))
        return steps, tuple(sorted(self._open(), key=lambda p: p.began))

    def _open(self) -> Iterator[Pending]:
        for call, asked in self._asked.items():
            if not isinstance(asked.question, Source):
                yield Pending(asked.question, asked.lane, asked.began, self._headed.get(call), asked.site)


def complete(asked: Asked, ended: Ended) -> Step | None:
    """Return the step of this question and this answer, or None if they do not belong together."""
    return make_step(
        asked.question, ended.answer, asked.lane, ended.span, ended.timing, ended.origin, asked.site
    )


def depart(tape: Tape, departure: Departure) -> Tape:
    """Return the tape of a rerun with where the agent left the one that it follows."""
    if tape.parent is None:
        return tape
    return evolve(tape, parent=evolve(tape.parent, step=departure.step, departure=departure))


def fold(header: Header, records: Iterable[Record]) -> Tape:
    """Fold records into a tape: steps sorted by `began`, and what was in flight as pending.

    A draw of chance that was in flight told nobody anything and is left out.
    Without a Closed the outcome is UNFINISHED.

    Raises:
        CorruptTape: the records contradict each other: a call is asked twice,
            or ends unasked, or twice, or with an answer of another kind.
    """
    fold = Fold()
    for record in records:
        if problem := fold.add(record):
            raise CorruptTape(problem)
    return fold.tape(header)


def fold_salvaged(header: Header, records: Iterable[Record]) -> Tape:
    """Fold those records that agree with the ones before them, for when some were lost."""
    fold = Fold()
    for record in records:
        fold.add(record)
    return fold.tape(header)


def list_records(tape: Tape) -> tuple[Record, ...]:
    """Return the records that `fold` makes into `tape`, in tick order.

    The tape's own ticks decide: a step whose head is a tick of its own has a
    Headed. A pending question, of which no time is kept, is asked at `created_at`.
    """
    known = [*tape.steps, *tape.pending]
    ticks = sorted(range(len(known)), key=lambda i: _began(known[i]))
    events = [e for call, i in enumerate(ticks) for e in _events(call, known[i], tape.created_at)]
    events.sort(key=lambda event: event[:2])
    closed = () if tape.outcome == UNFINISHED else (Closed(tape.outcome),)
    hidden = (Hidden(tape.surrogates),) if tape.surrogates else ()
    return (*hidden, *(record for _, _, record in events), *closed)


def _began(known: Step | Pending) -> int:
    return known.began if isinstance(known, Pending) else known.span.began


def _events(call: int, known: Step | Pending, otherwise: float) -> Iterator[tuple[int, int, Record]]:
    if isinstance(known, Pending):
        yield known.began, 0, Asked(call, known.asked, known.lane, known.began, otherwise, known.site)
        if known.headed is not None:
            yield known.headed, 1, Headed(call, known.headed)
        return
    span = known.span
    yield span.began, 0, Asked(call, known.asked, known.lane, span.began, known.timing.began, known.site)
    if span.began < span.headed < span.ended:
        yield span.headed, 1, Headed(call, span.headed)
    yield span.ended, 2, Ended(call, known.answer, span, known.timing, known.origin)
