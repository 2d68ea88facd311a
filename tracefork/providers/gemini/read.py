"""Reads Gemini's generateContent. Google has two spellings of each name, `inlineData` and `inline_data`."""

from __future__ import annotations

import re

from .. import _json, base, paths
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
from .stream import assemble

NAME = paths.GEMINI
_LISTS = ("tools", "systemInstruction", "system_instruction", "contents")
_SNAKE = re.compile(r"_([a-z])")


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "tools", dict():
            return tuple(tool for kind, own in _camel(value).items() for tool in _tools(kind, own))
        case "contents", str():
            return (Message("user", parts(value, part)),)
        case "contents", dict() if "parts" in value or "role" in value:
            return (_message(value, ""),)
        case (("systemInstruction" | "system_instruction"), str()):
            return (Message("system", parts(value, part)),)
        case (("systemInstruction" | "system_instruction"), dict()):
            return (_message({**value, "role": "system"}, ""),)
        case _:
            return ()


def _tools(kind: str, own: object) -> list[Tool]:
    """Functions that are declared; or a tool of Google's, under its own name."""
    if kind != "functionDeclarations":
        return [Tool(kind)]
    declared = [_camel(one) for one in _json.mappings({kind: own}, kind)]
    return [
        Tool(
            _json.string(one, "name"),
            _json.string(one, "description"),
            "" if schema is None else _json.write(schema),
        )
        for one in declared
        for schema in [one.get("parametersJsonSchema", one.get("parameters"))]
    ]


def _message(content: base.Payload, role: str) -> Message:
    return Message(_json.string(content, "role") or role, parts(content.get("parts"), part))


def part(given: base.Payload) -> Part:
    """One part: what it is goes by the key that it has."""
    block = _camel(given)
    call, result = _json.mapping(block, "functionCall"), _json.mapping(block, "functionResponse")
    data, file = _json.mapping(block, "inlineData"), _json.mapping(block, "fileData")
    if "text" in block:
        return text_at(block, "text", Thinking if block.get("thought") is True else Text)
    if name := _json.string(call, "name"):
        return ToolCall(_json.string(call, "id"), name, arguments(call.get("args")))
    if result:
        return _result(result)
    if data:
        media_type = _json.string(_camel(data), "mimeType")
        return media_in_base64(_kind(media_type), media_type, data.get("data"))
    if file:
        media_type = _json.string(_camel(file), "mimeType")
        return Media(_kind(media_type), media_type, url=_json.string(_camel(file), "fileUri"))
    names = [key for key in block if key not in {"thought", "thoughtSignature"}]
    return other(given, names[0] if names else "")


def _result(result: base.Payload) -> ToolResult:
    """What a function gave, as JSON text: Google has an object where others have a text."""
    response = result.get("response")
    given = () if response is None else (Text(_json.write(response)),)
    failed = isinstance(response, dict) and "error" in response and "output" not in response
    more = parts(result.get("parts"), part)
    return ToolResult(_json.string(result, "id"), (*given, *more), _json.string(result, "name"), failed)


def _kind(media_type: str) -> str:
    kind = media_type.partition("/")[0]
    return kind if kind in {"image", "audio", "video"} else "document"


def _camel(owner: base.Payload) -> base.Payload:
    return {_SNAKE.sub(lambda c: c[1].upper(), _json.clean(key)): value for key, value in owner.items()}


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    feedback = _json.mapping(body, "promptFeedback")
    blocked = _json.string(feedback, "blockReason")
    failed = failure(body)
    if blocked and not failed:
        failed = Failure(blocked, _json.string(feedback, "blockReasonMessage"))
    metadata = _json.mapping(body, "usageMetadata")
    if not isinstance(body.get("candidates"), list) and not failed and not metadata:
        return None
    candidates = sorted(_json.mappings(body, "candidates"), key=_json.index)
    return Completion(
        NAME,
        _json.string(body, "responseId"),
        _json.string(body, "modelVersion"),
        tuple(
            Choice(_message(_json.mapping(one, "content"), "model"), _json.string(one, "finishReason"))
            for one in candidates
        ),
        _usage(metadata),
        failed,
        complete,
    )


def _usage(metadata: base.Payload) -> Usage | None:
    """Google counts what tools put into the prompt, and thoughts, apart; a count of none is left out."""
    asked = _sum(metadata, "promptTokenCount", "toolUsePromptTokenCount")
    output = _sum(metadata, "candidatesTokenCount", "thoughtsTokenCount")
    total = _json.count(metadata, "totalTokenCount")
    if output is None and asked is not None and total is not None and total >= asked:
        output = total - asked
    if asked is None and output is None:
        return None
    cached = _json.count(metadata, "cachedContentTokenCount")
    return Usage(
        asked,
        output,
        cached,
        None,
        _json.count(metadata, "thoughtsTokenCount"),
        heard=_count_sound(metadata, "promptTokensDetails"),
        spoken=_count_sound(metadata, "candidatesTokensDetails"),
    )


def _count_sound(metadata: base.Payload, key: str) -> int | None:
    counts = [
        _json.count(one, "tokenCount")
        for one in _json.mappings(metadata, key)
        if one.get("modality") == "AUDIO"
    ]
    return sum(count or 0 for count in counts) if counts else None


def _sum(metadata: base.Payload, *keys: str) -> int | None:
    counts = [count for key in keys if (count := _json.count(metadata, key)) is not None]
    return sum(counts) if counts else None


READER = Reader(NAME, _LISTS, elements, whole, assemble)
