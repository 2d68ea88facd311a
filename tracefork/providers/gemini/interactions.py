"""Reads Gemini's interactions: steps of a conversation, as they are asked, answered and streamed."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._parts import arguments, failure, media_in_base64, other, parts, text_at
from .._reader import Reader
from ..messages import (
    Choice,
    Completion,
    Failure,
    Media,
    Message,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)

API = api_paths.INTERACTIONS
_UNFINISHED = frozenset({"in_progress", "queued"})
_MEDIA = frozenset({"image", "audio", "video", "document"})
_DELTAS = {"text": "text", "thought_summary": "summary", "arguments_delta": "arguments"}


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "tools", dict():
            return _read_tool(value)
        case "system_instruction", str():
            return (Message("system", (Text(_json.clean(value)),)),)
        case "input", str():
            return (Message("user", (Text(_json.clean(value)),)),)
        case "input", dict():
            return (turn(value),)
        case _:
            return ()


def _read_tool(tool: base.Payload) -> tuple[Tool, ...]:
    name, schema = _json.string(tool, "name", "type"), tool.get("parameters")
    about = _json.string(tool, "description")
    return (Tool(name, about, "" if schema is None else _json.write(schema)),) if name else ()


def turn(step: base.Payload) -> Message:
    """One step, or a piece of content that stands for one, as a message of its own."""
    kind = _json.string(step, "type")
    if "role" in step:
        return Message(_json.string(step, "role"), parts(step.get("content"), part))
    if kind in ("user_input", "model_output"):
        return Message("user" if kind == "user_input" else "model", parts(step.get("content"), part))
    is_ours = kind == "function_result" or kind in _MEDIA or kind == "text"
    return Message("user" if is_ours else "model", (part(step),))


def part(block: base.Payload) -> Part:
    kind = _json.string(block, "type")
    match kind:
        case "text":
            return text_at(block, "text", Text)
        case "thought":
            summary = parts(block.get("summary"), part)
            return Thinking("".join(one.text for one in summary if isinstance(one, Text)))
        case "function_call" if name := _json.string(block, "name"):
            return ToolCall(_json.string(block, "id"), name, arguments(block.get("arguments")))
        case "function_result":
            result = block.get("result")
            given = (Text(_json.write(result)),) if isinstance(result, dict) else parts(result, part)
            name, failed = _json.string(block, "name"), block.get("is_error") is True
            return ToolResult(_json.string(block, "call_id"), given, name, failed)
        case _ if kind in _MEDIA:
            media_type = _json.string(block, "mime_type")
            if "data" in block:
                return media_in_base64(kind, media_type, block["data"])
            return Media(kind, media_type, url=_json.string(block, "uri"))
        case _:
            return other(block)


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    failed, status = failure(body), _json.string(body, "status")
    steps = [one for one in _json.mappings(body, "steps", "outputs") if one.get("type") != "user_input"]
    if not status and not steps and not failed:
        return None
    if not failed and (errors := _json.mappings(body, "errors")):
        failed = Failure(_json.string(errors[0], "code", "status"), _json.string(errors[0], "message"))
    message = Message("model", tuple(one for step in steps for one in turn(step).parts))
    return Completion(
        API,
        _json.string(body, "id"),
        _json.string(body, "model", "agent"),
        (Choice(message, status),) if steps or status else (),
        _usage(_json.mapping(body, "usage")),
        failed,
        complete and status not in _UNFINISHED,
    )


def _usage(usage: base.Payload) -> Usage | None:
    """What tools put into the prompt, and thoughts, are counted apart."""
    asked, output = _json.count(usage, "total_input_tokens"), _json.count(usage, "total_output_tokens")
    if asked is None and output is None:
        return None
    of_tools = _json.count(usage, "total_tool_use_tokens") or 0
    thoughts = _json.count(usage, "total_thought_tokens")
    thoughts = _json.count(usage, "total_reasoning_tokens") if thoughts is None else thoughts
    return Usage(
        None if asked is None else asked + of_tools,
        None if output is None else output + (thoughts or 0),
        _json.count(usage, "total_cached_tokens"),
        None,
        thoughts,
    )


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The interaction with the steps that a stream spells; it is over when an event says so."""
    body: base.Payload = {}
    steps: dict[int, base.Payload] = {}
    pieces = _json.Pieces()
    done = False  # it says [DONE] of streams that failed, too
    for event in events:
        kind, place = _json.string(event, "event_type"), _json.index(event)
        if inner := _json.mapping(event, "interaction"):
            body |= inner
            done = done or kind in ("interaction.completed", "interaction.complete")
        elif kind in ("step.start", "content.start"):
            steps[place] = _json.mapping(event, "step", "content")
        elif kind in ("step.delta", "content.delta"):
            delta = _json.mapping(event, "delta")
            step = steps.setdefault(place, {"type": "model_output"})
            steps[place] = _add(pieces, place, step, delta)
        elif kind == "error":
            body["error"] = event.get("error")
    spelled: list[object] = [_spell(pieces, place, step) for place, step in sorted(steps.items())]
    return body | (
        {} if _json.mappings(body, "steps", "outputs") or not spelled else {"steps": spelled}
    ), done


def _add(pieces: _json.Pieces, place: int, step: base.Payload, delta: base.Payload) -> base.Payload:
    """The step with a delta: of a text, it waits with the others; else it is a part of its own."""
    kind = _json.string(delta, "type")
    if kind == "thought_summary":
        pieces.add((place, kind), _json.mapping(delta, "content").get("text"))
    elif kind in _DELTAS:
        pieces.add((place, kind), delta.get("arguments" if kind == "arguments_delta" else "text"))
    elif kind in _MEDIA:
        return {**step, "content": [*_json.mappings(step, "content"), delta]}
    elif kind.endswith(("_call", "_result")):
        return {**step, **delta}
    return step


def _spell(pieces: _json.Pieces, place: int, step: base.Payload) -> base.Payload:
    text, thought, given = (pieces.text((place, kind)) for kind in _DELTAS)
    if step.get("type") == "text" and text is not None:
        return {**step, "text": _json.string(step, "text") + text}
    new: base.Payload = {}
    if text is not None:
        new["content"] = [*_json.mappings(step, "content"), {"type": "text", "text": text}]
    if thought is not None:
        new["summary"] = [{"type": "text", "text": thought}]
    if given:
        new["arguments"] = given
    return {**step, **new}


READER = Reader(API, ("tools", "system_instruction", "input"), elements, whole, assemble)
