"""Reads Amazon Bedrock's Converse. What a block or an event is goes by the keys that it has."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, base, paths
from .._parts import arguments, failure, media_in_base64, other, parts, text_at
from .._reader import Reader
from ..messages import Choice, Completion, Message, Part, Text, Thinking, Tool, ToolCall, ToolResult, Usage


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "toolConfig", dict():
            return tuple(tool for one in _json.mappings(value, "tools") for tool in _tools(one))
        case "system", dict():
            return (Message("system", (part(value),)),)
        case "messages", dict() if "role" in value or "content" in value:
            return (_message(value),)
        case _:
            return ()


def _tools(given: base.Payload) -> tuple[Tool, ...]:
    own = _json.mapping(given, "toolSpec", "systemTool")
    name = _json.string(own, "name")
    schema = _json.mapping(own, "inputSchema").get("json")
    about = _json.string(own, "description")
    return (Tool(name, about, "" if schema is None else _json.write(schema)),) if name else ()


def _message(turn: base.Payload) -> Message:
    return Message(_json.string(turn, "role"), parts(turn.get("content"), part))


def part(block: base.Payload) -> Part:
    """One block of a message's content."""
    use, result = _json.mapping(block, "toolUse"), _json.mapping(block, "toolResult")
    if "text" in block:
        return text_at(block, "text", Text)
    if name := _json.string(use, "name"):
        return ToolCall(_json.string(use, "toolUseId"), name, arguments(use.get("input")))
    if result:
        failed = _json.string(result, "status") == "error"
        return ToolResult(_json.string(result, "toolUseId"), parts(result.get("content"), part), "", failed)
    if "json" in block:
        return Text(_json.write(block["json"]))
    if "reasoningContent" in block:
        thought = _json.mapping(_json.mapping(block, "reasoningContent"), "reasoningText")
        return Thinking(_json.string(thought, "text"))
    for kind in ("image", "document", "video", "audio"):
        if media := _json.mapping(block, kind):
            form = _json.string(media, "format")
            data = _json.mapping(media, "source").get("bytes")
            return media_in_base64(kind, f"{_family(kind)}/{form}" if form else "", data)
    return other(block, next(iter(block), ""))


def _family(kind: str) -> str:
    return "application" if kind == "document" else kind


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    turn, failed = _json.mapping(_json.mapping(body, "output"), "message"), failure(body)
    if not turn and not failed:
        return None
    return Completion(
        paths.CONVERSE,
        "",  # its id is in a header
        "",  # the URL has its model
        (Choice(_message(turn), _json.string(body, "stopReason")),) if turn else (),
        _usage(_json.mapping(body, "usage")),
        failed,
        complete,
    )


def _usage(usage: base.Payload) -> Usage | None:
    """What comes from the cache and goes into it is counted apart."""
    fresh, output = _json.count(usage, "inputTokens"), _json.count(usage, "outputTokens")
    cached, written = (_count_either(usage, f"cache{kind}InputToken") for kind in ("Read", "Write"))
    if fresh is None and output is None:
        return None
    asked = None if fresh is None else fresh + (cached or 0) + (written or 0)
    kept = [one for one in _json.mappings(usage, "cacheDetails", "CacheDetails") if one.get("ttl") == "1h"]
    hour = sum(_json.count(one, "inputTokens") or 0 for one in kept) if kept else None
    return Usage(asked, output, cached, written, written_hour=hour)


def _count_either(usage: base.Payload, name: str) -> int | None:
    """Nova's counts have a name of their own where it is invoked."""
    found = _json.count(usage, f"{name}s")
    return _json.count(usage, f"{name}Count") if found is None else found


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The message that a stream spells, and whether it said why it stopped."""
    message: base.Payload = {}
    around: base.Payload = {}
    blocks: dict[int, tuple[base.Payload, _json.Pieces]] = {}
    for event in events:
        if "role" in event:
            message = {"role": event["role"]}
        elif "contentBlockIndex" in event:
            use = _json.mapping(_json.mapping(event, "start"), "toolUse")
            block = blocks.setdefault(_json.index(event, "contentBlockIndex"), (use, _json.Pieces()))
            _add(block[1], _json.mapping(event, "delta"))
        else:
            around |= {key: event[key] for key in ("stopReason", "usage", "error") if key in event}
            done = done or "stopReason" in event
    content = [_spell(use, pieces) for _, (use, pieces) in sorted(blocks.items(), key=lambda one: one[0])]
    if message or content:
        around["output"] = {"message": {**message, "content": content}}
    return around, done


def _add(pieces: _json.Pieces, delta: base.Payload) -> None:
    pieces.add("text", delta.get("text"))
    pieces.add("input", _json.mapping(delta, "toolUse").get("input"))
    pieces.add("thought", _json.mapping(delta, "reasoningContent").get("text"))


def _spell(use: base.Payload, pieces: _json.Pieces) -> base.Payload:
    if use:
        return {"toolUse": {**use, "input": pieces.text("input")}}
    thought = pieces.text("thought")
    if thought is not None:
        return {"reasoningContent": {"reasoningText": {"text": thought}}}
    return {"text": pieces.text("text") or ""}


READER = Reader(paths.CONVERSE, ("toolConfig", "system", "messages"), elements, whole, assemble)
