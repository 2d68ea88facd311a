"""The goals on planted worlds: some surely, all of them at night."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import pytest

from tracefork.attribution import Conclusion
from tracefork.attribution.statistics.chance import places, unit
from tracefork.validation.gates import Count, Goal, Measure, judge, passes, run_row, table
from tracefork.validation.worlds import Planted, plant

ROWS = {row.name: row for row in table()}
SHOWN = (
    "clear, n=10",
    "clear, n=30",
    "late, n=100",
    "root, n=30",
    "recovery, n=30",
    "rescued, and thrown away, n=10",
    pytest.param("replicas that take turns, n=10", marks=pytest.mark.slow),
    pytest.param("systemic, n=100", marks=pytest.mark.slow),
)
BRIEFLY = (
    "boundary null at the end, n=10",
    pytest.param("boundary null, n=10", marks=pytest.mark.slow),
    "clear, n=100, 8 in flight",
    "conjunction, n=100",
    "decoys, n=30",
    "drift, n=30",
    "echo, n=30",
    pytest.param("flat noise, n=30", marks=pytest.mark.slow),
    "a dip, n=10",
    "noise floor 10%, n=100",
    "noise floor 20%, n=100",
    "redundancy, n=30",
    "two drops, n=30",
)


@pytest.mark.parametrize("name", SHOWN)
def test_every_goal_of_the_row_is_shown(name):
    result = run_row(ROWS[name], 60, 1)

    assert not [v.claim for v in result.verdicts() if not v.shown]


@pytest.mark.parametrize("name", BRIEFLY)
def test_no_goal_of_the_row_is_refuted(name):
    result = run_row(ROWS[name], 10, 1)

    means = Measure.LIVE, Measure.DIRECT_LIVE  # of so few, only what is far off tells
    assert not [v.claim for v in result.verdicts() if v.refuted and v.goal.measure not in means]
    for goal in result.row.goals:
        assert goal.measure not in means or result.count(goal.measure).mean <= 1.5 * goal.bound


@pytest.mark.nightly
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", sorted(ROWS))
def test_every_goal_is_shown_on_many_worlds(name):
    result = run_row(ROWS[name], 500, 2026)

    assert not [v.claim for v in result.verdicts() if not v.shown]


def test_rows_can_be_spread_and_give_the_same():
    row = ROWS["clear, n=10"]
    with ThreadPoolExecutor(2) as pool:
        spread = pool.submit(run_row, pickle.loads(pickle.dumps(row)), 3, 5).result()

    assert spread == run_row(row, 3, 5) != run_row(row, 3, 6)


def test_so_many_successes_show_that_a_goal_is_met():
    # .95 ** 59 is the first power below .05
    assert passes(59, 59, 0.95) and not passes(58, 58, 0.95)
    assert not passes(475, 500, 0.95) and passes(484, 500, 0.95)


def test_a_verdict_says_what_is_claimed_and_how_surely():
    shown = judge(Count(Measure.FALSE, 1, 500), Goal(Measure.FALSE, 0.05))
    refuted = judge(Count(Measure.NAMED, 300, 500), Goal(Measure.NAMED, 0.95))
    open_ = judge(Count(Measure.NAMED, 475, 500), Goal(Measure.NAMED, 0.95))
    mean = judge(Count(Measure.LIVE, 30.0, 500), Goal(Measure.LIVE, 0.05))

    assert shown.shown and "1 of 500, shown to be at most 5% at 95% confidence" in shown.claim
    assert refuted.refuted and not refuted.shown
    assert not open_.shown and not open_.refuted
    assert mean.refuted and "6.0% on average over 500" in mean.claim


@pytest.mark.parametrize("n", [5, 30, 100])
@pytest.mark.parametrize("kind", Planted)
def test_a_world_is_what_it_says(kind, n):
    for seed in range(20):
        world = plant(kind, n, seed)
        assert len(world.curve) == n + 1 and len(world.forced) == n
        assert all(0 <= rate <= 1 for rate in (*world.curve, *world.forced))
        assert world.final in (None, world.curve[n])
        assert all(world.drop(step) > 0.1 for step in world.culprits)
        assert bool(world.culprits) == (world.right == {Conclusion.STEP})
        assert all(world.forced[step] > 0.2 for step in world.necessary)
        assert plant(kind, n, seed) == world


def test_worlds_differ_by_their_seed():
    assert len({plant(Planted.CLEAR, 100, seed) for seed in range(50)}) > 30
    with pytest.raises(ValueError):
        plant(Planted.CLEAR, 4, 1)


def test_chance_follows_from_its_name_and_is_spread_evenly():
    drawn = [unit(1, "x", n) for n in range(4000)]

    assert drawn == [unit(1, "x", n) for n in range(4000)]
    assert all(0 <= u < 1 for u in drawn)
    assert sum(drawn) / 4000 == pytest.approx(0.5, abs=0.02)
    assert places(3, 3, 3) == (0, 1, 2)
    assert {places(seed, 1, 4) for seed in range(60)} == {(0,), (1,), (2,), (3,)}
