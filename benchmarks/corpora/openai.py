"""OpenAI's traffic: the system prompt is the first message, events are bare `data`."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterator

from . import text
from .text import compact
from .vendors import KEPT_ALIVE, STAINLESS, Headers, Json, Message, Opening, ToolCall, Vendor, date, pieces


class OpenAI(Vendor):
    url = "https://api.openai.com/v1/chat/completions"
    calls = "call_"

    def fields(self, opening: Opening, messages: bytes, *, marked: bool) -> dict[str, bytes]:  # noqa: ARG002  it has no markers
        system = compact({"role": "system", "content": opening.stamp + opening.system})
        defined = [
            {"type": "function", "function": {"name": tool["name"], "parameters": tool["input_schema"]}}
            for tool in opening.tools
        ]
        return {
            "messages": b"[" + system + b"," + messages + b"]",
            "model": b'"gpt-5"',
            "stream": b"true",
            "stream_options": b'{"include_usage":true}',
            "tools": compact(defined),
        }

    def user(self, words: str) -> Message:
        return Message(compact({"role": "user", "content": words})[:-1], b"}")

    def assistant(self, words: str, call: ToolCall) -> Message:
        function = {"name": call.name, "arguments": compact(call.arguments).decode()}
        called = [{"id": call.id, "type": "function", "function": function}]
        return Message(compact({"role": "assistant", "content": words, "tool_calls": called})[:-1], b"}")

    def result(self, call: ToolCall, shown: str | bytes) -> Message:
        given: Json = {"role": "tool", "tool_call_id": call.id}
        if isinstance(shown, bytes):
            url = "data:image/png;base64," + base64.b64encode(shown).decode()
            given["content"] = [{"type": "image_url", "image_url": {"url": url}}]
        else:
            given["content"] = shown
        cleared = {**given, "content": "[Old tool result content cleared]"}
        return Message(compact(given)[:-1], b"}", compact(cleared)[:-1])

    def events(self, chance: random.Random, at: float, words: str, call: ToolCall) -> Iterator[bytes]:
        opening = {
            "id": text.name(chance, "chatcmpl-", 29),
            "object": "chat.completion.chunk",
            "created": int(at),
            "model": "gpt-5-2025-08-07",
            "service_tier": "default",
            "system_fingerprint": None,
        }

        def event(delta: Json, reason: str | None = None) -> bytes:
            choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
            hidden = text.name(chance, "", chance.randrange(16))  # against guessing tokens by length
            return b"data: " + compact({**opening, "choices": [choice], "obfuscation": hidden}) + b"\n\n"

        yield event({"role": "assistant", "content": "", "refusal": None})
        for part in pieces(chance, words):
            yield event({"content": part})
        function = {"name": call.name, "arguments": ""}
        yield event({"tool_calls": [{"index": 0, "id": call.id, "type": "function", "function": function}]})
        for part in pieces(chance, compact(call.arguments).decode()):
            yield event({"tool_calls": [{"index": 0, "function": {"arguments": part}}]})
        yield event({}, "tool_calls")
        asked, said = chance.randrange(2000, 200_000), chance.randrange(50, 900)
        usage = {"prompt_tokens": asked, "completion_tokens": said, "total_tokens": asked + said}
        yield b"data: " + compact({**opening, "choices": [], "usage": usage}) + b"\n\n"
        yield b"data: [DONE]\n\n"

    def asked(self, size: int) -> Headers:
        return (
            ("host", "api.openai.com"),
            *KEPT_ALIVE,
            ("user-agent", "OpenAI/Python 2.3.0"),
            *STAINLESS,
            ("x-stainless-helper-method", "stream"),
            ("content-type", "application/json"),
            ("content-length", str(size)),
        )

    def headed(self, chance: random.Random, at: float) -> Headers:
        return (
            ("date", date(at)),
            ("content-type", "text/event-stream; charset=utf-8"),
            ("transfer-encoding", "chunked"),
            ("connection", "keep-alive"),
            ("access-control-expose-headers", "X-Request-ID"),
            ("openai-organization", "an-organisation"),
            ("openai-processing-ms", str(chance.randrange(200, 2000))),
            ("openai-version", "2020-10-01"),
            ("x-ratelimit-limit-requests", "10000"),
            ("x-ratelimit-remaining-requests", str(chance.randrange(9000, 10_000))),
            ("x-ratelimit-remaining-tokens", str(chance.randrange(1_000_000, 2_000_000))),
            ("x-request-id", text.name(chance, "req_", 32)),
            ("strict-transport-security", "max-age=31536000; includeSubDomains; preload"),
            ("cf-cache-status", "DYNAMIC"),
            ("x-content-type-options", "nosniff"),
            ("server", "cloudflare"),
            ("cf-ray", text.digits(chance, 16) + "-FRA"),
        )
