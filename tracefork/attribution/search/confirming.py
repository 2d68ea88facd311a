"""What is certified: a step's drop, a segment's drop, or that there is none.

Undefined forks count as the worst they could have been. Alpha is split beforehand: half of it is for
the steps that are named, a quarter for the upper ends of their drops and a quarter for the values of the
curve. So with a chance of at least 1 - alpha all that a report says holds at once, at every moment.
"""

from __future__ import annotations

import math
from itertools import pairwise

from attrs import evolve

from ..statistics.bets import bound_mean, weigh_above
from ..statistics.intervals import UNKNOWN, Interval
from ..statistics.sequences import log_evidence, log_evidence_level, sequence
from .conclusion import Conclusion
from .exploring import believe
from .state import Nomination, State, Status

ENOUGH_FOR_WEIGHT = 3  # pairs of forks before a test is given up because the step lost its weight
ENOUGH_FOR_SIZE = 6  # before it is, because its drop is hardly delta
HARDLY = 0.02


def is_certified(state: State, nomination: Nomination) -> bool:
    """True if the pairs of forks that were made for the nominated step show a drop above the margin.

    They do at the alpha that the nomination may spend. Forks that were made before it are no part of this:
    where they went was not for chance to decide.
    """
    if state.is_untrusted(nomination.step):
        return False
    least = find_range(state, nomination.step).low
    return weigh_above(nomination.worst, state.config.margin, least) >= -math.log(nomination.alpha)


def find_range(state: State, step: int) -> Interval:
    """Return what the difference of two forks around `step` can be."""
    known = state.config.known(step + 1)
    return Interval(-1.0, 1.0) if known is None else Interval(-known, 1.0 - known)


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
    if is_certified(state, nomination):
        return state.amend(evolve(nomination, status=Status.CONFIRMED))
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
    alpha = config.alpha / 4 / unknown
    return Interval(sequence(*tally.worst, alpha).low, sequence(*tally.best, alpha).high)


def bound_drop(state: State, nomination: Nomination) -> Interval:
    """Return the interval of a certified step's drop, at the level that it was certified at.

    The evidence left all values up to the margin behind, for good.
    """
    within = find_range(state, nomination.step)
    low = bound_mean(nomination.worst, nomination.alpha, within).low
    high = bound_mean(nomination.best, nomination.alpha / 2, within).high
    return Interval(max(low, state.config.margin), high)


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


def has_short_segment(state: State) -> bool:
    """True if a segment is certified that is at most half of the run."""
    found = find_segment(state)
    return found is not None and 2 * (found[1] - found[0]) <= state.config.n


def conclude(state: State) -> Conclusion:
    """Return the verdict if the search ends here. That there is no drop takes a sweep."""
    if state.confirmed:
        return Conclusion.STEP
    if has_short_segment(state):
        return Conclusion.SEGMENT
    if has_drop(state) and _is_spread(state):
        return Conclusion.DIFFUSE
    return Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET


def _is_spread(state: State) -> bool:
    """True if no single step has a drop that is worth naming, by the intervals of all values."""
    values = [bound_value(state, arm) for arm in range(state.config.n + 1)]
    return all(after.low > before.high - state.config.delta for before, after in pairwise(values))


def has_drop(state: State) -> bool:
    """True if V(0) - V(n) is shown to be above the margin, at level alpha."""
    config = state.config
    first, last = state.arms[0], state.arms[config.n]
    known = config.known(config.n)
    if first.untrusted or last.untrusted:
        return False
    return log_evidence(*first.worst, *last.best, config.margin, known) >= -math.log(config.alpha)


def name_level(state: State) -> Conclusion | None:
    """Return what a run without a drop is: SYSTEMIC once V(0) is shown to be below delta, else NO_DROP.

    None where it looks as if it were, and is not shown at level alpha; and where forks tell nothing.
    """
    config, first, last = state.config, state.arms[0], state.arms[-1]
    if not first.graded or first.untrusted or last.untrusted:
        return None
    if log_evidence_level(*first.best, 0, 0, config.delta, 0.0) >= -math.log(config.alpha):
        return Conclusion.SYSTEMIC
    graded = sum(tally.graded for tally in state.arms)
    successes = sum(tally.successes for tally in state.arms)
    return Conclusion.NO_DROP if successes >= config.delta * graded else None


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
