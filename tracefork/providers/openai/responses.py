"""What was said, as OpenAI's Responses API has it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .. import base, sse
from .message import CREATED, Call, Said


def response(said: Said) -> base.Payload:
    """The finished `response` object; its status is "incomplete" if the finish reason is "length"."""
    short = said.finish_reason == "length"
    return {
        **_frame(said),
        "status": "incomplete" if short else "completed",
        "incomplete_details": {"reason": "max_output_tokens"} if short else None,
        "output": list(_items(said)),
        "usage": _usage(said),
    }


def events(said: Said) -> Iterator[bytes]:
    """The events of the stream, numbered."""
    return numbered(_events(said))


def numbered(payloads: Iterable[base.Payload]) -> Iterator[bytes]:
    """Encode events of the Responses API, with their `sequence_number` set afresh."""
    for number, payload in enumerate(payloads):
        kind = str(payload.get("type", ""))
        yield sse.encode(kind, base.compact({**payload, "sequence_number": number}))


def _events(said: Said) -> Iterator[base.Payload]:
    begun = {**_frame(said), "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "response": begun}
    yield {"type": "response.in_progress", "response": begun}
    for index, item in enumerate(_items(said)):
        if item["type"] == "message":
            yield from message_events(index, item, said.text)
        elif said.call:
            yield from _call_events(index, item, said.call)
    done = response(said)
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


def _items(said: Said) -> Iterator[base.Payload]:
    if said.speaks:
        yield message_item(said.ident("msg_"), said.text)
    if said.call:
        yield {
            "id": said.ident("fc_"),
            "type": "function_call",
            "status": "completed",
            "arguments": said.call.arguments,
            "call_id": said.call.id,
            "name": said.call.name,
        }


def _part(text: str) -> base.Payload:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def _frame(said: Said) -> base.Payload:
    return {
        "id": said.ident("resp_"),
        "object": "response",
        "created_at": CREATED,
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "model": said.model,
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
    }


def _usage(said: Said) -> base.Payload:
    return {
        "input_tokens": said.input_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": said.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": said.input_tokens + said.output_tokens,
    }
