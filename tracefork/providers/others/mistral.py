"""Reads Mistral's conversations, and its recognition of texts in documents."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail, make
from .._parts import arguments, failure, media_at_url, other, parts
from .._reader import Reader
from ..messages import Choice, Completion, Message, Part, Text, Tool, ToolCall, ToolResult
from ..openai import chat_read
from ..openai.embeddings import take_last


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "tools", dict():
            return chat_read.elements(key, value)
        case "instructions", str():
            return (Message("system", (Text(_json.clean(value)),)),)
        case "inputs", str():
            return (Message("user", (Text(_json.clean(value)),)),)
        case "inputs", dict():
            return (_read_entry(value),)
        case _:
            return ()


def _read_entry(entry: base.Payload) -> Message:
    match _json.string(entry, "type"):
        case "function.call" if name := _json.string(entry, "name"):
            call = ToolCall(
                _json.string(entry, "tool_call_id", "id"), name, arguments(entry.get("arguments"))
            )
            return Message("assistant", (call,))
        case "function.result":
            result = parts(entry.get("result"), chat_read.part)
            return Message("tool", (ToolResult(_json.string(entry, "tool_call_id"), result),))
        case "message.input" | "message.output" | "":
            return Message(_json.string(entry, "role"), parts(entry.get("content"), chat_read.part))
        case _:
            return Message("assistant", (other(entry),))


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    failed, outputs = failure(body), _json.mappings(body, "outputs")
    if not isinstance(body.get("outputs"), list):
        return fail(api_paths.CONVERSATIONS, failed)
    turn = Message("assistant", tuple(part for entry in outputs for part in _read_entry(entry).parts))
    return Completion(
        api_paths.CONVERSATIONS,
        _json.string(body, "conversation_id"),
        next((name for entry in outputs if (name := _json.string(entry, "model"))), ""),
        (Choice(turn),),
        chat_read.usage(_json.mapping(body, "usage"), "prompt_tokens", "completion_tokens"),
        failed,
        complete,
    )


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The entries that a stream spells, and whether it said that it is done."""
    body: base.Payload = {}
    entries: dict[int, base.Payload] = {}
    pieces = _json.Pieces()
    for event in events:
        kind, place = _json.string(event, "type"), _json.index(event, "output_index")
        match kind:
            case "conversation.response.started":
                body["conversation_id"] = event.get("conversation_id")
            case "message.output.delta":
                entries.setdefault(place, {**event, "type": "message.output"})
                content = event.get("content")
                pieces.add((place, "content"), content.get("text") if isinstance(content, dict) else content)
            case "function.call.delta":
                entries.setdefault(place, {**event, "type": "function.call"})
                pieces.add((place, "arguments"), event.get("arguments"))
            case "tool.execution.done":
                entries[place] = {**event, "type": "tool.execution"}
            case "conversation.response.done":
                body["usage"], done = event.get("usage"), True
            case "conversation.response.error":
                body["error"] = {"message": event.get("message"), "code": event.get("code")}
    spelled: list[object] = [
        {**entry, **{key: text for key in ("content", "arguments") if (text := pieces.text((place, key)))}}
        for place, entry in sorted(entries.items())
    ]
    return body | ({"outputs": spelled} if spelled or "conversation_id" in body else {}), done


READER = Reader(api_paths.CONVERSATIONS, ("tools", "instructions", "inputs"), elements, whole, assemble)


# -- texts in documents -------------------------------------------------------------


def _elements_of_document(key: str, value: object) -> tuple[Message | Tool, ...]:
    if key != "document" or not isinstance(value, dict):
        return ()
    url = _json.string(value, "document_url", "image_url", "file_id")
    url = url or _json.string(_json.mapping(value, "image_url"), "url")
    return (Message("user", (media_at_url("document", url),)),)


def _pages(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001
    if not isinstance(body.get("pages"), list):
        return fail(api_paths.OCR, failure(body))
    pages: tuple[Part, ...] = tuple(
        Text(_json.string(one, "markdown")) for one in _json.mappings(body, "pages")
    )
    return make(api_paths.OCR, body, [("assistant", pages)], kind="answer", complete=complete)


OCR = Reader(api_paths.OCR, ("document",), _elements_of_document, _pages, take_last)
