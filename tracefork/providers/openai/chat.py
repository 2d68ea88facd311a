"""What was said, as OpenAI's chat completions have it."""

from __future__ import annotations

from collections.abc import Iterator

from .. import base, sse
from .message import CREATED, Said

DONE = sse.encode("", "[DONE]")


def completion(said: Said) -> base.Payload:
    """The `chat.completion` object."""
    message: base.Payload = {
        "role": "assistant",
        "content": said.text if said.speaks else None,
        "refusal": None,
        "annotations": [],
    }
    if said.call:
        message["tool_calls"] = [_call(said, said.call.arguments)]
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish_reason}
    return {**_frame(said, "chat.completion"), "choices": [choice], "usage": _usage(said)}


def events(said: Said, *, usage: bool) -> Iterator[bytes]:
    """The `chat.completion.chunk` events and `[DONE]`; `usage` adds the chunk that counts tokens."""
    extra: base.Payload = {"usage": None} if usage else {}
    frame = {**_frame(said, "chat.completion.chunk"), **extra}
    for delta in _deltas(said):
        yield event({**frame, "choices": [_choice(delta, None)]})
    yield event({**frame, "choices": [_choice({}, said.finish_reason)]})
    if usage:
        yield event({**frame, "choices": [], "usage": _usage(said)})
    yield DONE


def event(chunk: base.Payload) -> bytes:
    return sse.encode("", base.compact(chunk))


def _deltas(said: Said) -> Iterator[base.Payload]:
    yield {"role": "assistant", "content": "" if said.speaks else None, "refusal": None}
    for piece in base.pieces(said.text):
        yield {"content": piece}
    if said.call:
        yield {"tool_calls": [{"index": 0, **_call(said, "")}]}
        for piece in base.pieces(said.call.arguments):
            yield {"tool_calls": [{"index": 0, "function": {"arguments": piece}}]}


def _call(said: Said, arguments: str) -> base.Payload:
    assert said.call is not None
    function = {"name": said.call.name, "arguments": arguments}
    return {"id": said.call.id, "type": "function", "function": function}


def _choice(delta: base.Payload, finish_reason: str | None) -> base.Payload:
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}


def _frame(said: Said, kind: str) -> base.Payload:
    return {
        "id": said.ident("chatcmpl-"),
        "object": kind,
        "created": CREATED,
        "model": said.model,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def _usage(said: Said) -> base.Payload:
    return {
        "prompt_tokens": said.input_tokens,
        "completion_tokens": said.output_tokens,
        "total_tokens": said.input_tokens + said.output_tokens,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
