"""Conversations that only grow: each question repeats the one before, and answers are streams."""

import json
import random

from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Exchange, Request, Response, Span, Timing

_WORDS = [
    w + e
    for w in "plan call read file test edit open line find note step item".split()
    for e in ("", "s", "ed", "_id")
]


def grown(turns, seed=7, run_id="grown", *, low=2_000, high=4_500):
    """The tape of a conversation of `turns` turns; 180 of them have 50 MB of bodies."""
    chance = random.Random(seed)
    system, messages, steps = _text(chance, 7_000), [], []
    for turn in range(turns):
        messages.append({"role": "user", "content": _text(chance, chance.randrange(low, high))})
        asked = json.dumps({"model": "claude", "system": system, "messages": messages, "stream": True})
        said = _text(chance, chance.randrange(200, 900))
        chunks = tuple(anthropic_events(said, f"msg_{seed}_{turn}"))
        messages.append({"role": "assistant", "content": said})
        headers = (
            ("content-type", "text/event-stream"),
            ("request-id", f"req_{chance.randrange(1 << 40):010x}"),
        )
        timing = Timing(1.7e9 + 9 * turn, 0.25, 1.5, tuple(n / 1000 for n in range(len(chunks))))
        request = Request("POST", "https://api.test/v1/messages", (("x-api-key", "k"),), asked.encode())
        span = Span(3 * turn, 3 * turn + 1, 3 * turn + 2)
        steps.append(Exchange(request, Response(200, headers, chunks), "", span, timing))
    return Tape(tuple(steps), run_id=run_id, agent_name="grower", created_at=1.7e9, outcome=RETURNED)


def anthropic_events(said, name):
    """The events of an Anthropic stream that says `said`, a chunk each."""
    yield _event("message_start", message={"id": name, "type": "message", "role": "assistant", "content": []})
    yield _event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    for word in said.split(" "):
        yield _event("content_block_delta", index=0, delta={"type": "text_delta", "text": word + " "})
    yield _event("content_block_stop", index=0)
    yield _event("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": len(said) // 4})
    yield _event("message_stop")


def openai_events(said, name):
    """The events of an OpenAI stream that says `said`, a chunk each."""
    for word in said.split(" "):
        made = {
            "id": name,
            "object": "chat.completion.chunk",
            "choices": [{"index": 0, "delta": {"content": word + " "}}],
        }
        yield b"data: " + json.dumps(made).encode() + b"\n\n"
    yield b"data: [DONE]\n\n"


def _event(kind, **more):
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **more})}\n\n".encode()


def _text(chance, size):
    words = []
    while size > 0:
        words.append(chance.choice(_WORDS) if chance.random() < 0.8 else f"{chance.randrange(1 << 32):x}")
        size -= len(words[-1]) + 1
    return " ".join(words)
