"""What a run did besides its exchanges: draws, tool calls, and what was in flight at the end."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.tape import Tape
from ...core.values import Answer, Call, Exchange, Fault, Question, Reading, Reply, Source
from .clock import span
from .view import Aside

IN_FLIGHT = "in flight when the recording ended"


def asides(tape: Tape, start: float) -> Iterator[Aside]:
    """The asides of `tape` in the order in which they began; times are counted from `start`."""
    before = 0
    for step in tape.steps:
        if isinstance(step, Exchange):
            before += 1
            continue
        kind, name, asked = _asked(step.asked)
        began, _, ended = span(step.timing, start)
        yield Aside(before, kind, name, asked, _answered(step.answer), step.lane, began, ended)
    for left in tape.pending:
        kind, name, asked = _asked(left.asked)
        yield Aside(before, kind, name, asked, IN_FLIGHT, left.lane, 0.0, 0.0)


def _asked(question: Question) -> tuple[str, str, str]:
    match question:
        case Source(kind, name):
            return "draw", f"{kind} {name}".strip(), ""
        case Call(name, arguments):
            return "tool", name, arguments
        case _:
            return "request", f"{question.method} {question.url}", ""


def _answered(answer: Answer) -> str:
    match answer:
        case Reading(text):
            return text
        case Reply(kind, value, of):
            return value if kind == "returned" else f"{kind} {of}: {value}"
        case Fault(kind, message):
            return f"{kind}: {message}"
        case _:
            return ""
