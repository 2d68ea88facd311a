"""A draft in the form of OpenAI's chat completions: one object, or the events of a stream."""

from __future__ import annotations

from collections.abc import Iterator

from .. import base, sse
from ..builders import Draft

DONE = sse.encode("", "[DONE]")


def completion(draft: Draft) -> base.Payload:
    """The `chat.completion` object."""
    message: base.Payload = {
        "role": "assistant",
        "content": draft.text if draft.has_text else None,
        "refusal": None,
        "annotations": [],
    }
    if draft.call:
        message["tool_calls"] = [_call(draft, draft.call.arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": draft.stop_reason}
    return {**_frame(draft, "chat.completion"), "choices": [choice], "usage": _usage(draft)}


def events(draft: Draft, *, usage: bool) -> Iterator[bytes]:
    """The `chat.completion.chunk` events and `[DONE]`; `usage` adds the chunk that counts tokens."""
    extra: base.Payload = {"usage": None} if usage else {}
    frame = {**_frame(draft, "chat.completion.chunk"), **extra}
    for delta in _deltas(draft):
        yield event({**frame, "choices": [_choice(delta, None)]})
    yield event({**frame, "choices": [_choice({}, draft.stop_reason)]})
    if usage:
        yield event({**frame, "choices": [], "usage": _usage(draft)})
    yield DONE


def event(chunk: base.Payload) -> bytes:
    return sse.encode("", base.compact(chunk))


def _deltas(draft: Draft) -> Iterator[base.Payload]:
    yield {"role": "assistant", "content": "" if draft.has_text else None, "refusal": None}
    for piece in base.pieces(draft.text):
        yield {"content": piece}
    if draft.call:
        yield {"tool_calls": [{"index": 0, **_call(draft, "")}]}
        for piece in base.pieces(draft.call.arguments):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _call(draft: Draft, arguments: str) -> base.Payload:
    assert draft.call is not None
    function = {"name": draft.call.name, "arguments": arguments}
    return {"id": draft.call_id(draft.ident("call_")), "type": "function", "function": function}


def _choice(delta: base.Payload, finish_reason: str | None) -> base.Payload:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _frame(draft: Draft, kind: str) -> base.Payload:
    return {
        "id": draft.ident("chatcmpl-"),
        "object": kind,
        "created": 0,  # builders read no clock
        "model": draft.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _usage(draft: Draft) -> base.Payload:
    return {
        "prompt_tokens": draft.input_tokens,
        "completion_tokens": draft.output_tokens,
        "total_tokens": draft.input_tokens + draft.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
