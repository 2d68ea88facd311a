"""Runs for catalogues, and a great many of them quickly."""

from __future__ import annotations

import json

from attrs import evolve
from report import stories

from tracefork import Exchange, Request, Response, Tape
from tracefork.backends._records import name_bytes
from tracefork.backends.sqlite import _ADD_CHUNK, _ADD_LOG, SQLiteBackend, _columns
from tracefork.codec import pack
from tracefork.core.values import RETURNED, Outcome, Span, Timing

OPENAI = "https://api.openai.com/v1"


def run(run_id, words="Rain.", **more):
    """A run of one step, in which the model says `words`."""
    return evolve(stories.release([(words, None, None)], run_id=run_id), **more)


def exchange(number, answer, *, asked=None, url=f"{OPENAI}/chat/completions", status=200, method="POST"):
    """A call by JSON: step `number` of its run."""
    kind = (("content-type", "application/json"),)
    body = b"" if asked is None else json.dumps(asked).encode()
    return Exchange(
        Request(method, url, kind, body),
        Response(status, kind, (json.dumps(answer).encode(),)),
        span=Span(3 * number, 3 * number + 1, 3 * number + 2),
        timing=Timing(began=stories.BEGAN + number, headed=0.5, ended=1.0),
    )


def chat(model, tokens, *more, **call):
    """A call of a chat that says `more` to `model`, and takes so many tokens each way."""
    said = {"role": "assistant", "content": "Rain."}
    answer = {
        "object": "chat.completion",
        "model": model,
        "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": tokens, "completion_tokens": tokens, "total_tokens": 2 * tokens},
    }
    asked = {"model": model, "messages": list(more) or [{"role": "user", "content": "Rain?"}]}
    return exchange(call.pop("number", 0), answer, asked=asked, **call)


def of(run_id, *steps, **more):
    """A run of these steps that returned."""
    return evolve(
        Tape(steps, run_id=run_id, agent_name="a", created_at=stories.BEGAN, outcome=RETURNED), **more
    )


def many(count):
    """`count` runs of one to ten steps, a minute apart, a third of which failed."""
    whole = stories.release()
    for number in range(count):
        failed = Outcome("raised", "ValueError", f"number {number} failed")
        yield evolve(
            whole,
            run_id=f"run-{number:05}",
            agent_name=f"agent-{number % 17}",
            created_at=stories.BEGAN + 60 * number,
            steps=whole.steps[: 1 + number % 10],
            outcome=RETURNED if number % 3 else failed,
        )


def put(path, tapes):
    """Write tapes into a new SQLite store in one transaction: an fsync for each would take minutes."""
    backend = SQLiteBackend(path)
    with backend._writing("all") as db:
        for tape in tapes:
            key, data = name_bytes(tape.run_id), pack.pack(tape)
            log = db.execute(_ADD_LOG, (key,)).lastrowid
            db.execute(_ADD_CHUNK, (log, 0, *_columns(key, 0, data)))
            db.execute("UPDATE logs SET sealed = 1 WHERE id = ?", (log,))
    backend.close()


def files_of(catalogue):
    """All bytes that a catalogue has on the disk."""
    return b"".join(
        file.read_bytes() for file in sorted(catalogue.path.parent.glob(f"{catalogue.path.name}*"))
    )
