"""Anthropic's traffic: `messages` before `system` and `tools`, named events."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

from . import text
from .text import compact
from .vendors import (
    KEPT_ALIVE,
    STAINLESS,
    Headers,
    Json,
    Message,
    Opening,
    ToolCall,
    Vendor,
    date,
    iso,
    pieces,
)

_END = b"}]}"
_MARKER = b',"cache_control":{"type":"ephemeral"}'


class Anthropic(Vendor):
    url = "https://api.anthropic.com/v1/messages?beta=true"
    marker = _MARKER

    def fields(self, opening: Opening, messages: bytes, *, marked: bool) -> dict[str, bytes]:
        system = compact({"type": "text", "text": opening.stamp + opening.system})
        if marked:
            system = system[:-1] + _MARKER + b"}"
        return {
            "max_tokens": b"32000",
            "messages": b"[" + messages + b"]",
            "model": b'"claude-sonnet-4-5-20250929"',
            "metadata": b'{"user_id":"user_5b1cd2b48d0c"}',
            "stream": b"true",
            "system": b"[" + system + b"]",
            "tools": compact(opening.tools),
        }

    def user(self, words: str) -> Message:
        return Message(_message("user", {"type": "text", "text": words}), _END)

    def assistant(self, words: str, call: ToolCall) -> Message:
        used = {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}
        return Message(_message("assistant", {"type": "text", "text": words}, used), _END)

    def result(self, call: ToolCall, shown: str | bytes) -> Message:
        if isinstance(shown, bytes):
            data = base64.b64encode(shown).decode()
            source = {"type": "base64", "media_type": "image/png", "data": data}
            content: object = [{"type": "image", "source": source}]
        else:
            content = shown
        given = {"type": "tool_result", "tool_use_id": call.id, "content": content}
        cleared = {**given, "content": "[Old tool result content cleared]"}
        return Message(_message("user", given), _END, _message("user", cleared))

    def events(self, chance: random.Random, at: float, words: str, call: ToolCall) -> Iterator[bytes]:  # noqa: ARG002  it names no time
        usage = {
            "input_tokens": chance.randrange(3, 900),
            "cache_creation_input_tokens": chance.randrange(4000),
            "cache_read_input_tokens": chance.randrange(2000, 200_000),
            "output_tokens": chance.randrange(1, 9),
            "service_tier": "standard",
        }
        yield _event(
            "message_start",
            message={
                "model": "claude-sonnet-4-5-20250929",
                "id": text.name(chance, "msg_01"),
                "type": "message",
                "role": "assistant",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": usage,
            },
        )
        yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
        yield b'event: ping\ndata: {"type": "ping"}\n\n'
        for part in pieces(chance, words):
            yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": part})
        yield _event("content_block_stop", index=0)
        block = {"type": "tool_use", "id": call.id, "name": call.name, "input": {}}
        yield _event("content_block_start", index=1, content_block=block)
        for part in pieces(chance, compact(call.arguments).decode()):
            delta = {"type": "input_json_delta", "partial_json": part}
            yield _event("content_block_delta", index=1, delta=delta)
        yield _event("content_block_stop", index=1)
        stop = {"stop_reason": "tool_use", "stop_sequence": None}
        yield _event("message_delta", delta=stop, usage={"output_tokens": chance.randrange(50, 900)})
        yield _event("message_stop")

    def asked(self, size: int) -> Headers:
        return (
            ("host", "api.anthropic.com"),
            *KEPT_ALIVE,
            ("user-agent", "Anthropic/Python 0.71.0"),
            *STAINLESS,
            ("anthropic-version", "2023-06-01"),
            ("content-type", "application/json"),
            ("content-length", str(size)),
        )

    def headed(self, chance: random.Random, at: float) -> Headers:
        return (
            ("date", date(at)),
            ("content-type", "text/event-stream; charset=utf-8"),
            ("transfer-encoding", "chunked"),
            ("connection", "keep-alive"),
            ("cache-control", "no-cache"),
            ("anthropic-ratelimit-input-tokens-limit", "2000000"),
            ("anthropic-ratelimit-input-tokens-remaining", str(chance.randrange(1000, 2000) * 1000)),
            ("anthropic-ratelimit-input-tokens-reset", iso(at)),
            ("anthropic-ratelimit-output-tokens-remaining", str(chance.randrange(100, 400) * 1000)),
            ("request-id", text.name(chance, "req_01")),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
            ("anthropic-organization-id", "5b1cd2b4-8d0c-4b7e-9d1e-0a4b3c2d1e0f"),
            ("via", "1.1 google"),
            ("cf-cache-status", "DYNAMIC"),
            ("x-robots-tag", "none"),
            ("server", "cloudflare"),
            ("cf-ray", text.digits(chance, 16) + "-FRA"),
        )


def _message(role: str, *content: Json) -> bytes:
    """An encoded message without its end, where a marker may stand."""
    return compact({"role": role, "content": list(content)})[: -len(_END)]


def _event(kind: str, **fields: object) -> bytes:
    return b"event: " + kind.encode() + b"\ndata: " + compact({"type": kind, **fields}) + b"\n\n"
