"""What is certified: a step's drop, a segment's drop, or that there is none.

Undefined forks count as the worst they could have been. Every level is split
beforehand, so that with a chance of at least 1 - alpha no step is named falsely,
and with as much all intervals of the curve hold at once, at every moment.
"""

from __future__ import annotations

import math

from attrs import evolve

from ..statistics.intervals import UNKNOWN, Interval
from ..statistics.sequences import log_evidence, log_evidence_level, sequence, sequence_difference
from .conclusion import Conclusion
from .exploring import believe
from .state import Nomination, Route, State, Status

ENOUGH_FOR_NONE = 10  # forks of the first arm before "no drop" is looked into
ENOUGH_FOR_WEIGHT = 3  # pairs of forks before a test is given up because the step lost its weight
ENOUGH_FOR_SIZE = 6  # before it is, because its drop is hardly delta
HARDLY = 0.02


def find_certificate(state: State, nomination: Nomination) -> Route | None:
    """Return which forks show that the drop of the nominated step is above the margin, or None.

    By its fresh forks, made after it was nominated, at the alpha that the nomination
    may spend; or by all, at alpha / 2n, since any step could have been the one.
    """
    config = state.config
    if state.is_untrusted(nomination.step):
        return None
    if _weigh_fresh(state, nomination) >= -math.log(nomination.alpha):
        return Route.FRESH
    if _weigh_all(state, nomination.step) >= math.log(2 * config.n / config.alpha):
        return Route.ALL
    return None


def is_hopeless(state: State, nomination: Nomination) -> bool:
    """True if the test is not worth another fork: it had its share, or the step has lost its mass."""
    tuning, pairs = state.config.tuning, nomination.pairs
    if pairs >= tuning.pairs or nomination.before.hopeless or nomination.after.hopeless:
        return True
    if pairs >= ENOUGH_FOR_SIZE and _estimate_chance_of_delta(state, nomination.step) < HARDLY:
        return True
    seen = believe(state, nomination.low, nomination.high)
    return pairs >= ENOUGH_FOR_WEIGHT and seen.weight(nomination.step) < tuning.abandon


def decide(state: State, nomination: Nomination) -> State:
    """Return the state with the open nomination confirmed or given up, if it is time."""
    if route := find_certificate(state, nomination):
        return state.amend(evolve(nomination, status=Status.CONFIRMED, route=route))
    if is_hopeless(state, nomination):
        return state.amend(evolve(nomination, status=Status.FUTILE))
    return state


def bound_value(state: State, arm: int) -> Interval:
    """Return the interval of V(arm). Those of all arms hold at once, at every moment, at 1 - alpha."""
    config = state.config
    known = config.known(arm)
    if known is not None:
        return Interval(known, known)
    tally = state.arms[arm]
    if not tally.evidence:
        return UNKNOWN
    unknown = config.n if config.final is not None else config.n + 1
    alpha = config.alpha / unknown
    return Interval(sequence(*tally.worst, alpha).low, sequence(*tally.best, alpha).high)


def bound_drop(state: State, nomination: Nomination) -> Interval:
    """Return the interval of a certified step's drop, at the level that it was certified at.

    The evidence left all values up to the margin behind, for good.
    """
    config, step = state.config, nomination.step
    before, after, alpha = nomination.before, nomination.after, nomination.alpha
    if nomination.route is Route.ALL:
        before, after, alpha = state.arms[step], state.arms[step + 1], config.alpha / (2 * config.n)
    known = config.known(step + 1)
    low = sequence_difference(*before.worst, *after.best, alpha, known).low
    high = sequence_difference(*before.best, *after.worst, alpha, known).high
    return Interval(max(low, config.margin), high)


def find_segment(state: State) -> tuple[int, int] | None:
    """Return the shortest [low, high) whose drop is certified to be above the margin, the first of equals."""
    config = state.config
    arms = [
        arm
        for arm, tally in enumerate(state.arms)
        if (tally.graded and not tally.untrusted) or config.known(arm) is not None
    ]
    values = {arm: bound_value(state, arm) for arm in arms}
    best: tuple[int, int] | None = None
    for low in arms:
        for high in arms:
            if high > low and values[low].low - values[high].high > config.margin:
                if best is None or high - low < best[1] - best[0]:
                    best = low, high
                break
    return best


def has_drop(state: State) -> bool:
    """True if V(0) - V(n) is shown to be above the margin, at level alpha."""
    config = state.config
    first, last = state.arms[0], state.arms[config.n]
    known = config.known(config.n)
    if first.untrusted or last.untrusted:
        return False
    return log_evidence(*first.worst, *last.best, config.margin, known) >= -math.log(config.alpha)


def rule_out_drop(state: State) -> Conclusion | None:
    """Return SYSTEMIC or NO_DROP once V(0) - V(n) is shown to be below delta, at level alpha."""
    config = state.config
    first, last = state.arms[0], state.arms[config.n]
    known = config.known(config.n)
    if first.graded < ENOUGH_FOR_NONE or first.untrusted or last.untrusted:
        return None
    needed = -math.log(config.alpha)
    if log_evidence_level(*first.best, *last.worst, config.delta, known) < needed:
        return None
    low = log_evidence_level(*first.best, 0, 0, config.delta, 0.0) >= needed
    return Conclusion.SYSTEMIC if low else Conclusion.NO_DROP


def _weigh_fresh(state: State, nomination: Nomination) -> float:
    config = state.config
    known = config.known(nomination.step + 1)
    return log_evidence(*nomination.before.worst, *nomination.after.best, config.margin, known)


def _weigh_all(state: State, step: int) -> float:
    known = state.config.known(step + 1)
    return log_evidence(*state.arms[step].worst, *state.arms[step + 1].best, state.config.margin, known)


def _estimate_chance_of_delta(state: State, step: int) -> float:
    """Roughly the posterior of "the drop is at least delta": two Beta distributions taken as normal."""
    config = state.config
    mean = variance = 0.0
    for arm, sign in ((step, 1), (step + 1, -1)):
        known, tally = config.known(arm), state.arms[arm]
        a, b = tally.successes + 0.5, tally.failures + 0.5
        mean += sign * (a / (a + b) if known is None else known)
        variance += a * b / ((a + b) ** 2 * (a + b + 1)) if known is None else 0.0
    return 0.5 * math.erfc((config.delta - mean) / math.sqrt(2 * (variance + 1e-12)))
