"""What a run is made of: steps, each a question that the agent put to the world, and the answer it got.

An `Exchange` asks an HTTP server, a `Draw` asks a source of chance (clock, random,
environment), an `Effect` calls a tool.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from attrs import field, frozen

from .code_hashes import is_other_code
from .http import Fault, Request, Response

Lane: TypeAlias = str
"""The strand that asked: a spawn path such as `"crew.0/fetch.3"`; the run's own is `""`."""


def _length(text: str) -> str:
    return f"<{len(text)} characters>"


JOB = "job"
"""The kind of the source that says when an executor's job ends which a task awaits; `name` is what runs."""


@frozen
class Source:
    """A source of chance: `Source("clock")`, `Source("env", "HOME")`."""

    kind: str
    name: str = ""

    @property
    def is_job(self) -> bool:
        """True if this is the end of an executor's job: chance that orders a run and tells it nothing."""
        return self.kind == JOB


@frozen
class Call:
    """A tool call; `arguments` is canonical JSON text of `{"args": [...], "kwargs": {...}}`.

    `code` holds the hashes of the code that is called: see `code_hashes`. `inside` is set of a
    sub-agent alone: the strand, below the lane that calls it, in which its own steps are. A `repeatable`
    tool only reads. None of these is part of the question.
    """

    name: str
    arguments: str = field(default="", repr=_length)
    code: str = field(default="", eq=False, repr=False)
    inside: str = field(default="", eq=False, repr=False)
    repeatable: bool = field(default=False, eq=False, repr=False)

    def is_other_function(self, recorded: Call) -> bool:
        """True if this call is of another function than the `recorded` one, as far as both are known."""
        return is_other_code(recorded.code, self.code)


@frozen
class Reading:
    """The text that a `Source` gave."""

    text: str = field(repr=_length)


DONE = Reading("done")
"""What the end of an executor's job reads."""

GIVEN_UP = Reading("given up")
"""What it reads where nobody waited for it any more."""


@frozen
class Reply:
    """What a tool call came to: `value` is JSON text.

    `kind` is "returned", "raised" (`value` holds the exception's arguments and
    `type` its dotted class) or "opaque": a result that has no JSON form, of which
    only `type` and a description are kept.
    """

    kind: Literal["returned", "raised", "opaque"]
    value: str = field(default="null", repr=_length)
    type: str = ""


Question: TypeAlias = "Request | Source | Call"
Answer: TypeAlias = "Response | Fault | Reading | Reply"


def is_abandoned(answer: Answer) -> bool:
    """True when the agent itself ended the step, perhaps from the garbage collector."""
    match answer:
        case Response(end="closed" | "cancelled") | Fault("cancelled") | Reading("given up"):
            return True
        case _:
            return False


@frozen
class Span:
    """When a step happened, in ticks of the run's logical clock.

    `began < headed < ended` for an exchange with a body; a fault and a tool's
    reply have no head of their own, so that `headed == ended`, and so has the end of an
    executor's job; all three are equal for any other draw.
    """

    began: int
    headed: int
    ended: int


@frozen
class Timing:
    """When a step happened, by the wall clock; no part of any digest.

    `began` is in seconds since the epoch; `headed`, `ended` and each of `chunks`
    are seconds after it. `head_hops` and `end_hops` are turns of the event loop
    between this tick and the head or end before it on the same loop, or None when
    the loop had come to rest in between or the tick was not an event loop's.
    """

    began: float = 0.0
    headed: float = 0.0
    ended: float = 0.0
    chunks: tuple[float, ...] = field(default=(), repr=False)
    head_hops: int | None = None
    end_hops: int | None = None


@frozen
class Exchange:
    """A question to an HTTP server, and what came back.

    Of a step that was served from the tape that its run followed, `origin` is the tick at which the
    step began there that gave the answer; None of one that was asked of the world. `site` is the agent's
    line that asked, `agent.py:12 in plan`; "" where it is not known. Neither is part of a digest.
    """

    request: Request
    answer: Response | Fault
    lane: Lane = ""
    span: Span = Span(0, 1, 2)
    timing: Timing = field(default=Timing(), eq=False, repr=False)
    origin: int | None = field(default=None, eq=False, repr=False)
    site: str = field(default="", eq=False, repr=False)

    @property
    def asked(self) -> Request:
        return self.request

    @property
    def response(self) -> Response:
        """The response.

        Raises:
            ValueError: the transport failed before any response came.
        """
        if isinstance(self.answer, Fault):
            msg = f"no response came: {self.answer.kind}: {self.answer.message}"
            raise ValueError(msg)  # noqa: TRY004  the value is of a right type: the transport failed
        return self.answer


@frozen
class Draw:
    """A question to a source of chance, and its reading; `origin` and `site` as for an Exchange."""

    source: Source
    reading: Reading
    lane: Lane = ""
    span: Span = Span(0, 0, 0)
    timing: Timing = field(default=Timing(), eq=False, repr=False)
    origin: int | None = field(default=None, eq=False, repr=False)
    site: str = field(default="", eq=False, repr=False)

    @property
    def asked(self) -> Source:
        return self.source

    @property
    def answer(self) -> Reading:
        return self.reading


@frozen
class Effect:
    """A tool call that replay must not repeat, or a sub-agent's; and what it came to.

    `origin` and `site` are as for an Exchange.
    """

    call: Call
    reply: Reply | Fault
    lane: Lane = ""
    span: Span = Span(0, 1, 1)
    timing: Timing = field(default=Timing(), eq=False, repr=False)
    origin: int | None = field(default=None, eq=False, repr=False)
    site: str = field(default="", eq=False, repr=False)

    @property
    def asked(self) -> Call:
        return self.call

    @property
    def answer(self) -> Reply | Fault:
        return self.reply

    @property
    def is_agent(self) -> bool:
        """True for a sub-agent's call: what it asked are steps of the tape, and it runs in each replay."""
        return bool(self.call.inside)

    def holds(self, step: Step | Pending) -> bool:
        """True if this is a sub-agent's call, and `step` was asked in it, or in what it called."""
        inner = f"{self.lane}/{self.call.inside}".lstrip("/")
        return self.is_agent and (step.lane == inner or step.lane.startswith(f"{inner}/"))


Step: TypeAlias = "Exchange | Draw | Effect"


@frozen
class Pending:
    """A question in flight when the recording died; `headed` if its head had been given.

    `site` is as for an Exchange.
    """

    asked: Request | Call
    lane: Lane
    began: int
    headed: int | None = None
    site: str = field(default="", eq=False, repr=False)


def make_step(
    question: Question,
    answer: Answer,
    lane: Lane,
    span: Span,
    timing: Timing = Timing(),
    origin: int | None = None,
    site: str = "",
) -> Step | None:
    """Return the step of this question and answer, or None if they do not belong together."""
    match question, answer:
        case Request(), Response() | Fault():
            return Exchange(question, answer, lane, span, timing, origin, site)
        case Source(), Reading():
            return Draw(question, answer, lane, span, timing, origin, site)
        case Call(), Reply() | Fault():
            return Effect(question, answer, lane, span, timing, origin, site)
        case _:
            return None
