"""A forecast against what the search then takes."""

from statistics import median

import pytest
from attrs import evolve

from tracefork.attribution import Conclusion, Config, extend, forecast
from tracefork.attribution.search.simulation import draw_from, simulate, states
from tracefork.validation.worlds import Planted, plant

N, CUT = 30, 24


def cut_short(kind, seed):
    world = plant(kind, N, seed)
    return world, simulate(Config(N, final=world.final, max_forks=CUT), world.curve, seed)


def taken(state, curve, seed):
    *_, end = states(extend(evolve(state, config=evolve(state.config, seed=seed))), draw_from(curve))
    return end.forks - state.forks


@pytest.mark.slow
@pytest.mark.parametrize("kind", [Planted.ROOT, Planted.FLOOR_10, Planted.FLOOR_20])
def test_the_median_forecast_is_within_a_factor_of_two_of_what_is_taken(kind):
    said, took = [], []
    for seed in range(8):
        world, state = cut_short(kind, seed)
        said.append(forecast(state, runs=7).forks)
        took.append(median(taken(state, world.curve, 1000 + n) for n in range(3)))

    assert sum(said) >= 0.5 * sum(took)  # where it looks as if there were no drop it errs to too many
    assert 0.5 <= median(said) / median(took) <= 2


def test_a_forecast_says_the_same_when_it_is_asked_again():
    _, state = cut_short(Planted.FLOOR_20, 3)
    told = forecast(state)

    assert told == forecast(state)
    assert told.low <= told.forks <= told.high and told.cost >= told.forks > 0 and told.settled > 0.5


def test_a_search_that_has_its_answer_needs_nothing():
    state = simulate(Config(N), plant(Planted.ROOT, N, 2).curve, 2)
    told = forecast(state)

    assert state.conclusion is Conclusion.STEP
    assert (told.forks, told.cost, told.settled) == (0, 0, 1)


def test_one_run_is_no_forecast():
    with pytest.raises(ValueError):
        forecast(cut_short(Planted.ROOT, 1)[1], runs=1)
