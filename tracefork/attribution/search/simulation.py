"""Runs a search on a curve instead of an agent: whether a fork succeeds follows from its seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from attrs import evolve

from ..statistics.chance import share, unit
from .config import Config
from .planner import init, observe, plan
from .state import Grade, Probe, State


def simulate(config: Config, curve: Sequence[float], seed: int) -> State:
    """Return the search at its end, on a run whose forks of arm i succeed at the rate `curve[i]`."""
    first = init(evolve(config, seed=seed))
    return deque(states(first, curve), maxlen=1).pop()


def states(state: State, curve: Sequence[float], hasty: bool = False) -> Iterator[State]:  # noqa: FBT001, FBT002
    """Give `state` and the state after each further fork, until the search has ended.

    With `hasty`, a whole batch is in flight and those that fail come home first:
    the worst order for whoever counts outcomes as they come.
    """
    yield state
    while pending := plan(state):
        probe = _choose_first_home(pending, curve) if hasty else pending[0]
        state = observe(state, probe, draw_grade(probe, curve))
        yield state


def draw_grade(probe: Probe, curve: Sequence[float]) -> Grade:
    """Return the grade that follows from the probe's seed."""
    return Grade.SUCCESS if share(probe.seed) < curve[probe.arm] else Grade.FAILURE


def _choose_first_home(pending: Sequence[Probe], curve: Sequence[float]) -> Probe:
    late: Callable[[Probe], tuple[bool, float]] = lambda probe: (  # noqa: E731
        draw_grade(probe, curve) is Grade.SUCCESS,
        unit(probe.seed, "late"),
    )
    return min(pending, key=late)
