"""Reads Ollama's bare texts: a stream by default, a line of JSON a piece."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail
from .._parts import failure, media_in_base64
from .._reader import Reader
from ..messages import Choice, Completion, Message, Part, Text, Thinking, Tool, Usage

API = api_paths.OLLAMA_GENERATE


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "system", str() if value:
            return (Message("system", (Text(_json.clean(value)),)),)
        case "prompt", str():
            return (Message("prompt", (Text(_json.clean(value)),)),)
        case "images", str():
            return (Message("prompt", (media_in_base64("image", "", value),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    text = body.get("response")
    if not isinstance(text, str):
        return fail(API, failure(body))
    counts = _json.count(body, "prompt_eval_count"), _json.count(body, "eval_count")
    thought = _json.string(body, "thinking")
    words: tuple[Part, ...] = (Text(_json.clean(text)),)
    turn = Message("completion", ((Thinking(thought), *words) if thought else words))
    return Completion(
        API,
        "",  # it gives its answers no names
        _json.string(body, "model"),
        (Choice(turn, _json.string(body, "done_reason")),),
        None if counts == (None, None) else Usage(*counts),
        failure(body),
        complete and body.get("done") is not False,
    )


def assemble(lines: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    last: base.Payload = {}
    pieces = _json.Pieces()
    for line in lines:
        for key in ("response", "thinking"):
            pieces.add(key, line.get(key))
        last = {**last, **line}
        done = done or line.get("done") is True
    spelled = {key: text for key in ("response", "thinking") if (text := pieces.text(key)) is not None}
    return {**last, **spelled}, done


READER = Reader(
    API, ("system", "prompt", "images"), elements, whole, assemble, in_lines=True, streams_by_default=True
)
