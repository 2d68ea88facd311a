"""A model that is a function of its question, for every vendor's API, and what counts as the same question.

What it says is a hash of the question without ids, times and how it is to be sent. Half of its answers are
one of a few words, so that other questions may well have the same answer; tools are called with one of a
few arguments, so that calls are equal often.
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import evolve, field, frozen

from tracefork import Request, Response
from tracefork.providers import anthropic, gemini, openai

WORDS = ("rain", "sun", "wind", "snow")
ABOUT = ("Faro", "Porto", "Lagos")
MOST = 2  # rounds of tools before it answers
_FRESH = re.compile(rb"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{10}\.\d{6}")
_RESULTS = (
    '"tool_result"',
    '"toolResult"',
    '"functionResponse"',
    '"role": "tool"',
    '"type": "function_call_output"',
)
"""How each vendor's turns of tools' results are told, as JSON."""
_NO_MATTER = {"id", "call_id", "tool_call_id", "tool_use_id", "toolUseId", "stream", "stream_options", "user"}


def same_for_all(request: Request) -> Request:
    """`request` with times and ids of runs made the same, so that runs can be compared."""
    return evolve(request, body=_FRESH.sub(b"(fresh)", request.body))


@frozen
class World:
    """The model, and the tools; it keeps what it was asked, and which tools ran, as what."""

    asked: list[Request] = field(factory=list)
    ran: list[tuple[str, str, str]] = field(factory=list)
    lock: threading.Lock = field(factory=threading.Lock)
    log: Path | None = None  # where tools that are another process note that they ran

    def __call__(self, request: Request) -> Response:
        with self.lock:
            self.asked.append(request)
        said = Saying.of(request)
        time.sleep(said.number(5, 4) / 1000)
        return said.response()

    def run(self, tool: str, version: str, about: str) -> None:
        with self.lock:
            self.ran.append((tool, version, about))

    def take(self) -> tuple[list[Request], list[tuple[str, str, str]]]:
        """What came so far, which is forgotten then."""
        with self.lock:
            taken = list(self.asked), list(self.ran)
            self.asked.clear()
            self.ran.clear()
        if self.log is not None and self.log.exists():
            for line in self.log.read_text().splitlines():
                tool, _, about = line.partition(" ")
                taken[1].append((tool, "", about))
            self.log.unlink()
        return taken


@frozen
class Saying:
    """What the model says to a question."""

    request: Request
    body: dict[str, Any]
    digest: str

    @classmethod
    def of(cls, request: Request) -> Saying:
        plain = same_for_all(request)
        body = json.loads(plain.body)
        text = json.dumps([urlsplit(request.url).path, _matters(body)], sort_keys=True)
        return cls(plain, body, sha256(text.encode()).hexdigest())

    def number(self, place: int, below: int) -> int:
        return int(self.digest[4 * place : 4 * place + 4], 16) % below

    @property
    def text(self) -> str:
        return WORDS[self.number(0, len(WORDS))] if self.number(1, 2) else f"it is {self.digest[:8]}"

    def calls(self) -> list[tuple[str, str]]:
        """The tools that it calls, with what it wants to know of each."""
        names, results = _offered(self.body), _results(self.body)
        if not names or results >= MOST or self.number(2, 16) >= 11:
            return []
        count = 1 + (self.number(3, 4) == 0)
        return [
            (names[self.number(6 + n, len(names))], ABOUT[self.number(8 + n, len(ABOUT))])
            for n in range(count)
        ]

    def response(self) -> Response:
        path = urlsplit(self.request.url).path
        for ending, render in RENDERERS.items():
            if ending in path:
                return render(self)
        raise LookupError(f"no such API: {path}")


def _matters(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _matters(value) for key, value in node.items() if key not in _NO_MATTER}
    return [_matters(one) for one in node] if isinstance(node, list) else node


def _offered(body: dict[str, Any]) -> list[str]:
    """The names of all tools, wherever a vendor has them."""
    tools = body.get("tools") or body.get("toolConfig", {}).get("tools") or []
    return sorted({name for tool in tools for name in _names(tool)})


def _names(tool: Any) -> Iterator[str]:
    if isinstance(tool, dict):
        if isinstance(tool.get("name"), str):
            yield tool["name"]
        else:
            for value in tool.values():
                yield from _names(value)
    elif isinstance(tool, list):
        for one in tool:
            yield from _names(one)


def _results(body: dict[str, Any]) -> int:
    """How many turns of results follow the last words of the user."""
    turns = body.get("messages") or body.get("input") or body.get("contents") or []
    found = 0
    for turn in reversed(turns if isinstance(turns, list) else []):
        text = json.dumps(turn)
        if any(sign in text for sign in _RESULTS):
            found += 1
        elif '"role": "user"' in text:
            break
    return found


def digest_of(request: Request) -> str:
    """What the model's answer depends on; equal for questions that are one to it."""
    return Saying.of(request).digest


