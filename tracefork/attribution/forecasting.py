"""What it would still take: a search that ran out of forks, continued on runs as it believes them to be.

Each of some continuations draws from the posterior where the drop is, or that there is none,
takes the rates that are expected then, and lets the search go on without limits from where it
stands. Nothing is certified by this: where the run is unlike what the search believes, so is
the forecast.
"""

from __future__ import annotations

from collections import deque
from statistics import median, quantiles

from attrs import evolve, frozen

from .chance import unit
from .conclusion import Conclusion
from .exploring import belief
from .planner import extend, stop
from .posterior import Posterior
from .simulation import states
from .state import State

RUNS = 15
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
    """What a search that was cut short, or is stopped here, would probably need; nothing if it was not.

    The same state has the same forecast. In simulation its median is within a factor of two of what
    the search then takes.

    Raises:
        ValueError: there are fewer than two runs.
    """
    if runs < 2:  # noqa: PLR2004
        raise ValueError(f"a forecast takes at least 2 runs, not {runs}")
    state = stop(state)
    seen = belief(state, 0, state.config.n)
    ends = [_continued(state, seen, run) for run in range(runs)]
    forks = [end.forks - state.forks for end in ends]
    low, _, high = quantiles(forks, n=4, method="inclusive")
    return Forecast(
        forks=round(median(forks)),
        cost=median(end.cost - state.cost for end in ends),
        low=round(low),
        high=round(high),
        settled=sum(end.conclusion is not Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET for end in ends) / runs,
    )


def _continued(state: State, seen: Posterior, run: int) -> State:
    """The search at its end, on one run that the posterior holds possible."""
    seed = state.config.seed
    curve = _curve(state, seen, unit(seed, "forecast", run))
    onward = evolve(state, config=evolve(state.config, seed=int(unit(seed, "onward", run) * 2**53)))
    onward = extend(onward, max_forks=state.forks + MOST)
    return deque(states(onward, curve), maxlen=1).pop()


def _curve(state: State, seen: Posterior, drawn: float) -> tuple[float, ...]:
    """V(0) .. V(n) of the hypothesis at the share `drawn` of the posterior mass."""
    n, final = state.config.n, state.config.final
    left, last = drawn - seen.null, seen.gaps[-1]
    step, before, after = (n, seen.rate, seen.rate) if left < 0 else (n - 1, last.before, last.after)
    for gap in seen.gaps if left >= 0 else ():
        if left < gap.mass:
            step, before, after = gap.start + int(gap.size * left / gap.mass), gap.before, gap.after
            break
        left -= gap.mass
    curve = [before if arm <= step else after for arm in range(n + 1)]
    return (*curve[:n], curve[n] if final is None else final)
