"""Reads OpenAI's chat completions, and the older completions of a bare text: their answers are alike."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from .. import _json, base, paths
from .._parts import arguments, failure, media_at_url, media_in_base64, other, parts, text_at
from .._reader import Reader
from ..messages import (
    Choice,
    Completion,
    Message,
    Other,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)
from .chat_stream import assemble

# -- questions ---------------------------------------------------------------------


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "tools", dict():
            return _tools(value, _json.mapping(value, _json.string(value, "type")))
        case "functions", dict():
            return _tools({}, value)
        case "messages", dict() if "role" in value or "content" in value:
            return (message(value),)
        case _:
            return ()


def _tools(tool: base.Payload, own: base.Payload) -> tuple[Tool, ...]:
    name = _json.string(own, "name") or _json.string(tool, "name", "type")
    schema = own.get("parameters", own.get("format"))
    about = _json.string(own, "description")
    return (Tool(name, about, "" if schema is None else _json.write(schema)),) if name else ()


def message(turn: base.Payload) -> Message:
    """One message, of a question or an answer."""
    role = _json.string(turn, "role")
    content = parts(turn.get("content"), part)
    if role in {"tool", "function"}:
        result = ToolResult(_json.string(turn, "tool_call_id"), content, _json.string(turn, "name"))
        return Message(role, (result,))
    return Message(role, (*_thoughts(turn), *content, *_refusal(turn), *_sound(turn), *_calls(turn)))


def part(block: base.Payload) -> Part:
    """One part of a message's content."""
    match _json.string(block, "type"):
        case "text" | "input_text" | "output_text":
            return text_at(block, "text", Text)
        case "thinking":
            thought = block.get("thinking")
            return Thinking("".join(p.text for p in parts(thought, part) if isinstance(p, Text)))
        case "image_url":
            url = block.get("image_url")
            return media_at_url("image", _json.string(url if isinstance(url, dict) else {"url": url}, "url"))
        case "input_audio":
            sound = _json.mapping(block, "input_audio")
            form = _json.string(sound, "format")
            return media_in_base64("audio", f"audio/{form}" if form else "", sound.get("data"))
        case "file":
            file = _json.mapping(block, "file")
            return media_at_url("document", _json.string(file, "file_data", "file_id"))
        case _:
            return other(block)


def _thoughts(turn: base.Payload) -> tuple[Part, ...]:
    """Reasoning, under the names that servers other than OpenAI's have for it."""
    thought = _json.string(turn, "reasoning_content", "reasoning")
    return (Thinking(thought),) if thought else ()


def _refusal(turn: base.Payload) -> tuple[Part, ...]:
    refusal = _json.string(turn, "refusal")
    return (other({"type": "refusal", "refusal": refusal}),) if refusal else ()


def _sound(turn: base.Payload) -> tuple[Part, ...]:
    sound = _json.mapping(turn, "audio")
    return (media_in_base64("audio", "", sound.get("data")),) if sound else ()


def _calls(turn: base.Payload) -> tuple[Part, ...]:
    older = _json.mapping(turn, "function_call")
    calls = [_call(call) for call in _json.mappings(turn, "tool_calls")]
    return (*calls, _call({"type": "function", "function": older})) if older else tuple(calls)


def _call(call: base.Payload) -> Part:
    call_id = _json.string(call, "id")
    function, custom = _json.mapping(call, "function"), _json.mapping(call, "custom")
    if name := _json.string(function, "name"):
        return ToolCall(call_id, name, arguments(function.get("arguments")))
    if name := _json.string(custom, "name"):
        return ToolCall(call_id, name, _json.write(custom.get("input")))
    return other(call)


# -- answers -----------------------------------------------------------------------


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    return _completion(paths.CHAT, body, complete=complete)


def _completion(api: str, body: base.Payload, *, complete: bool) -> Completion | None:
    failed = failure(body)
    if not isinstance(body.get("choices"), list) and not failed:
        return None
    choices = sorted(_json.mappings(body, "choices"), key=_json.index)
    return Completion(
        api,
        _json.string(body, "id"),
        _json.string(body, "model"),
        tuple(Choice(_answer(choice), _json.string(choice, "finish_reason")) for choice in choices),
        usage(_json.mapping(body, "usage"), "prompt_tokens", "completion_tokens"),
        failed,
        complete,
    )


def _answer(choice: base.Payload) -> Message:
    turn = choice.get("message")
    if isinstance(turn, dict):
        return message(turn)
    return Message("completion", parts(choice.get("text"), part))


def usage(usage: base.Payload, asked: str, generated: str) -> Usage | None:
    """The tokens under the names that one of OpenAI's APIs has for them."""
    counts = _json.count(usage, asked), _json.count(usage, generated)
    if counts == (None, None):
        return None
    prompt, output = _json.mapping(usage, f"{asked}_details"), _json.mapping(usage, f"{generated}_details")
    cached = _json.count(prompt, "cached_tokens")
    written = _json.count(prompt, "cache_write_tokens")
    return Usage(
        *counts,
        cached,
        written,
        _json.count(output, "reasoning_tokens"),
        heard=_json.count(prompt, "audio_tokens"),
        spoken=_json.count(output, "audio_tokens"),
        cost=_read_cost(usage),
    )


def _read_cost(usage: base.Payload) -> Decimal | None:
    """What a router charged, in USD; with a key of one's own, what the vendor charges comes to it."""
    given = usage.get("cost")
    charged = _json.amount(given.get("total_cost") if isinstance(given, dict) else given)
    if charged is None or usage.get("is_byok") is not True:
        return charged
    upstream = _json.amount(_json.mapping(usage, "cost_details").get("upstream_inference_cost"))
    return None if upstream is None else charged + upstream


READER = Reader(paths.CHAT, ("tools", "functions", "messages"), elements, whole, assemble)


# -- completions of a bare text -------------------------------------------------------


def _prompts(key: str, value: object) -> tuple[Message | Tool, ...]:
    """A text, or one that is spelled in tokens."""
    match key, value:
        case "prompt", str():
            return (Message("prompt", (Text(_json.clean(value)),)),)
        case "prompt", list():
            return (Message("prompt", (Other("tokens", _json.write(value)),)),)
        case _:
            return ()


def _bare(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001
    return _completion(paths.COMPLETIONS, body, complete=complete)


def _assemble_bare(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """As chat's; Writer's events are bare pieces of a text."""
    return assemble(map(_spell_choice, events), done)


def _spell_choice(event: base.Payload) -> base.Payload:
    piece = event.get("value")
    return event if "choices" in event or not isinstance(piece, str) else {"choices": [{"text": piece}]}


BARE = Reader(paths.COMPLETIONS, ("prompt",), _prompts, _bare, _assemble_bare)