# -- forms of answers ----------------------------------------------------------------------


def _is_stream(saying: Saying) -> bool:
    return saying.body.get("stream") is True


def _anthropic(saying: Saying) -> Response:
    calls = saying.calls()
    if len(calls) > 1 and not _is_stream(saying):
        content = [
            {
                "type": "tool_use",
                "id": f"toolu_{saying.digest[:12]}{n}",
                "name": name,
                "input": {"about": about},
            }
            for n, (name, about) in enumerate(calls)
        ]
        return _json(
            {
                "id": f"msg_{saying.digest[:12]}",
                "type": "message",
                "role": "assistant",
                "model": saying.body["model"],
                "content": content,
                "stop_reason": "tool_use",
                "stop_sequence": None,
                "usage": {"input_tokens": 5, "output_tokens": 6},
            }
        )
    for name, about in calls:
        return anthropic.tool_use(name, {"about": about})(saying.request)
    return anthropic.text(saying.text)(saying.request)


def _chat(saying: Saying) -> Response:
    calls = saying.calls()
    if len(calls) > 1 and not _is_stream(saying) and "messages" in saying.body:
        message = {"role": "assistant", "content": None, "tool_calls": _functions(saying)}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls"}
        usage = {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11}
        whole = {"id": f"chat-{saying.digest[:12]}", "object": "chat.completion", "created": 0}
        return _json({**whole, "model": saying.body["model"], "choices": [choice], "usage": usage})
    for name, about in calls:
        return openai.tool_call(name, {"about": about})(saying.request)
    return openai.text(saying.text)(saying.request)


def _functions(saying: Saying) -> list[dict[str, Any]]:
    return [
        {
            "id": f"call_{saying.digest[:12]}{n}",
            "type": "function",
            "function": {"name": name, "arguments": json.dumps({"about": about})},
        }
        for n, (name, about) in enumerate(saying.calls())
    ]


def _gemini(saying: Saying) -> Response:
    for name, about in saying.calls():
        return gemini.tool_use(name, {"about": about}, id="")(saying.request)
    return gemini.text(saying.text)(saying.request)


def _cohere(saying: Saying) -> Response:
    calls = _functions(saying)
    said = {"role": "assistant", "content": [] if calls else [{"type": "text", "text": saying.text}]}
    more = {"tool_plan": "I look.", "tool_calls": calls} if calls else {}
    reason = "TOOL_CALL" if calls else "COMPLETE"
    usage = {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "tokens": {"input_tokens": 70}}
    answer = {"id": saying.digest[:12], "finish_reason": reason, "message": {**said, **more}, "usage": usage}
    return _json(answer)


def _ollama(saying: Saying) -> Response:
    calls = [{"function": {"name": name, "arguments": {"about": about}}} for name, about in saying.calls()]
    message = {"role": "assistant", "content": "" if calls else saying.text}
    return _json(
        {
            "model": saying.body["model"],
            "created_at": "2026-11-01T00:00:00Z",
            "message": {**message, **({"tool_calls": calls} if calls else {})},
            "done": True,
            "done_reason": "stop",
        }
    )


def _bedrock(saying: Saying) -> Response:
    calls = [
        {"toolUse": {"toolUseId": f"tool_{saying.digest[:12]}{n}", "name": name, "input": {"about": about}}}
        for n, (name, about) in enumerate(saying.calls())
    ]
    return _json(
        {
            "output": {"message": {"role": "assistant", "content": calls or [{"text": saying.text}]}},
            "stopReason": "tool_use" if calls else "end_turn",
            "usage": {"inputTokens": 5, "outputTokens": 6, "totalTokens": 11},
            "metrics": {"latencyMs": 1},
        }
    )


def _json(tree: Any) -> Response:
    body = json.dumps(tree).encode()
    headers = (("content-type", "application/json"), ("content-length", str(len(body))))
    return Response(200, headers, (body,))


RENDERERS: dict[str, Callable[[Saying], Response]] = {
    "/v1/messages": _anthropic,
    "/chat/completions": _chat,
    "/responses": _chat,
    "enerateContent": _gemini,
    "/v2/chat": _cohere,
    "/api/chat": _ollama,
    "/converse": _bedrock,
}
