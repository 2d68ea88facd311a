"""Hash of a parent's steps including timing and lanes. Pure.

By it a branch that stores references to these steps notices another parent.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256

from ..codec import strict_json
from ..core.values import Answer, Fault, Question, Request, Response, Step, Timing


def identity(steps: Sequence[Step]) -> str:
    """Return the sha-256, as 64 hex characters, of the JSON of each step and a line feed.

    The JSON is `[question, answer, lane, span, timing]`, with a body's hash for the body.
    """
    made = sha256()
    for step in steps:
        span = [step.span.began, step.span.headed, step.span.ended]
        line = [_question(step.asked), _answer(step.answer), step.lane, span, _timing(step.timing)]
        made.update(strict_json.encode(line) + b"\n")
    return made.hexdigest()


def _question(asked: Question) -> object:
    if isinstance(asked, Request):
        return [asked.method, asked.url, asked.headers, asked.sha256, asked.omitted is not None]
    return strict_json.unstructure(asked, strict_json.ASKED)


def _answer(answer: Answer) -> object:
    if not isinstance(answer, Response):
        return strict_json.unstructure(answer, strict_json.ANSWERED)
    end = strict_json.unstructure(answer.end) if isinstance(answer.end, Fault) else answer.end
    head = [answer.status, answer.headers, end, answer.reason, answer.http_version]
    return [*head, answer.sha256, answer.lengths, answer.omitted is not None]


def _timing(timing: Timing) -> list[object]:
    chunks = [float(time) for time in timing.chunks]
    times = [float(timing.began), float(timing.headed), float(timing.ended), chunks]
    return [*times, timing.head_hops, timing.end_hops]
