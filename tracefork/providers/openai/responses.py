"""A draft in the form of OpenAI's Responses API: one object, or the events of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .. import base, sse
from ..builders import Call, Draft


def response(draft: Draft) -> base.Payload:
    """The finished `response` object; its status is "incomplete" if the finish reason is "length"."""
    short = draft.stop_reason == "length"
    return {
        **_frame(draft),
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "output": list(_items(draft)),
        "usage": _usage(draft),
    }


def events(draft: Draft) -> Iterator[bytes]:
    """The events of the stream, numbered."""
    return number(_events(draft))


def number(payloads: Iterable[base.Payload]) -> Iterator[bytes]:
    """Encode events of the Responses API, with their `sequence_number` set afresh."""
    for number, payload in enumerate(payloads):
        kind = str(payload.get("type", ""))
        yield sse.encode(kind, base.compact({**payload, "sequence_number": number}))


def _events(draft: Draft) -> Iterator[base.Payload]:
    begun = {**_frame(draft), "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(_items(draft)):
        if item["type"] == "message":
            yield from message_events(index, item, draft.text)
        elif draft.call:
            yield from _call_events(index, item, draft.call)
    done = response(draft)
    yield {"type": f"response.{done['status']}", "response": done}


def message_item(item_id: str, text: str) -> base.Payload:
    """An output item that says `text`."""
    return {
        "id": item_id,
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [_part(text)],
    }


def message_events(index: int, item: base.Payload, text: str) -> Iterator[base.Payload]:
    """The events that spell a message item, from its being added to its being done."""
    place = {"output_index": index, "content_index": 0, "item_id": item["id"]}
    opened = {**item, "status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": index, "item": opened}
    yield {"type": "response.content_part.added", **place, "part": _part("")}
    for piece in base.pieces(text):
        yield {"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []}
    yield {"type": "response.output_text.done", **place, "text": text, "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": _part(text)}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _call_events(index: int, item: base.Payload, call: Call) -> Iterator[base.Payload]:
    place = {"output_index": index, "item_id": item["id"]}
    opened = {**item, "status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": opened}
    for piece in base.pieces(call.arguments):
        yield {"type": "response.function_call_arguments.delta", **place, "delta": piece}
    done = {"name": call.name, "arguments": call.arguments}
    yield {"type": "response.function_call_arguments.done", **place, **done}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _items(draft: Draft) -> Iterator[base.Payload]:
    if draft.has_text:
        yield message_item(draft.ident("msg_"), draft.text)
    if draft.call:
        yield {
            "id": draft.ident("fc_"),
            "type": "function_call",
            "status": "completed",
            "arguments": draft.call.arguments,
            "call_id": draft.call_id(draft.ident("call_")),
            "name": draft.call.name,
        }


def _part(text: str) -> base.Payload:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _frame(draft: Draft) -> base.Payload:
    return {
        "id": draft.ident("resp_"),
        "object": "response",
        "created_at": 0,  # builders read no clock
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": draft.model,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _usage(draft: Draft) -> base.Payload:
    return {
        "input_tokens": draft.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": draft.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": draft.input_tokens + draft.output_tokens,
    }
