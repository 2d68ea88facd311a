"""An agent that chats with a model which repeats its last words: for tests of reruns."""

from __future__ import annotations

import asyncio
import json

import httpx

import tracefork

URL = "https://model.example/v1/messages"


class Model:
    """A model that answers every question with its last words, and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, request):
        self.asked.append(request.read())
        return httpx.Response(200, json=self.answer(json.loads(request.content)))

    def answer(self, question):
        text = f"so {question['messages'][-1]['content']}"
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": question["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 2},
        }

    async def later(self, request):
        await asyncio.sleep(0.001)
        return self(request)


def chat(ask, *prompts):
    said = []
    for prompt in prompts:
        said += [prompt, ask(*said, prompt)]
    return said[-1]


def recorded(agent, **options):
    with tracefork.record(**options) as run:
        agent()
    return run.tape
