"""The proof that what came of an agent comes of it again, from the tape alone."""

from __future__ import annotations

import tracefork
from tracefork import Fault


def outcome(agent, make):
    try:
        return "returned", agent(make)
    except Exception as error:
        return "raised", [(type(e), str(e)) for e in (error, error.__cause__) if e and not _below(e)]


def proved(agent, make):
    """What came of `agent` while it was recorded, and of its replay, which must be the same; and the tape."""
    with tracefork.record() as run:
        live = outcome(agent, make)
    with tracefork.replay(run.tape) as again:
        replayed = outcome(agent, make)

    assert replayed == live
    assert again.forwarded == 0
    assert again.tape.digest() == run.tape.digest()
    assert [x.answer for x in again.tape] == [x.answer for x in run.tape]
    return live, run.tape


def met(tape):
    """What the server did, try by try."""
    return [_met(exchange.answer) for exchange in tape]


def _met(answer):
    if isinstance(answer, Fault):
        return answer.kind
    return "malformed" if b"<<<chaos>>>" in answer.body else answer.status


def _below(error):
    """True for what comes from below the transports: a tape has no causes of exceptions."""
    return type(error).__module__.startswith("httpcore")
