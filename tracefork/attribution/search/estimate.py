"""The estimates of a search: values, drops and the verdict, valid at whichever moment one asks."""

from __future__ import annotations

from attrs import frozen

from ..statistics.intervals import Interval
from .conclusion import Conclusion
from .confirming import bound_drop, bound_value, conclude, find_segment
from .exploring import believe
from .state import State


@frozen
class Value:
    """V(arm): the share of successes among the graded forks, None without one, and its interval.

    A rate that is known has no forks.
    """

    arm: int
    estimate: float | None
    interval: Interval
    forks: int


@frozen
class Drop:
    """V(step) - V(step + 1), with the interval that holds together with all others.

    It is `certified` if pairs of forks show that it is above the margin; the interval
    is then that of the certificate. `forks` are those on both sides.
    """

    step: int
    estimate: float | None
    interval: Interval
    forks: int
    certified: bool = False
    untrusted: bool = False


@frozen
class Estimate:
    """What is known, at the level 1 - alpha whenever one looks.

    Args:
        conclusion: that of the search, or the one it had if it were stopped now.
        finished: the search has ended.
        named: the certified steps, the largest drop first.
        best_guess: the step with the largest posterior mass. It is not certified.
        segment: the shortest [low, high) whose drop is certified to be above the margin.
        values: V(0) .. V(n).
        drops: those of all steps, in their order.
        total: V(0) - V(n), which is the sum of all drops.
        posterior: the mass of each step, "the drop is here"; sums to 1 - `null`.
        null: the mass of "there is no drop".
        forks: how many there were.
        cost: what they cost, in the unit of the prices.
        undefined: how many were ambiguous or cut.
        broken: how many diverged or crashed.
        untrusted: the steps on one side of which more than half of the forks broke.
    """

    conclusion: Conclusion
    finished: bool
    named: tuple[Drop, ...]
    best_guess: int
    segment: tuple[int, int] | None
    values: tuple[Value, ...]
    drops: tuple[Drop, ...]
    total: Interval
    posterior: tuple[float, ...]
    null: float
    forks: int
    cost: float
    undefined: int
    broken: int
    untrusted: tuple[int, ...]


def report(state: State) -> Estimate:
    """Return the estimates from the forks so far."""
    values = tuple(_estimate_value(state, arm) for arm in range(state.config.n + 1))
    drops = tuple(_estimate_drop(state, step, values) for step in range(state.config.n))
    seen = believe(state, 0, state.config.n)
    named = sorted((d for d in drops if d.certified), key=lambda d: (-(d.estimate or 0.0), d.step))
    return Estimate(
        conclusion=state.conclusion or conclude(state),
        finished=state.conclusion is not None,
        named=tuple(named),
        best_guess=seen.peak()[0],
        segment=find_segment(state),
        values=values,
        drops=drops,
        total=values[0].interval - values[-1].interval,
        posterior=seen.weights(),
        null=seen.null,
        forks=state.forks,
        cost=state.cost,
        undefined=sum(tally.undefined for tally in state.arms),
        broken=sum(tally.broken for tally in state.arms),
        untrusted=tuple(step for step in range(state.config.n) if state.is_untrusted(step)),
    )


def _estimate_value(state: State, arm: int) -> Value:
    known, tally = state.config.known(arm), state.arms[arm]
    return Value(arm, tally.rate if known is None else known, bound_value(state, arm), tally.graded)


def _estimate_drop(state: State, step: int, values: tuple[Value, ...]) -> Drop:
    before, after = values[step], values[step + 1]
    estimate = None
    if before.estimate is not None and after.estimate is not None:
        estimate = before.estimate - after.estimate
    proof = next((n for n in state.confirmed if n.step == step), None)
    interval = bound_drop(state, proof) if proof else before.interval - after.interval
    untrusted = state.is_untrusted(step)
    return Drop(step, estimate, interval, before.forks + after.forks, proof is not None, untrusted)
