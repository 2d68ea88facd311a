"""Search: which arm to try next, and which step to put to the test.

Nothing here needs a guarantee. It reads all outcomes there are, those included
that wait for earlier ones, and pending forks at what is expected of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from attrs import evolve

from ..statistics.posterior import Counts, Posterior, posterior
from .state import Due, Grade, Nomination, State, Status

KNOWN = 12  # a rate that is known weighs as much as this many forks
SCREENED = 0.1  # as long as "no drop" is as likely as this, the two ends are compared
DISMISSED = 0.95  # a part of the run is left when "no drop" is as likely as this
ENOUGH_TO_DISMISS = 20  # forks in that part
ENOUGH_TO_SKIP = 6  # forks on either end of what is left of a segment
EVEN = 0.4  # forks of the two ends are as the inverse of their prices to this power


def believe(state: State, low: int, high: int, due: Sequence[Due] = ()) -> Posterior:
    """Return the posterior over the steps [low, high); `due` counts as if it were settled."""
    config = state.config
    extra: dict[int, tuple[float, float]] = {}
    for item in due:
        s, f = extra.get(item.probe.arm, (0.0, 0.0))
        up, down = _expect(state, item)
        extra[item.probe.arm] = s + up, f + down
    counts: list[Counts] = []
    for arm, tally in enumerate(state.arms[low : high + 1], low):
        s, f = float(tally.successes), float(tally.failures)
        if arm == config.n and config.final is not None:
            s, f = config.final * KNOWN, (1 - config.final) * KNOWN
        if arm in extra:
            s, f = s + extra[arm][0], f + extra[arm][1]
        if s or f:
            counts.append((arm, s, f))
    return posterior(counts, low, high, null=config.tuning.null, prior=config.prior)


def choose_arm(state: State) -> int | None:
    """Return the arm of the next exploring fork, after all that are due; None if none fits the budget."""
    config = state.config
    low, high = state.segments[0]
    ends = high if config.known(high) is None else high - 1  # the last arm that is worth a fork
    room, prices, arms = state.room, config.fares, state.arms
    usable = [
        a for a in range(low, ends + 1) if prices[a] <= room and not (arms[a].broken and arms[a].hopeless)
    ]
    if not usable:
        return None
    seen = believe(state, low, high, state.due)
    if seen.null > SCREENED and low in usable and (config.known(high) is not None or high in usable):
        return choose_end(state, low, high)
    worth = [gain / burden for gain, burden in zip(seen.information(), config.burden[low:], strict=False)]
    return max(usable, key=lambda arm: worth[arm - low])


def nominate(state: State) -> State:
    """Return the state with a new nomination if one is due, or without the segment if that has no drop."""
    config, tuning = state.config, state.config.tuning
    low, high = state.segments[0]
    seen = believe(state, low, high)
    part = (low, high) != (0, config.n)  # of the whole run it takes a certificate
    if part and seen.null >= DISMISSED and _count_graded(state, low, high) >= ENOUGH_TO_DISMISS:
        return leave_segment(state)
    step, weight = seen.peak()
    again = any(n.step == step and n.status is not Status.OPEN for n in state.nominations)
    if weight < (DISMISSED if again else tuning.nominate) or state.is_untrusted(step):
        return state
    if len(state.nominations) >= tuning.nominations:
        return leave_segment(state)
    number = len(state.nominations) + 1
    spent = config.alpha / 2 / (number * (number + 1))
    nomination = Nomination(step, spent, low, high)
    return evolve(state, nominations=(*state.nominations, nomination), since=0)


def leave_segment(state: State) -> State:
    return evolve(state, segments=state.segments[1:], since=0)


def choose_end(state: State, low: int, high: int) -> int:
    """Return that end of a segment which had fewer forks for its price; the later one gets more of them."""
    config = state.config
    if config.known(high) is not None:
        return low
    had = [state.arms[arm].total + sum(d.probe.arm == arm for d in state.due) for arm in (low, high)]
    weighed = [forks * config.price(arm) ** EVEN for forks, arm in zip(had, (low, high), strict=True)]
    return low if weighed[0] <= weighed[1] else high


def count_patience(state: State) -> float:
    """Return how many exploring forks there may be before the next nomination: fewer after each in vain."""
    limit = state.config.tuning.explore
    first = 50 + 20 * math.log2(state.config.n + 1) if limit is None else limit
    return first / (1 + 0.5 * len(state.nominations))


def split(state: State, nomination: Nomination) -> State:
    """Return the state with the parts of a segment beside a certified step, the later part first."""
    parts = (nomination.step + 1, nomination.high), (nomination.low, nomination.step)
    left = (*(part for part in parts if part[0] < part[1]), *state.segments[1:])
    return evolve(state, segments=tuple(part for part in left if not _is_level(state, *part)), since=0)


def _count_graded(state: State, low: int, high: int) -> int:
    return sum(tally.graded for tally in state.arms[low : high + 1])


def _is_level(state: State, low: int, high: int) -> bool:
    """True if the rates at both ends of a segment are so close that no drop worth naming is in it."""
    known, first, last = state.config.known(high), state.arms[low], state.arms[high]
    above, below = first.rate, last.rate if known is None else known
    forks = first.graded if known is not None else min(first.graded, last.graded)
    if above is None or below is None or forks < ENOUGH_TO_SKIP:
        return False
    return above - below + 0.6 / math.sqrt(forks) < state.config.delta


def _expect(state: State, item: Due) -> tuple[float, float]:
    """The successes and failures that a due fork counts for: fractions while it is pending."""
    match item.grade:
        case Grade.SUCCESS:
            return 1.0, 0.0
        case Grade.FAILURE:
            return 0.0, 1.0
        case None:
            tally = state.arms[item.probe.arm]
            rate = (tally.successes + 1) / (tally.graded + 2)
            return rate, 1 - rate
        case _:
            return 0.0, 0.0
