"""R: an agent whose history begins anew every so many steps, half of its answers streamed, with images,
errors, and texts that a careless page would run."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Iterator

from tracefork import Exchange, Request, Response
from tracefork.core.values import Span, Timing
from tracefork.providers import anthropic

from . import text
from .agents import BEGINNING
from .vendors import tools

SEED, EVERY = 10, 28
URL = "https://api.anthropic.com/v1/messages"
HOSTILE = (
    "</script><script>window.__pwned=1</script>",
    "<img src=x onerror=window.__pwned=1>",
    "<!--<script>",
    "\u202etxt.exe\u202c \u2028\u2029 \x00\x1b[31m",
    "{{7*7}} ${7*7} '\"><svg/onload=window.__pwned=1>",
)


def restarting(count: int) -> Iterator[Exchange]:
    """The exchanges of such an agent, made one by one."""
    chance = random.Random(SEED)
    system = [{"type": "text", "text": "You are careful. " + text.prose(chance, 3500)}]
    shared = {
        "model": "claude-sonnet-4-5",
        "max_tokens": 4096,
        "system": system,
        "tools": tools(chance, 3500),
    }
    messages, at = list[dict[str, object]](), BEGINNING
    for number in range(count):
        if number % EVERY == 0:
            messages = [{"role": "user", "content": f"Part {number // EVERY}: " + text.prose(chance, 2000)}]
        body = json.dumps({**shared, "stream": number % 2 == 1, "messages": messages}, ensure_ascii=False)
        asked = Request("POST", URL, (("content-type", "application/json"),), body.encode())
        said = text.prose(chance, chance.randint(90, 540)) + (
            HOSTILE[number // 50 % 5] if number % 50 == 7 else ""
        )
        arguments = {"path": text.name(chance, "", 12), "query": text.prose(chance, 30), "limit": number}
        ident = f"toolu_{number:06}"
        answer: Response = anthropic.tool_use("read_file", arguments, id=ident, text=said)(asked)
        if number % 97 == 41:
            answer = anthropic.error("rate_limit_error", "slow down")(asked)
        took = 0.4 + chance.expovariate(1 / 1.8)
        yield _exchange(asked, answer, number, at, took, min(took / 2, 0.2 + chance.random() / 2))
        at += took + chance.random()
        use = {"type": "tool_use", "id": ident, "name": "read_file", "input": arguments}
        messages = [
            *messages,
            {"role": "assistant", "content": [{"type": "text", "text": said}, use]},
            {"role": "user", "content": [_result(chance, number, ident)]},
        ]


def _result(chance: random.Random, number: int, ident: str) -> dict[str, object]:
    said = text.prose(chance, chance.randint(400, 3300)) + (
        HOSTILE[number // 60 % 5] if number % 60 == 11 else ""
    )
    content = list[dict[str, object]]([{"type": "text", "text": said}])
    if number % 100 == 50:
        data = base64.b64encode(chance.randbytes(30_000)).decode()
        content.append(
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": data}}
        )
    return {"type": "tool_result", "tool_use_id": ident, "content": content}


def _exchange(
    asked: Request, answer: Response, number: int, at: float, took: float, first: float
) -> Exchange:
    count = len(answer.chunks)
    times = tuple(round(first + (took - first) * n / count, 3) for n in range(count))
    span = Span(3 * number, 3 * number + 1, 3 * number + 2)
    return Exchange(asked, answer, "", span, Timing(round(at, 6), round(first, 3), round(took, 3), times))
