"""Replaces the text of a recorded answer of OpenAI, event by event, and leaves all else unchanged."""

from __future__ import annotations

from collections.abc import Iterator

from tracefork.core.values import Fault, Response

from .. import _json, base, sse
from .chat import DONE, event
from .responses import message_events, message_item, number

_ENDINGS = ("response.completed", "response.incomplete")


def replace_text(recorded: Response, text: str, *, in_chat: bool) -> Response:
    """Return `recorded` with `text` as its text.

    Raises:
        ValueError: it is an error, was cut by a fault, or is no whole message.
    """
    if isinstance(recorded.end, Fault) or recorded.status != base.OK:
        raise ValueError(f"the recorded answer is {recorded!r}, not a whole message; use text() instead")
    body = base.decode_body(recorded)
    if base.is_stream(recorded, body):
        data = [e.data for e in sse.events(body)]
        chunks = tuple(_chat_events(data, text) if in_chat else _response_events(data, text))
    else:
        edit = _completion if in_chat else _response
        chunks = (base.compact(edit(base.payload(body), text)).encode(),)
    return base.replace_body(recorded, chunks)


# -- chat completions ------------------------------------------------------------


def _completion(body: base.Payload, text: str) -> base.Payload:
    choices = [
        {**choice, "message": {**_json.mapping(choice, "message"), "content": text}, "logprobs": None}
        for choice in _json.mappings(body, "choices")
    ]
    if not choices:
        raise ValueError("the recorded answer is no completion: it has no choices; use text() instead")
    return {**body, "choices": choices}


def _chat_events(data: list[str], text: str) -> Iterator[bytes]:
    if "[DONE]" not in data:
        raise ValueError("the recorded stream stops before [DONE]; use text() instead")
    spoken = set[object]()  # the choices that have the new text
    for chunk in (base.payload(line) for line in data if line != "[DONE]"):
        for choice in _json.mappings(chunk, "choices"):
            index, delta = choice.get("index"), _json.mapping(choice, "delta")
            due = delta.get("content") or delta.get("tool_calls") or choice.get("finish_reason")
            if due and index not in spoken:
                spoken.add(index)
                for piece in base.pieces(text):
                    spoken_choice = {"index": index, "delta": {"content": piece}, "finish_reason": None}
                    yield event({**chunk, "choices": [spoken_choice]})
        kept = [choice for choice in map(_silence, _json.mappings(chunk, "choices")) if choice]
        if kept or not chunk.get("choices"):
            yield event({**chunk, "choices": kept})
    yield DONE


def _silence(choice: base.Payload) -> base.Payload | None:
    """The choice of a chunk without its text; None if it held nothing else."""
    delta = _json.mapping(choice, "delta")
    if not delta.get("content"):
        return choice
    rest = {key: value for key, value in delta.items() if key != "content"}
    if not rest and not choice.get("finish_reason"):
        return None
    return {**choice, "delta": rest, "logprobs": None}


# -- the Responses API -----------------------------------------------------------


def _response(body: base.Payload, text: str) -> base.Payload:
    output = _json.mappings(body, "output")
    if body.get("object") != "response":
        raise ValueError("the recorded answer is no response; use text() instead")
    place = _place(output)
    if place is None:
        return {**body, "output": [message_item(_new_id(body), text), *output]}
    return {**body, "output": [_item(item, text if i == place else "") for i, item in enumerate(output)]}


def _response_events(data: list[str], text: str) -> Iterator[bytes]:
    payloads = [base.payload(line) for line in data]
    endings = [_json.mapping(e, "response") for e in payloads if e.get("type") in _ENDINGS]
    if not endings:
        raise ValueError("the recorded stream stops before response.completed; use text() instead")
    place = _place(_json.mappings(endings[0], "output"))
    return number(_insert(payloads, endings[0], text) if place is None else _spell(payloads, place, text))


def _spell(payloads: list[base.Payload], place: int, text: str) -> Iterator[base.Payload]:
    for e in payloads:
        new = text if (e.get("output_index"), e.get("content_index", 0)) == (place, 0) else ""
        match e.get("type"):
            case "response.output_text.delta" | "response.output_text.annotation.added":
                continue
            case "response.output_text.done":
                for piece in base.pieces(new):
                    delta = {"type": "response.output_text.delta", "delta": piece}
                    yield {**e, **delta, "logprobs": []}
                yield {**e, "text": new, "logprobs": []}
            case "response.content_part.done":
                yield {**e, "part": _part(_json.mapping(e, "part"), new)}
            case "response.output_item.done":
                yield {**e, "item": _item(_json.mapping(e, "item"), new)}
            case "response.completed" | "response.incomplete":
                yield {**e, "response": _response(_json.mapping(e, "response"), text)}
            case _:
                yield e


def _insert(payloads: list[base.Payload], ending: base.Payload, text: str) -> Iterator[base.Payload]:
    """The stream with a message item put first; the places of the others move up by one."""
    item = message_item(_new_id(ending), text)
    written = False
    for e in payloads:
        index = e.get("output_index")
        closing = e.get("type") in _ENDINGS
        if not written and (closing or index is not None):
            yield from message_events(0, item, text)
            written = True
        moved = {"output_index": index + 1} if isinstance(index, int) else {}
        last = {"response": _response(_json.mapping(e, "response"), text)} if closing else {}
        yield {**e, **moved, **last}


def _place(output: list[base.Payload]) -> int | None:
    """The index of the first message item with a text part at its head."""
    for index, item in enumerate(output):
        parts = _json.mappings(item, "content") if item.get("type") == "message" else []
        if parts and parts[0].get("type") == "output_text":
            return index
    return None


def _item(item: base.Payload, text: str) -> base.Payload:
    """The item with `text` as its first text and its other texts empty."""
    if item.get("type") != "message":
        return item
    parts = _json.mappings(item, "content")
    return {**item, "content": [_part(part, "" if i else text) for i, part in enumerate(parts)]}


def _part(part: base.Payload, text: str) -> base.Payload:
    if part.get("type") != "output_text":
        return part
    return {**part, "text": text, "annotations": [], "logprobs": []}


def _new_id(body: base.Payload) -> str:
    return base.ident("msg_", str(body.get("id")))
