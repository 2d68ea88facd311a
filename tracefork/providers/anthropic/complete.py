"""Reads Anthropic's older completions of a bare text."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail
from .._parts import failure
from .._reader import Reader
from ..messages import Choice, Completion, Message, Text, Tool

API = api_paths.COMPLETE


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "prompt", str():
            return (Message("prompt", (Text(_json.clean(value)),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    text = body.get("completion")
    if not isinstance(text, str):
        return fail(API, failure(body))
    choice = Choice(Message("completion", (Text(_json.clean(text)),)), _json.string(body, "stop_reason"))
    return Completion(
        API, _json.string(body, "id"), _json.string(body, "model"), (choice,), None, failure(body), complete
    )


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The pieces of a stream together; it is over when one says why."""
    body: base.Payload = {}
    pieces = _json.Pieces()
    for event in events:
        pieces.add("text", event.get("completion"))
        body |= {key: value for key, value in event.items() if value is not None}
        done = done or bool(event.get("stop_reason"))
    text = pieces.text("text")
    return body | ({} if text is None else {"completion": text}), done


READER = Reader(API, ("prompt",), elements, whole, assemble)
