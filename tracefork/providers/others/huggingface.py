"""Reads what Hugging Face's servers generate from a bare text."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail
from .._parts import failure
from .._reader import Reader
from ..messages import Choice, Completion, Message, Text, Tool, Usage

API = api_paths.GENERATED_TEXT


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "inputs", str():
            return (Message("prompt", (Text(_json.clean(value)),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    text = body.get("generated_text")
    if not isinstance(text, str):
        return fail(API, failure(body))
    details = _json.mapping(body, "details")
    output = _json.count(details, "generated_tokens")
    choice = Choice(Message("completion", (Text(_json.clean(text)),)), _json.string(details, "finish_reason"))
    usage = None if output is None else Usage(None, output)
    return Completion(API, "", "", (choice,), usage, failure(body), complete)


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The last event says all of it again; an array holds one whole answer, and no event."""
    body: base.Payload = {}
    pieces = _json.Pieces()
    for event in events:
        token = _json.mapping(event, "token")
        if token.get("special") is not True:
            pieces.add("text", token.get("text"))
        if isinstance(event.get("generated_text"), str):
            body, done = {**event, **body}, True
        elif "error" in event:
            body = {**body, "error": event["error"]}
    text = pieces.text("text")
    return ({} if text is None else {"generated_text": text}) | body, done


READER = Reader(API, ("inputs",), elements, whole, assemble)
