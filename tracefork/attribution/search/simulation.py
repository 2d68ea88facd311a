"""Runs a search on a curve instead of an agent: whether a fork succeeds follows from its seed."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from attrs import evolve

from ..statistics.chance import share, unit
from .config import Config
from .planner import init, observe, plan
from .state import Grade, Probe, State

Ends: TypeAlias = Callable[[Probe, int], Grade]
"""How the fork of a probe ends, which was made after so many others."""


def simulate(config: Config, curve: Sequence[float], seed: int) -> State:
    """Return the search at its end, on a run whose forks of arm i succeed at the rate `curve[i]`."""
    first = init(evolve(config, seed=seed))
    return deque(states(first, draw_from(curve)), maxlen=1).pop()


def states(state: State, ends: Ends, hasty: bool = False) -> Iterator[State]:  # noqa: FBT001, FBT002
    """Give `state` and the state after each further fork, until the search has ended.

    With `hasty`, a whole batch is in flight and those that fail come home first:
    the worst order for whoever counts outcomes as they come.
    """
    yield state
    made: dict[Probe, Grade] = {}
    while pending := plan(state):
        for probe in pending:
            if probe not in made:
                made[probe] = ends(probe, len(made))
        probe = min(pending, key=lambda one: _comes_home(one, made[one])) if hasty else pending[0]
        state = observe(state, probe, made[probe])
        yield state


def draw_from(curve: Sequence[float]) -> Ends:
    """Return the ends of forks whose rates are `curve`: each follows from its probe's seed."""
    return lambda probe, _: Grade.SUCCESS if share(probe.seed) < curve[probe.arm] else Grade.FAILURE


def _comes_home(probe: Probe, grade: Grade) -> tuple[bool, float]:
    return grade is Grade.SUCCESS, unit(probe.seed, "late")
