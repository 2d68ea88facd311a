"""Reads OpenAI's realtime frames: one of the client is a question, the server's until the next its answer.

Sound is named with its size; what was said in it is a text where the server transcribed it.
"""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._parts import failure, media_in_base64, other, parts, text_at
from .._reader import Reader
from ..messages import Choice, Completion, Message, Other, Part, Text, Tool, Usage
from . import responses_read

API = api_paths.REALTIME
_SPELLED = {
    "response.text.delta": "text",
    "response.output_text.delta": "text",
    "response.audio_transcript.delta": "transcript",
    "response.output_audio_transcript.delta": "transcript",
    "response.function_call_arguments.delta": "arguments",
}


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """What the frame's session, item or response says; or the sound of it."""
    match key, value:
        case (("session" | "response"), dict()):
            tools = _json.mappings(value, "tools")
            return (
                *(tool for one in tools for tool in responses_read.elements("tools", one)),
                *responses_read.elements("instructions", value.get("instructions") or None),
                *(turn(item) for item in _json.mappings(value, "input")),
            )  # fmt: skip
        case "item", dict():
            return (turn(value),)
        case "audio", str():
            return (Message("user", (media_in_base64("audio", "", value),)),)
        case _:
            return ()


def turn(item: base.Payload) -> Message:
    if _json.string(item, "type") in ("message", ""):
        return Message(_json.string(item, "role"), parts(item.get("content"), part))
    return responses_read.turn(item)


def part(block: base.Payload) -> Part:
    match _json.string(block, "type"):
        case "audio" | "input_audio" | "output_audio":
            text = block.get("transcript")
            return Text(_json.clean(text)) if isinstance(text, str) and text else _hear(block)
        case "text":
            return text_at(block, "text", Text)
        case _:
            return responses_read.part(block)


def _hear(block: base.Payload) -> Part:
    return media_in_base64("audio", "", block.get("audio")) if "audio" in block else other(block)


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    responses, events = _json.mappings(body, "responses"), _json.mappings(body, "events")
    failed = failure(body)
    if not responses and not events and not failed:
        return None
    if not responses:
        choices = [Choice(Message("server", (_name(event),))) for event in events]
        return Completion(API, choices=tuple(choices), failure=failed, complete=complete, kind="record")
    last = responses[-1]
    return Completion(
        API,
        _json.string(last, "id"),
        "",  # the URL has its model
        tuple(Choice(_answer(one), _json.string(one, "status")) for one in responses),
        _add([_json.mapping(one, "usage") for one in responses]),
        failed,
        complete,
    )


def _name(event: base.Payload) -> Other:
    kind = _json.string(event, "type")
    return Other(kind, _json.write({key: value for key, value in event.items() if key != "event_id"}))


def _answer(response: base.Payload) -> Message:
    items = _json.mappings(response, "output")
    return Message("assistant", tuple(part for item in items for part in turn(item).parts))


def _add(usages: list[base.Payload]) -> Usage | None:
    """All responses' tokens together; None where one of them does not say."""
    found = [_usage(one) for one in usages]
    known = [one for one in found if one is not None]
    if not known or len(known) < len(found):
        return None
    counts = [
        [getattr(one, name) or 0 for one in known]
        for name in ("input", "output", "cached", "heard", "spoken")
    ]
    asked, output, cached, heard, spoken = map(sum, counts)
    return Usage(asked, output, cached, heard=heard, spoken=spoken)


def _usage(usage: base.Payload) -> Usage | None:
    counts = _json.count(usage, "input_tokens"), _json.count(usage, "output_tokens")
    asked, spoken = _json.mapping(usage, "input_token_details"), _json.mapping(usage, "output_token_details")
    if None in counts:
        return None
    cached, heard = _json.count(asked, "cached_tokens"), _json.count(asked, "audio_tokens")
    return Usage(*counts, cached, heard=heard, spoken=_json.count(spoken, "audio_tokens"))


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The responses among the server's frames; complete if each that began is done."""
    responses: dict[str, base.Payload] = {}
    items: dict[str, dict[int, base.Payload]] = {}
    pieces = _json.Pieces()
    others: list[object] = []
    body: base.Payload = {}
    for event in events:
        kind = _json.string(event, "type")
        response = _json.mapping(event, "response")
        name = _json.string(response, "id") or _json.string(event, "response_id")
        place = _json.index(event, "output_index")
        if response:
            responses[name] = response
        elif kind.startswith("response.output_item."):
            items.setdefault(name, {})[place] = _json.mapping(event, "item")
        elif kind in _SPELLED:
            pieces.add((name, place, _SPELLED[kind]), event.get("delta"))
            items.setdefault(name, {}).setdefault(place, {"type": "message", "role": "assistant"})
        elif kind == "error":
            body["error"] = event.get("error")
        elif not kind.endswith(".delta"):
            others.append(event)
    for name in items:
        responses.setdefault(name, {"status": "in_progress"})
    whole_ones: list[object] = [
        one if one.get("output") else {**one, "output": _finish(name, items.get(name, {}), pieces)}
        for name, one in responses.items()
    ]
    is_over = all(_json.string(one, "status") not in ("", "in_progress") for one in responses.values())
    return {**body, "responses": whole_ones, "events": others}, is_over or done


def _finish(name: str, items: dict[int, base.Payload], pieces: _json.Pieces) -> list[object]:
    """The items of a response that is not done, with what their deltas have spelled so far."""
    found: list[object] = []
    for place, item in sorted(items.items()):
        text, sound, given = (pieces.text((name, place, key)) for key in ("text", "transcript", "arguments"))
        new: base.Payload = {}
        if given is not None and not item.get("arguments"):
            new["arguments"] = given
        if not item.get("content") and (text is not None or sound is not None):
            new["content"] = [{"type": "text", "text": text if text is not None else sound}]
        found.append({**item, **new})
    return found


READER = Reader(API, ("session", "item", "response", "audio"), elements, whole, assemble)
