"""What a run did besides its exchanges: draws, tool calls, and what was in flight at the end."""

from __future__ import annotations

from collections.abc import Iterator

from ...core.tape import Tape
from ...core.values import (
    Answer,
    Call,
    Effect,
    Exchange,
    Fault,
    Lane,
    Pending,
    Question,
    Reading,
    Reply,
    Request,
    Step,
)
from ..served import mark_steps
from .clock import span
from .rows import name_of
from .view import Aside

IN_FLIGHT = "in flight when the recording ended"


def asides(tape: Tape, start: float) -> Iterator[Aside]:
    """The asides of `tape` in the order in which they began; times are counted from `start`."""
    before = 0
    for step, mark in zip(tape.steps, mark_steps(tape), strict=True):
        if isinstance(step, Exchange):
            before += 1
            continue
        kind, name, arguments = _describe_question(step.asked)
        began, _, ended = span(step.timing, start)
        answered = _describe_answer(step.answer)
        inside, failed = _find_strand(step), isinstance(step, Effect) and _has_failed(step)
        yield Aside(
            before,
            kind,
            name,
            arguments,
            answered,
            step.lane,
            began,
            ended,
            mark,
            inside,
            failed,
            site=step.site,
        )
    for left in tape.pending:
        kind, name, arguments = _describe_question(left.asked)
        yield Aside(
            before,
            kind,
            name,
            arguments,
            IN_FLIGHT,
            left.lane,
            0.0,
            0.0,
            inside=_find_strand(left),
            in_flight=True,
            site=left.site,
        )


def _find_strand(step: Step | Pending) -> Lane:
    """The strand of a sub-agent's own steps; "" where `step` is none."""
    inside = step.asked.inside if isinstance(step.asked, Call) else ""
    return f"{step.lane}/{inside}".lstrip("/") if inside else ""


def _has_failed(effect: Effect) -> bool:
    """True of a tool that raised: one that the agent itself gave up has not."""
    match effect.reply:
        case Reply(kind):
            return kind == "raised"
        case Fault(kind):
            return kind != "cancelled"


def _describe_question(question: Question) -> tuple[str, str, str]:
    if isinstance(question, Request):
        return "request", f"{question.method} {question.url}", ""
    return (*name_of(question), question.arguments if isinstance(question, Call) else "")


def _describe_answer(answer: Answer) -> str:
    match answer:
        case Reading(text):
            return text
        case Reply(kind, value, of):
            return value if kind == "returned" else f"{kind} {of}: {value}"
        case Fault(kind, message):
            return f"{kind}: {message}"
        case _:
            return ""
