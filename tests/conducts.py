"""Tapes of what agents did, made by hand: a model that asks for tools, and tools that run."""

from __future__ import annotations

import json

from attrs import evolve

from tracefork import Effect, Exchange, Request, Tape
from tracefork.core.values import RETURNED, Call, Reply, Span
from tracefork.providers import anthropic

MESSAGES = "https://api.anthropic.com/v1/messages"
MODEL = "claude-sonnet-4-5"


def asks(name, /, arguments=None, *, build=anthropic.tool_use, **more):
    """An exchange whose answer asks for a tool."""
    return answers(build(name, arguments or {}), **more)


def answers(build, *, url=MESSAGES, model=MODEL, lane="", **more):
    body = json.dumps({"model": model, "messages": [], **more}).encode()
    request = Request("POST", url, (("content-type", "application/json"),), body)
    return Exchange(request, build(request) if callable(build) else build, lane=lane)


def says(text="Done.", **more):
    return answers(anthropic.text(text), **more)


def runs(name, /, *args, lane="", **kwargs):
    """The effect of a tool that ran."""
    arguments = json.dumps({"args": list(args), "kwargs": kwargs})
    return Effect(Call(name, arguments), Reply("returned", "1"), lane)


def tape(*steps, **more):
    """A tape of these steps, one after another."""
    at = [evolve(step, span=Span(9 * n, 9 * n + 1, 9 * n + 2)) for n, step in enumerate(steps)]
    return Tape(steps=tuple(at), outcome=RETURNED, **more)
