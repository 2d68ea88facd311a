"""Reads questions and answers of OpenAI's Responses API."""

from __future__ import annotations

from .. import _json, base, paths
from .._parts import arguments, failure, media_at_url, media_in_base64, other, parts, text_at
from .._reader import Reader
from ..messages import Choice, Completion, Message, Part, Text, Thinking, Tool, ToolCall, ToolResult
from .chat_read import usage
from .responses_stream import assemble

NAME = paths.RESPONSES
_UNFINISHED = frozenset({"in_progress", "queued"})


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "tools", dict():
            return _tools(value)
        case "instructions", str():
            return (Message("system", parts(value, part)),)
        case "input", str():
            return (Message("user", parts(value, part)),)
        case (("input" | "instructions"), dict()) if "type" in value or "role" in value:
            return (turn(value),)
        case _:
            return ()


def _tools(tool: base.Payload) -> tuple[Tool, ...]:
    name = _json.string(tool, "name", "server_label", "type")
    schema = tool.get("parameters", tool.get("format"))
    about = _json.string(tool, "description")
    return (Tool(name, about, "" if schema is None else _json.write(schema)),) if name else ()


def turn(item: base.Payload) -> Message:
    """One item, of the input or of the output, as a message of its own."""
    kind = _json.string(item, "type")
    match kind:
        case "message" | "":
            return Message(_json.string(item, "role"), parts(item.get("content"), part))
        case "reasoning":
            return Message("assistant", _thoughts(item))
        case "function_call" | "custom_tool_call" | "mcp_call" if _json.string(item, "name"):
            return Message("assistant", _read_call(item))
        case "image_generation_call":
            form = _json.string(item, "output_format")
            image = media_in_base64("image", f"image/{form}" if form else "", item.get("result"))
            return Message("assistant", (image,))
        case _ if kind.endswith("_output") and "call_id" in item:
            result = parts(item.get("output", item.get("result")), part)
            return Message("tool", (ToolResult(_json.string(item, "call_id"), result),))
        case _ if kind.endswith("_call"):
            return Message("assistant", (other(item),))
        case _:
            return Message(_json.string(item, "role"), (other(item),))


def _thoughts(item: base.Payload) -> tuple[Part, ...]:
    found = parts(item.get("content"), part) or parts(item.get("summary"), part)
    return found or (Thinking(""),)


def _read_call(item: base.Payload) -> tuple[Part, ...]:
    """The call; of one that the vendor makes itself, what came of it as well."""
    call_id, name = _json.string(item, "call_id", "id"), _json.string(item, "name")
    if _json.string(item, "type") == "custom_tool_call":
        return (ToolCall(call_id, name, _json.write(item.get("input"))),)
    call = ToolCall(call_id, name, arguments(item.get("arguments")))
    output, error = item.get("output"), item.get("error")
    if output is None and error is None:
        return (call,)
    came = parts(error if output is None else output, part)
    return call, ToolResult(call_id, came, name, is_error=error is not None)


def part(block: base.Payload) -> Part:
    """One part of an item's content, or of a tool's output."""
    match _json.string(block, "type"):
        case "input_text" | "output_text" | "text":
            return text_at(block, "text", Text)
        case "summary_text" | "reasoning_text":
            return text_at(block, "text", Thinking)
        case "input_image" | "computer_screenshot":
            return media_at_url("image", _json.string(block, "image_url", "file_id"))
        case "input_file":
            return media_at_url("document", _json.string(block, "file_data", "file_url", "file_id"))
        case "input_audio":
            sound = _json.mapping(block, "input_audio")
            form = _json.string(sound, "format")
            return media_in_base64("audio", f"audio/{form}" if form else "", sound.get("data"))
        case _:
            return other(block)


def whole(response: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    failed = failure(response)
    if not isinstance(response.get("output"), list) and not failed:
        return None
    items = _json.mappings(response, "output")
    status = _json.string(response, "status")
    reason = _json.string(_json.mapping(response, "incomplete_details"), "reason") or status
    turn_ = Message("assistant", tuple(part for item in items for part in turn(item).parts))
    return Completion(
        NAME,
        _json.string(response, "id"),
        _json.string(response, "model"),
        (Choice(turn_, reason),) if items or not failed else (),
        usage(_json.mapping(response, "usage"), "input_tokens", "output_tokens"),
        failed,
        complete and status not in _UNFINISHED,
    )


READER = Reader(NAME, ("tools", "instructions", "input"), elements, whole, assemble)
