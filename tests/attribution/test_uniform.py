"""Flips by a fixed schedule."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.attribution import Grade, Interval, Kind, newcombe, wilson
from tracefork.attribution.search import flip
from tracefork.attribution.search.flip import Schedule
from tracefork.attribution.search.state import Tally


def finished(schedule, grade, order=lambda probes: 0):
    state = flip.init(schedule)
    while probes := flip.plan(state):
        probe = probes[order(probes)]
        state = flip.observe(state, probe, grade(probe))
    return state


def by_kind(changed, same):
    """Of ten forks, so many flip."""
    return lambda p: (
        Grade.SUCCESS
        if p.draw % 10 < (changed if p.kind is Kind.PERTURB else same)[p.arm - (p.kind is Kind.NOOP)]
        else Grade.FAILURE
    )


def test_flips_are_reported_beside_those_without_a_change():
    report = flip.report(finished(Schedule(2), by_kind((9, 8), (8, 0))))

    first, second = report.steps
    assert (first.flips, first.trials, first.noop_flips, first.noop_trials) == (9, 10, 8, 10)
    assert first.interval == wilson(9, 10) and first.noop_interval == wilson(8, 10)
    assert first.excess == pytest.approx(0.1) and first.excess_interval == newcombe(9, 10, 8, 10)
    assert second.rate == 0.8 and second.noop_rate == 0 and second.excess == pytest.approx(0.8)
    assert report.complete and report.forks == 40


def test_of_a_recorded_success_a_failure_is_the_flip():
    report = flip.report(finished(Schedule(2, recorded=True), by_kind((9, 8), (8, 0))))

    assert [step.flips for step in report.steps] == [1, 2]


@pytest.mark.parametrize("grade", [Grade.AMBIGUOUS, Grade.CENSORED, Grade.DIVERGED, Grade.ERROR])
def test_a_fork_without_an_outcome_is_no_trial(grade):
    report = flip.report(finished(Schedule(2, forks=3), lambda p: grade))

    assert all(step.trials == 0 and step.rate is None and step.excess is None for step in report.steps)
    assert all(step.interval == Interval(0, 1) for step in report.steps)
    assert all(step.undefined + step.broken == 6 for step in report.steps)
    assert all(step.untrusted == (grade in (Grade.DIVERGED, Grade.ERROR)) for step in report.steps)


def test_no_two_forks_have_the_same_seed_and_all_steps_are_tried_before_any_is_tried_again():
    schedule = Schedule(4, forks=3, batch=100)
    probes = flip.plan(flip.init(schedule))

    assert len({p.seed for p in probes}) == len(probes) == 24
    assert [schedule.place(p) for p in probes] == list(range(24))
    assert [(p.arm, p.kind) for p in probes[:4]] == [
        (0, Kind.PERTURB),
        (1, Kind.NOOP),
        (1, Kind.PERTURB),
        (2, Kind.NOOP),
    ]


@given(
    st.integers(1, 5),
    st.integers(1, 4),
    st.integers(0, 30),
    st.floats(0, 60),
    st.randoms(use_true_random=False),
)
def test_the_budget_holds_and_the_order_is_nothing(n, forks, most, cost, random):
    schedule = Schedule(n, forks=forks, max_forks=most, max_cost=cost, batch=3)
    grade = lambda p: Grade.SUCCESS if p.seed % 3 else Grade.FAILURE

    state = finished(schedule, grade)
    other = finished(schedule, grade, lambda probes: random.randrange(len(probes)))

    assert state.forks <= most and state.cost <= cost + 1e-9
    assert other.forks <= most and other.cost <= cost + 1e-9
    assert sum(step.trials + step.noop_trials for step in flip.report(state).steps) == state.forks
    assert pickle.loads(pickle.dumps(state)) == state and hash(state) == hash(state)


def test_the_whole_schedule_in_any_order_gives_the_same():
    grade = lambda p: Grade.SUCCESS if p.seed % 3 else Grade.FAILURE

    one = finished(Schedule(3, forks=4), grade)
    other = finished(Schedule(3, forks=4), grade, lambda probes: len(probes) - 1)

    assert one == other


def test_what_is_in_flight_is_not_planned_again():
    state = flip.init(Schedule(3, batch=4, max_forks=5))
    flying = flip.plan(state)

    assert flip.plan(state, flying) == ()
    assert len(flip.plan(state, flying[:2])) == 2
    assert flip.plan(flip.stop(state)) == ()


def test_what_is_not_of_the_schedule_is_refused():
    state = flip.init(Schedule(3))
    probe = flip.plan(state)[0]
    strange = flip.plan(flip.init(Schedule(3, seed=5)))[0]

    with pytest.raises(ValueError, match="already"):
        flip.observe(flip.observe(state, probe, Grade.SUCCESS), probe, Grade.SUCCESS)
    with pytest.raises(ValueError, match="schedule"):
        flip.observe(state, strange, Grade.SUCCESS)
    for wrong in ({"n": 0}, {"forks": 0}, {"batch": 0}, {"alpha": 1.0}, {"prices": (1.0,)}):
        with pytest.raises(ValueError):
            Schedule(**{"n": 2} | wrong)


def test_ten_forks_for_each_of_a_hundred_steps_certify_a_drop_only_if_it_is_nearly_whole():
    def arms(after):
        return [Tally(10, 0)] * 50 + [Tally(after, 10 - after)] * 51

    assert flip.bonferroni(arms(0)) == (49,)
    assert flip.bonferroni(arms(1)) == (49,)
    assert flip.bonferroni(arms(2)) == ()
    assert flip.bonferroni([Tally(10, 0)] * 101, known=0.0) == (99,)
