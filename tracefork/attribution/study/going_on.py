"""How a fork goes on that a vendor's failure ended: from the question that nobody answered, asked again.

To make such a fork anew would bend the rates: where failing runs meet more failures of the vendor, those that
come through are too often successes. So what the fork had been answered is kept, and it goes on from there.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from ...core.matching import Matcher
from ...core.tape import Tape
from ...core.values import Response
from ..forks.arms import LOCKED, find_unanswered, is_troubled
from ..statistics.chance import unit

PAUSES = (0.5, 2.0, 8.0)
"""Seconds before each try, up to half as long again, as chance decides."""


@frozen
class Pause:
    """Waits for `seconds` before the fork goes on."""

    seconds: float


def list_pauses(seed: int, pauses: tuple[float, ...] = PAUSES) -> Iterator[Pause]:
    """Give the pauses before each try of the fork with this seed."""
    return (Pause(pause * (1 + unit(seed, "pause", n) / 2)) for n, pause in enumerate(pauses))


def find_place(branch: Tape, matcher: Matcher) -> int | None:
    """Return how many exchanges of `branch`, by head, came before the question that no model answered.

    None where all were answered, or where a vendor does not let the caller in: to ask again helps nothing.
    """
    lost = find_unanswered(branch, matcher)
    if not lost or any(isinstance(x.answer, Response) and x.answer.status in LOCKED for x in lost):
        return None
    key, lane = matcher(lost[0].request), lost[0].lane
    tries = (
        place
        for place, exchange in enumerate(branch.by_head)
        if exchange.lane == lane and is_troubled(exchange) and matcher(exchange.request) == key
    )
    return next(tries, None)
