"""Forecasts how many more forks a search needs: continues it in simulation, on its best guess of the run.

The run is taken to have its drop where the posterior mass is largest, or none if that is likelier,
and the search goes on without limits from where it stands, some times over. Nothing is certified
by this: where the run is otherwise, so is the forecast.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from statistics import median, quantiles

from attrs import evolve, frozen

from ..statistics.chance import unit
from .conclusion import Conclusion
from .exploring import believe
from .planner import extend, stop
from .simulation import states
from .state import State, Tally

RUNS = 11
MOSTLY = 0.5
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
    a factor of two of what the search then takes; after fewer it errs to too many.

    Raises:
        ValueError: there are fewer than two runs.
    """
    if runs < 2:  # noqa: PLR2004
        raise ValueError(f"a forecast takes at least 2 runs, not {runs}")
    state = stop(state)
    curve = _guess_curve(state)
    ends = [_continue(state, curve, run) for run in range(runs)]
    forks = [end.forks - state.forks for end in ends]
    low, _, high = quantiles(forks, n=4, method="inclusive")
    return Forecast(
        forks=round(median(forks)),
        cost=median(end.cost - state.cost for end in ends),
        low=round(low),
        high=round(high),
        settled=sum(end.conclusion is not Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET for end in ends) / runs,
    )


def _continue(state: State, curve: Sequence[float], run: int) -> State:
    """The search continued to its end, with draws of its own."""
    seed = int(unit(state.config.seed, "onward", run) * 2**53)
    onward = evolve(state, config=evolve(state.config, seed=seed))
    onward = extend(onward, max_forks=state.forks + MOST)
    return deque(states(onward, curve), maxlen=1).pop()


def _guess_curve(state: State) -> tuple[float, ...]:
    """The most probable V(0) .. V(n): the share of successes on either side of the drop."""
    n, final = state.config.n, state.config.final
    seen = believe(state, 0, n)
    last = n if seen.null > MOSTLY else seen.peak()[0]
    before, after = _estimate_rate(state.arms[: last + 1]), _estimate_rate(state.arms[last + 1 :])
    curve = [before if arm <= last else after for arm in range(n + 1)]
    return (*curve[:n], curve[n] if final is None else final)


def _estimate_rate(arms: Sequence[Tally]) -> float:
    """The share of successes, with half a success and half a failure added."""
    return (sum(tally.successes for tally in arms) + 0.5) / (sum(tally.graded for tally in arms) + 1)
