"""Forecasts how many more forks a search needs: continues it in simulation, on runs that its forks suggest.

Each continuation draws a run: where its drop is, or that there is none, by the posterior's masses, and the
rates on either side by what the forks there showed. The search goes on in it, without limits, from where it
stands. Nothing is certified by this: where the run is otherwise, so is the forecast.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Sequence
from itertools import accumulate
from math import exp, log, log1p
from statistics import median, quantiles

from attrs import evolve, frozen

from ..statistics.chance import unit
from .conclusion import Conclusion
from .exploring import believe
from .planner import extend, stop
from .simulation import draw_from, states
from .state import State, Tally

RUNS = 11
DRAWS = 100
"""Pairs of rates that are drawn, until one is of a drop worth naming."""

RATES = tuple((2 * n + 1) / 400 for n in range(200))
"""Rates that are drawn, 0.0025 to 0.9975."""

MOST = 2_000
"""How many more forks a forecast looks ahead."""


@frozen
class Forecast:
    """The median of further `forks`, and of their worst-case `cost`, until the search has ended.

    The middle half of the continuations took `low` to `high` forks. `settled` is the share of them
    that came to a conclusion; the others had nothing left to try.
    """

    forks: int
    cost: float
    low: int
    high: int
    settled: float


def forecast(state: State, runs: int = RUNS) -> Forecast:
    """Return what a search that was cut short, or is stopped here, probably needs; nothing if it has ended.

    The same state has the same forecast. In simulation, after two dozen forks, its median is within
    a factor of two of what the search then takes; after fewer, and where it looks as if there were
    no drop, it errs to too many.

    Raises:
        ValueError: there are fewer than two runs.
    """
    if runs < 2:  # noqa: PLR2004
        raise ValueError(f"a forecast takes at least 2 runs, not {runs}")
    state = stop(state)
    ends = [_continue(state, run) for run in range(runs)]
    forks = [end.forks - state.forks for end in ends]
    low, _, high = quantiles(forks, n=4, method="inclusive")
    return Forecast(
        forks=round(median(forks)),
        cost=median(end.cost - state.cost for end in ends),
        low=round(low),
        high=round(high),
        settled=sum(end.conclusion is not Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET for end in ends) / runs,
    )


def _continue(state: State, run: int) -> State:
    """The search continued to its end, in a run and with draws of its own."""
    seed = int(unit(state.config.seed, "onward", run) * 2**53)
    curve = _draw_curve(state, seed)
    onward = evolve(state, config=evolve(state.config, seed=seed))
    onward = extend(onward, max_forks=state.forks + MOST)
    return deque(states(onward, draw_from(curve)), maxlen=1).pop()


def _draw_curve(state: State, seed: int) -> tuple[float, ...]:
    """V(0) .. V(n) of a run that the forks make likely: one drop, that is worth naming, or none."""
    n, final, delta = state.config.n, state.config.final, state.config.delta
    seen = believe(state, 0, n)
    last = _choose([*seen.weights(), seen.null], unit(seed, "place"))
    sides = state.arms[: last + 1], state.arms[last + 1 :]
    drawn = (
        [_draw_rate(side, unit(seed, "rate", n, i)) for i, side in enumerate(sides)] for n in range(DRAWS)
    )
    before, after = next(
        (rates for rates in drawn if rates[0] - rates[1] >= delta), map(_estimate_rate, sides)
    )
    curve = [before if arm <= last else after for arm in range(n + 1)]
    return (*curve[:n], curve[n] if final is None else final)


def _draw_rate(arms: Sequence[Tally], draw: float) -> float:
    """One of `RATES`, as the posterior of Jeffreys' prior and the outcomes weighs them."""
    successes = sum(tally.successes for tally in arms)
    failures = sum(tally.graded for tally in arms) - successes
    logs = [(successes - 0.5) * log(p) + (failures - 0.5) * log1p(-p) for p in RATES]
    top = max(logs)
    return RATES[_choose([exp(one - top) for one in logs], draw)]


def _choose(weights: Sequence[float], draw: float) -> int:
    """The place in `weights` that a number of [0, 1) falls on."""
    sums = list(accumulate(weights))
    return min(bisect_right(sums, draw * sums[-1]), len(sums) - 1)


def _estimate_rate(arms: Sequence[Tally]) -> float:
    """The share of successes, with half a success and half a failure added."""
    return (sum(tally.successes for tally in arms) + 0.5) / (sum(tally.graded for tally in arms) + 1)
