"""What it takes to say that no step is to blame: forks of all arms, not only of the two ends.

The ends of a run do not show what happened in between: hopeless at first, then a lucky answer, and another
that threw it away; or a fall that a later answer made good. So forks are spread over all arms, each where
it tells most of a fall for its price, until one at any step has become unlikely, or so likely that the
search goes on there.
"""

from __future__ import annotations

from attrs import evolve

from ..statistics.plateaus import Plateaus, find_plateaus, weigh_places
from .conclusion import Conclusion
from .confirming import conclude, has_drop, has_short_segment, name_level
from .exploring import KNOWN, SCREENED, believe, choose_end
from .state import State

UNLIKELY = {Conclusion.SYSTEMIC: 0.05, Conclusion.NO_DROP: 0.02}
"""The posterior of a fall at which it is denied."""

ENOUGH, LEVEL, LONG = 6, 0.75, 24
"""Forks of the first arm, and the posterior of "no drop", at which a sweep begins; and forks after which it
does where that is still open."""

SWEEPS = 2
"""How often a sweep may begin and still lead back to a search."""

PLACES = 60
"""Arms that are tried at most: more would tell little of what is between them, and take long to weigh."""

THRIFT = 3
"""How much more than in a search the price of a fork counts: what all arms show together may be had late."""

EVERY = 4
"""Forks after which a sweep is judged again."""


def sweep(state: State) -> State:
    """Return the state with nothing left to search but all arms to be swept."""
    return evolve(state, segments=(), since=0, sweeps=state.sweeps + 1)


def looks_level(state: State) -> bool:
    """True if the two ends of a run look as if there were no drop between them."""
    config, first, last = state.config, state.arms[0], state.arms[-1]
    if (
        state.sweeps
        or state.segments[0] != (0, config.n)
        or first.graded < ENOUGH
        or first.untrusted
        or last.untrusted
    ):
        return False
    level = believe(state, 0, config.n).null
    return level >= LEVEL or (level > SCREENED and first.graded >= LONG)


def falls_overall(state: State) -> bool:
    """True if the run has a drop, of which the question is only where."""
    return has_drop(state) or believe(state, 0, state.config.n).null <= SCREENED


def judge_sweep(state: State) -> State:
    """Return the state ended, if that is due; or with the segment to search next, where a fall is likely."""
    if state.confirmed or has_short_segment(state) or state.since >= state.config.tuning.survey:
        return evolve(state, conclusion=conclude(state))
    if state.since % EVERY or (state.nominations and falls_overall(state)):
        return state
    seen = see_plateaus(state)
    none = name_level(state)
    if none is not None and seen.falls <= UNLIKELY[none]:
        return evolve(state, conclusion=none)
    likely = seen.falls >= state.config.tuning.nominate and state.sweeps <= SWEEPS
    segments = _find_segments(state, seen) if likely else ()
    return evolve(state, segments=segments, since=0) if segments else state


def choose_swept(state: State) -> int | None:
    """Return the arm of the next fork of a sweep; None if none is worth one, or fits the budget."""
    config = state.config
    if state.nominations and falls_overall(state):  # no step was found to have it: which half of the run has?
        half = config.n - config.n // 2
        later = config.final is not None or state.since % 2
        ends = choose_end(state, half, config.n) if later else choose_end(state, 0, half)
        return ends if _is_usable(state, ends) else None
    seen = see_plateaus(state)
    if seen.falls <= UNLIKELY[Conclusion.SYSTEMIC] and name_level(state) is None:  # is the level low?
        return 0 if _is_usable(state, 0) else None
    worth: dict[int, float] = {}
    for place, amount in enumerate(weigh_places(seen)):
        arm = _find_arm(state, seen, place)
        if arm is not None and _is_usable(state, arm):
            due = sum(item.probe.arm == arm for item in state.due)
            worth[arm] = amount / (due + 1) / config.burden[arm] ** THRIFT
    return max(worth, key=worth.__getitem__, default=None)


def see_plateaus(state: State) -> Plateaus:
    """Return the posterior of two changes, given the forks that are in."""
    n, final = state.config.n, state.config.final
    tried = [(arm, tally.successes, tally.failures) for arm, tally in enumerate(state.arms) if tally.graded]
    if final is not None:
        known = round(final * KNOWN)
        tried = [*(one for one in tried if one[0] < n), (n, known, KNOWN - known)]
    return find_plateaus(tuple(tried), n, state.config.delta)


def _find_segments(state: State, seen: Plateaus) -> tuple[tuple[int, int], ...]:
    """The steps to search: all, or those from the middle of the likeliest stretch on, or up to it."""
    if 2 * seen.once > seen.falls:
        return ((0, state.config.n),)
    best = max(seen.stretches, key=lambda stretch: stretch.mass * stretch.either)
    middle = seen.arms[min((best.start + best.stop) // 2, len(seen.arms) - 1)]
    part = (middle, state.config.n) if best.leaves > best.enters else (0, middle)
    return (part,) if part[0] < part[1] else ()


def _find_arm(state: State, seen: Plateaus, place: int) -> int | None:
    """The arm at a place of `weigh_places`: one that was tried, or the middle of a gap with an arm in it.

    Arms with a fork on its way are passed over while there are others, so that forks do not crowd.
    """
    at, is_arm = divmod(place, 2)
    if is_arm:
        return seen.arms[at]
    if len(seen.arms) >= PLACES:
        return None
    low = seen.arms[at - 1] if at else -1
    high = seen.arms[at] if at < len(seen.arms) else state.config.n + 1
    due = {item.probe.arm for item in state.due}
    free = [arm for arm in range(low + 1, high) if arm not in due] or range(low + 1, high)
    return free[len(free) // 2] if free else None


def _is_usable(state: State, arm: int) -> bool:
    config = state.config
    return config.known(arm) is None and config.price(arm) <= state.room and not state.arms[arm].hopeless
