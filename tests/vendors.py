"""An SDK against a real server that speaks its vendor's wire format, and then against the tape alone."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import tracefork
from tracefork import Response
from tracefork.testing.scripted import Script
from tracefork.testing.server import LoopbackServer

ASKED = [{"role": "user", "content": "Where is my order?"}]
SAID = "It left Lisbon on Monday."

MORE = (
    ("X-Request-Id", "req-7"),
    ("Set-Cookie", "session=abcdef"),
    ("X-Corp-Trace", "1"),
    ("Retry-After", "3"),
)
"""Headers that each answer has as well: two are kept, two are not."""


def ran(result: Any) -> Any:
    return asyncio.run(result) if asyncio.iscoroutine(result) else result


def recorded(script: Script, agent: Callable[[str], Any]) -> tuple[tracefork.Tape, str, Any]:
    """The tape of `agent(url)`, its url, and what it got."""
    with LoopbackServer(script) as server, tracefork.record() as run:
        live = ran(agent(server.url))
    assert server.errors == ()
    return run.tape, server.url, live


def same_offline(script: Script, agent: Callable[[str], Any], *, exchanges: int = 1) -> tracefork.Tape:
    """Record `agent(url)`, stop the server, replay it and verify it: all that it got is equal."""
    tape, url, live = recorded(script, agent)
    with tracefork.replay(tape) as again:
        replayed = ran(agent(url))
    verdict = tracefork.verify(tape, lambda: ran(agent(url)))

    assert replayed == live
    assert len(tape) == exchanges
    assert again.tape.digest() == tape.digest()
    assert [x.answer for x in again.tape] == [x.answer for x in tape]  # chunk boundaries too
    assert again.forwarded == 0
    assert verdict.ok, verdict
    return tape


def as_json(tree: Any) -> Response:
    """One JSON document."""
    body = json.dumps(tree).encode()
    return Response(
        200, (("Content-Type", "application/json"), ("Content-Length", str(len(body))), *MORE), (body,)
    )


def as_sse(*trees: Any, named: str = "", last: bytes = b"") -> Response:
    """Server-sent events, each with the field `named` as its name if there is one."""
    chunks = [
        (f"event: {tree[named]}\n" if named else "").encode()
        + b"data: "
        + json.dumps(tree).encode()
        + b"\n\n"
        for tree in trees
    ]
    return Response(200, (("Content-Type", "text/event-stream"), *MORE), (*chunks, *([last] if last else ())))


def as_lines(*trees: Any) -> Response:
    """JSON documents, one a line."""
    chunks = tuple(json.dumps(tree).encode() + b"\n" for tree in trees)
    return Response(200, (("Content-Type", "application/x-ndjson"), *MORE), chunks)
