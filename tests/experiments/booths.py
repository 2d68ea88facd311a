"""An agent that plans and books, and a model whose bookings succeed as often as its system prompt says."""

from __future__ import annotations

import json
import threading
from random import Random

import httpx

import tracefork
from tracefork.validation.planted import SEED_HEADER, read_seed

URL = "https://api.anthropic.com/v1/messages"
ASKED = []
LOCK = threading.Lock()


def answer(request):
    asked = json.loads(request.content)
    seed = request.headers[SEED_HEADER]
    with LOCK:
        ASKED.append(asked)
    word = asked["messages"][-1]["content"]
    if word == "Book." and seed != "recorded":
        won = Random(seed).random() < float(asked["system"])
        word = "booked" if won else "refused"
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [{"type": "text", "text": word}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 100, "output_tokens": 10},
    }
    return httpx.Response(200, json=body)


CLIENT = httpx.Client(transport=httpx.MockTransport(answer))


def ask(system, text):
    body = {
        "model": "claude-haiku-4-5",
        "max_tokens": 64,
        "system": system,
        "messages": [{"role": "user", "content": text}],
    }
    headers = {SEED_HEADER: read_seed(tracefork.current())}
    return CLIENT.post(URL, json=body, headers=headers).json()["content"][0]["text"]


def agent():
    """Plans, and books with a rate of success of .2."""
    ask("0", "Plan.")
    return ask("0.2", "Book.")


def good():
    """Plans the same, and books better."""
    ask("0", "Plan.")
    return ask("0.9", "Book.")


def booked(result):
    return result == "booked"


def record(store=None, run_id=None):
    with tracefork.record(store, run_id=run_id) as run:
        agent()
    return run.tape
