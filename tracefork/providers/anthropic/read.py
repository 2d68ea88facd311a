"""Reads questions and answers of Anthropic's Messages API."""

from __future__ import annotations

from .. import _json, base, paths
from .._parts import arguments, failure, media_in_base64, media_in_text, other, parts, text_at
from .._reader import Reader
from ..messages import (
    Choice,
    Completion,
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
from .stream import assemble

NAME = paths.ANTHROPIC


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "tools", dict():
            return _tools(value)
        case "system", str() | dict():
            return (Message("system", parts(value, part)),)
        case "messages", dict() if "role" in value or "content" in value:
            return (Message(_json.string(value, "role"), parts(value.get("content"), part)),)
        case _:
            return ()


def _tools(tool: base.Payload) -> tuple[Tool, ...]:
    name = _json.string(tool, "name", "mcp_server_name", "type")
    schema = tool.get("input_schema")
    about = _json.string(tool, "description")
    return (Tool(name, about, "" if schema is None else _json.write(schema)),) if name else ()


def part(block: base.Payload) -> Part:
    """One content block."""
    match _json.string(block, "type"):
        case "text":
            return text_at(block, "text", Text)
        case "thinking":
            return text_at(block, "thinking", Thinking)
        case "redacted_thinking":
            return Thinking("")
        case "tool_use" | "server_tool_use" | "mcp_tool_use" if name := _json.string(block, "name"):
            return ToolCall(_json.string(block, "id"), name, arguments(block.get("input")))
        case ("image" | "document") as kind:
            return _media(kind, _json.mapping(block, "source"))
        case kind if kind == "tool_result" or kind.endswith("_tool_result"):
            return _result(block)
        case _:
            return other(block)


def _result(block: base.Payload) -> ToolResult:
    content = block.get("content")
    failed = isinstance(content, dict) and _json.string(content, "type").endswith("_error")
    return ToolResult(
        _json.string(block, "tool_use_id"),
        parts(content, part),
        is_error=failed or block.get("is_error") is True,
    )


def _media(kind: str, source: base.Payload) -> Media:
    media_type = _json.string(source, "media_type")
    data = source.get("data")
    match _json.string(source, "type"):
        case "base64":
            return media_in_base64(kind, media_type, data)
        case "text" if isinstance(data, str):
            return media_in_text(kind, media_type, data)
        case _:
            return Media(kind, media_type, url=_json.string(source, "url", "file_id"))


def whole(message: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    failed = failure(message)
    content = message.get("content")
    if not isinstance(content, list):
        return Completion(NAME, failure=failed, complete=complete) if failed else None
    turn = Message(_json.string(message, "role"), parts(content, part))
    return Completion(
        NAME,
        _json.string(message, "id"),
        _json.string(message, "model"),
        (Choice(turn, _json.string(message, "stop_reason")),),
        _usage(_json.mapping(message, "usage")),
        failed,
        complete,
    )


def _usage(usage: base.Payload) -> Usage | None:
    """The prompt's tokens are in three heaps: as they are, from the cache, and into it."""
    fresh, output = _json.count(usage, "input_tokens"), _json.count(usage, "output_tokens")
    cached = _json.count(usage, "cache_read_input_tokens")
    stored = _json.count(usage, "cache_creation_input_tokens")
    if fresh is None and output is None:
        return None
    asked = None if fresh is None else fresh + (cached or 0) + (stored or 0)
    details = _json.mapping(usage, "output_tokens_details")
    hour = _json.count(_json.mapping(usage, "cache_creation"), "ephemeral_1h_input_tokens")
    return Usage(asked, output, cached, stored, _json.count(details, "thinking_tokens"), hour)


READER = Reader(NAME, ("tools", "system", "messages"), elements, whole, assemble)
