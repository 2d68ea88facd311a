"""An agent that pays, tapes of it that died, and all ways to go on from them."""

from __future__ import annotations

import itertools

import attrs
import httpx
import pytest

import tracefork
from tracefork import Response
from tracefork.core.values import UNFINISHED, Pending
from tracefork.errors import InDoubt
from tracefork.runs.api import cut
from tracefork.testing.scripted import by_rule, transport

ECHO = by_rule(lambda request: Response(200, (), (request.body,)))
ECHO = by_rule(lambda request: Response(200, (), (request.body,)))


class Till:
    """What was paid, in earnest; and an agent that dies where it is told to."""

    def __init__(self, asks=2, keys=None):
        self.paid, self.asked, self.dies = [], 0, ""
        self.asks, self.keys = asks, keys or itertools.repeat("k")

    def agent(self, run, pays=1):
        with httpx.Client(transport=transport(ECHO, httpx)) as client:
            for n in range(self.asks):
                client.post("http://model/", content=f"{n}")
        return [run.call("pay", self.pay, next(self.keys)) for _ in range(pays)]

    def pay(self, key):
        self.paid.append(key)
        return f"paid {key}"


def died(run_or_tape, calls=1, keep=None):
    """A tape as a crash leaves it while its last `calls` tools run; or after its first `keep` steps."""
    tape = getattr(run_or_tape, "tape", run_or_tape)
    steps = tape.steps[:keep] if keep is not None else tape.steps[: len(tape.steps) - calls]
    left = () if keep is not None else tape.steps[len(steps) :]
    pending = tuple(Pending(s.asked, s.lane, s.span.began) for s in left)
    return attrs.evolve(tape, steps=steps, pending=(*tape.pending, *pending), outcome=UNFINISHED)


def killed(till, pays=1, calls=1):
    with tracefork.record() as run:
        till.agent(run, pays)
    till.paid.clear()
    return died(run, calls)


BEGINNINGS = {
    "resume": lambda tape, **how: tracefork.resume(tape, **how),
    "fork": lambda tape, **how: tracefork.fork(tape, 0, **how),
    "fork with an answer": lambda tape, **how: tracefork.fork(tape, 1, Response(200), **how),
    "cut": lambda tape, **how: cut(tape, 1, **how),
    "cut afresh": lambda tape, **how: cut(tape, 0, **how),
}
begins = pytest.mark.parametrize("begin", BEGINNINGS.values(), ids=BEGINNINGS)


def stopped(till=None):
    till = till or Till()
    with pytest.raises(InDoubt), tracefork.resume(killed(till)) as run:
        till.agent(run)
    return run.tape
