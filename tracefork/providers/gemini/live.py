"""Reads Google's Live frames: one of the client is a question, the server's until the next one answer it."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from .. import _json, api_paths, base
from .._reader import Reader
from ..messages import Completion, Message, Other, Part, Tool
from . import read
from .stream import assemble as join

API = api_paths.LIVE


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """What the session is set up with, what is said, heard and given by functions."""
    match key, value:
        case "setup", dict():
            return tuple(
                element
                for name in ("tools", "systemInstruction", "system_instruction")
                for one in _list(value.get(name))
                for element in read.elements(name, one)
            )
        case (("clientContent" | "client_content"), dict()):
            return tuple(e for one in _json.mappings(value, "turns") for e in read.elements("contents", one))
        case (("toolResponse" | "tool_response"), dict()):
            results = _json.mappings(value, "functionResponses", "function_responses")
            return (Message("user", tuple(read.part({"functionResponse": one}) for one in results)),)
        case (("realtimeInput" | "realtime_input"), dict()):
            return (Message("user", tuple(map(_hear, value.items()))),)
        case _:
            return ()


def _list(value: object) -> list[object]:
    return [] if value is None else value if isinstance(value, list) else [value]


def _hear(given: tuple[str, object]) -> Part:
    match given:
        case "text", str() as text:
            return read.part({"text": text})
        case _, {"data": str()}:
            return read.part({"inlineData": given[1]})
        case _:
            return Other(_json.clean(given[0]), _json.write(given[1]))


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    found = read.whole(body, complete)
    return evolve(found, api=API) if found else None


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The frames as chunks of one answer: parts, transcripts and calls in the order in which they came."""
    chunks = list[base.Payload]()
    for event in events:
        content = _json.mapping(event, "serverContent")
        parts: list[object] = [*_json.mappings(_json.mapping(content, "modelTurn"), "parts")]
        if text := _json.mapping(content, "outputTranscription").get("text"):
            parts.append({"text": text})
        calls = _json.mappings(_json.mapping(event, "toolCall"), "functionCalls")
        parts += [{"functionCall": call} for call in calls]
        reason = next((key for key in ("turnComplete", "interrupted") if content.get(key) is True), None)
        done = done or bool(reason) or bool(calls)
        turn: base.Payload = {"content": {"role": "model", "parts": parts}, "finishReason": reason}
        extra: base.Payload = {key: event[key] for key in ("error", "usageMetadata") if key in event}
        chunks.append({**_count(extra), **({"candidates": [turn]} if parts or reason else {})})
    body, _ = join(chunks, done)
    return body, done


def _count(extra: base.Payload) -> base.Payload:
    """The counts of a frame under the names that they have elsewhere."""
    counted = _json.mapping(extra, "usageMetadata")
    if "responseTokenCount" not in counted:
        return extra
    return {**extra, "usageMetadata": {**counted, "candidatesTokenCount": counted["responseTokenCount"]}}


LISTS = (
    "setup",
    "clientContent",
    "client_content",
    "toolResponse",
    "tool_response",
    "realtimeInput",
    "realtime_input",
)
READER = Reader(API, LISTS, elements, whole, assemble)
