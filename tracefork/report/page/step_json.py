"""A step as JSON without its bodies (these are stored once, as pieces), and back."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias, cast

from ...codec import strict_json
from ...codec.rows import times
from ...codec.strict_json import expect_finite, expect_list, expect_natural, expect_whole
from ...core.tape import Tape
from ...core.values import (
    Answer,
    Branch,
    Deferred,
    Exchange,
    Fault,
    Headers,
    Omitted,
    Outcome,
    Pending,
    Question,
    Request,
    Response,
    Source,
    Step,
    make_step,
)
from ...errors import CorruptTape

Facts: TypeAlias = "dict[str, object]"
ENDS = ("eof", "closed", "cancelled")


def of_step(step: Step) -> Facts:
    """Return `step` as JSON, without the bytes of its bodies."""
    return {
        "asked": _question_json(step.asked),
        "answered": _answer_json(step.answer),
        "lane": step.lane,
        "span": times.write_span(step.span, None),
        "timing": times.write_timing(step.timing, None),
        **({} if step.origin is None else {"origin": step.origin}),
        **({"site": step.site} if step.site else {}),
    }


def of_run(tape: Tape, digest: str) -> Facts:
    """Return `tape` as JSON, without its exchanges; its other steps come with their index."""
    others = [[n, of_step(step)] for n, step in enumerate(tape.steps) if not isinstance(step, Exchange)]
    return {
        "run_id": tape.run_id,
        "agent_name": tape.agent_name,
        "boundary": tape.boundary,
        "created_at": tape.created_at,
        "meta": dict(tape.meta),
        "parent": tape.parent and strict_json.unstructure(tape.parent),
        "outcome": strict_json.unstructure(tape.outcome),
        "digest": digest,
        "others": others,
        "pending": [_pending_json(left) for left in tape.pending],
    }


def step_of(value: object, request: bytes | Deferred = b"", response: bytes = b"") -> Step:
    """Return the step that `of_step` was given; `request` and `response` are its bodies."""
    facts = _object(value)
    question, answer = _question(facts["asked"], request), _answer(facts["answered"], response)
    lane, span = _text(facts["lane"]), times.read_span(facts["span"], None)
    timing = times.read_timing(facts["timing"], None)
    origin = expect_natural(facts["origin"]) if "origin" in facts else None
    made = make_step(question, answer, lane, span, timing, origin, _text(facts.get("site", "")))
    if made is None:
        raise CorruptTape("a question has an answer of another kind")
    return made


def run_of(value: object, exchanges: Sequence[Exchange]) -> Tape:
    """Return the tape that `of_run` was given; `exchanges` are its exchanges."""
    facts = _object(value)
    others = {expect_whole(n): step_of(step) for n, step in map(expect_list, expect_list(facts["others"]))}
    rest = iter(exchanges)
    steps = [others.get(n) or next(rest) for n in range(len(others) + len(exchanges))]
    parent = facts["parent"]
    return Tape(
        tuple(steps),
        tuple(map(_pending_of, expect_list(facts["pending"]))),
        _text(facts["run_id"]),
        _text(facts["agent_name"]),
        _text(facts["boundary"]),
        expect_finite(facts["created_at"]),
        {_text(key): _text(text) for key, text in _object(facts["meta"]).items()},
        None if parent is None else strict_json.structure(parent, Branch),
        strict_json.structure(facts["outcome"], Outcome),
    )


def digest_of(value: object) -> str:
    """The digest that the tape had."""
    return _text(_object(value)["digest"])


# -- to JSON ------------------------------------------------------------------------


def _question_json(question: Question) -> object:
    if not isinstance(question, Request):
        return strict_json.unstructure(question, strict_json.ASKED)
    head: Facts = {"method": question.method, "url": question.url, "headers": question.headers}
    return head | ({"omitted": strict_json.unstructure(question.omitted)} if question.omitted else {})


def _answer_json(answer: Answer) -> object:
    if not isinstance(answer, Response):
        return strict_json.unstructure(answer, strict_json.ANSWERED)
    return {
        "status": answer.status,
        "reason": answer.reason,
        "version": answer.http_version,
        "headers": answer.headers,
        "end": strict_json.unstructure(answer.end) if isinstance(answer.end, Fault) else answer.end,
        "cuts": list(answer.lengths),
        **({"omitted": strict_json.unstructure(answer.omitted)} if answer.omitted else {}),
    }


def _pending_json(left: Pending) -> list[object]:
    body = left.asked.body if isinstance(left.asked, Request) else b""
    facts = [_question_json(left.asked), left.lane, left.began, left.headed, base64.b64encode(body).decode()]
    return [*facts, left.site] if left.site else facts


# -- and back -----------------------------------------------------------------------


def _question(value: object, body: bytes | Deferred) -> Question:
    facts = _object(value)
    if "method" not in facts:
        return strict_json.structure(facts, strict_json.ASKED)  # type: ignore[arg-type]
    omitted = strict_json.structure(facts["omitted"], Omitted) if "omitted" in facts else None
    method, url = _text(facts["method"]), _text(facts["url"])
    return Request(method, url, _headers(facts["headers"]), body, omitted)


def _answer(value: object, body: bytes) -> Answer:
    facts = _object(value)
    if "status" not in facts:
        answer: Answer = strict_json.structure(facts, strict_json.ANSWERED)  # type: ignore[arg-type]
        return answer
    end = facts["end"] if facts["end"] in ENDS else strict_json.structure(facts["end"], Fault)
    omitted = strict_json.structure(facts["omitted"], Omitted) if "omitted" in facts else None
    cuts = list(accumulate(map(expect_natural, expect_list(facts["cuts"]))))
    if (cuts[-1] if cuts else 0) != len(body):
        raise CorruptTape("a response has more or fewer bytes than its chunks")
    chunks = tuple(body[start:stop] for start, stop in pairwise([0, *cuts]))
    status, reason, version = expect_whole(facts["status"]), _text(facts["reason"]), _text(facts["version"])
    return Response(status, _headers(facts["headers"]), chunks, end, reason, version, omitted)  # type: ignore[arg-type]


def _pending_of(value: object) -> Pending:
    asked, lane, began, headed, body, *site = expect_list(value)
    question = _question(asked, base64.b64decode(_text(body), validate=True))
    if isinstance(question, Source):
        raise CorruptTape("a draw is never in flight")
    at = None if headed is None else expect_whole(headed)
    return Pending(question, _text(lane), expect_whole(began), at, _text(site[0]) if site else "")


def _headers(pairs: object) -> Headers:
    return tuple((_text(name), _text(value)) for name, value in map(expect_list, expect_list(pairs)))


def _object(value: object) -> dict[str, object]:
    if type(value) is not dict:
        raise CorruptTape("something else stands where an object belongs")
    return cast("dict[str, object]", value)


def _text(value: object) -> str:
    if type(value) is not str:
        raise CorruptTape("something else stands where a text belongs")
    return value
