"""How a fork that a vendor failed is gone on with: from where, after how long, with what is left. Pure.

It is not begun anew. Whether a vendor fails may depend on what the fork had come to, and a new draw
would favour the forks that came to something else: what was drawn is kept, and only what got no answer
is asked again.
"""

from __future__ import annotations

from collections.abc import Collection

from attrs import evolve

from ...core.matching import Matcher
from ...core.tape import Tape
from ...core.values import Exchange
from ..statistics.chance import unit
from .arms import is_troubled
from .budget import Spent
from .jobs import Job

TRIES = 3
"""How often a fork is made at most."""

LONGEST = 8.0
"""Seconds that are waited at most before a try."""


def wait_before(number: int, seed: int, backoff: float) -> float:
    """Return the seconds to wait after try `number`, from 1: `backoff` doubled with each, less up to half.

    How much less is drawn from the fork's seed, so that forks that failed together come back apart.
    """
    return min(LONGEST, backoff * float(2 ** (number - 1))) * (0.5 + unit(seed, "backoff", number) / 2)


def find_resumption(tape: Tape, lost: Collection[Exchange], matcher: Matcher) -> int:
    """Return how many exchanges of a fork's `tape`, by head, come before the first of the `lost` was asked.

    The tries before it of whoever asked belong to it.
    """
    by_head = tape.by_head
    at = min(i for i, exchange in enumerate(by_head) if any(exchange is one for one in lost))
    key, lane = matcher(by_head[at].request), by_head[at].lane
    while at and (before := by_head[at - 1]).lane == lane:
        if not is_troubled(before) or matcher(before.request) != key:
            break
        at -= 1
    return at


def find_what_is_left(job: Job, spent: Spent) -> Job | None:
    """Return `job` with what its limits leave after `spent`; None if no call may leave any more."""
    calls = job.calls - spent.calls
    if calls <= 0:
        return None
    if job.most is None:
        return evolve(job, calls=calls)
    if spent.exceeds(job.most):
        return None
    usd = None if job.most.usd is None or spent.usd is None else job.most.usd - spent.usd
    return evolve(job, calls=calls, most=Spent(calls, job.most.tokens - spent.tokens, usd))
