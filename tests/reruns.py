"""A run with a sub-agent and a tool, and the reruns, the fork and the resumed run that went on from it."""

from __future__ import annotations

import json

import httpx

import tracefork
from tracefork.edits import Model

URL = "https://api.anthropic.com/v1/messages"
CLIENT = httpx.Client(transport=httpx.MockTransport(lambda request: answer(request)))
MODEL = "claude-haiku-4-5"


def answer(request):
    asked = json.loads(request.content)
    text = f"{asked['model']}: so {asked['messages'][-1]['content']}"
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": asked["model"],
        "content": [{"type": "text", "text": text}],
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1_000, "output_tokens": 200},
    }
    return httpx.Response(200, json=body)


def ask(*texts):
    messages = [{"role": "user", "content": text} for text in texts]
    body = {"model": MODEL, "max_tokens": 9, "messages": messages}
    return CLIENT.post(URL, json=body).json()["content"][0]["text"]


@tracefork.tool
def book(what):
    return f"booked {what}"


@tracefork.tool(agent=True)
def research(topic):
    return ask(topic, ask(topic))


def agent(task="Plan a trip.", topic="flights", what="a flight"):
    """Five exchanges, two of them a sub-agent's, and a tool call."""
    ask("What is the weather?")
    plan = ask(task)
    research(topic)
    book(what)
    return ask(task, plan, "Write it down.")


def fill(store):
    """Put `first` into `store`; and `edited`, `cheaper`, `same`, `forked` and `resumed`, which follow it."""
    with tracefork.record(store, run_id="first", agent_name="planner"):
        agent()
    tape = store.load("first")
    with tracefork.rerun(tape, store, run_id="edited", desc="the task in other words"):
        agent("Plan a trip to Rome.")
    with tracefork.rerun(tape, store, run_id="cheaper", edits=[Model("claude-sonnet-4-5")]):
        agent()
    with tracefork.rerun(tape, store, run_id="same"):
        agent()
    with tracefork.fork(tape, 4, tape[0].response, store=store, run_id="forked", name="another end"):
        agent()
    with tracefork.resume(tape, store, run_id="resumed"):
        agent()
        ask("And then?")
