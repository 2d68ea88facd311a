"""The instrument measured on planted causes, by real agents over sockets into SQLite stores."""

from __future__ import annotations

import pytest

from tracefork.validation.faulty import Harm
from tracefork.validation.staged import stage
from tracefork.validation.trial import EXPECTED, HARMED, try_harm, try_world
from tracefork.validation.worlds import Planted

pytestmark = pytest.mark.slow

DEAR = {
    Planted.BOUNDARY_END,
    Planted.FLOOR_20,
    Planted.REDUNDANCY,
    Planted.RECOVERY,
    Planted.TWO,
    Planted.DRIFT,
    Planted.FLAT,
    Planted.FLAT_LOW,
    Planted.BOUNDARY,
    Planted.FLOOR_30,
}
"""These take all their forks: each alone several seconds."""


@pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=pytest.mark.nightly if k in DEAR else ()) for k in Planted]
)
def test_what_is_planted_in_a_real_agent_is_found(kind):
    trial = try_world(kind, seed=3)
    assert trial.right, trial
    assert not trial.false, trial
    assert bool(trial.culprits) is (kind not in EXPECTED)


@pytest.mark.parametrize("at", [0, pytest.param(HARMED // 2, marks=pytest.mark.nightly), HARMED - 1])
@pytest.mark.parametrize("harm", Harm)
def test_a_harm_that_was_done_once_is_named_every_time(harm, at):
    trial = try_harm(harm, at)
    assert trial.named == (at,), trial


@pytest.mark.parametrize("kind", Planted)
@pytest.mark.parametrize("seed", range(3))
def test_the_values_of_a_staged_run_are_computed_not_guessed(kind, seed):
    world = stage(kind, 8, seed)
    values = [world.value(served) for served in range(9)]
    assert all(0 <= value <= 1 for value in values)
    assert values[-1] == (0.0 if not world.after else pytest.approx(world.success(world.recorded)))
