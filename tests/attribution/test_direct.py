"""The but-for screen."""

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.attribution import Grade
from tracefork.attribution.search import direct
from tracefork.attribution.search.direct import Screen
from tracefork.attribution.statistics.chance import share


def screened(screen, rates, order=lambda probes: 0):
    state = direct.init(screen)
    while probes := direct.plan(state):
        probe = probes[order(probes)]
        success = share(probe.seed) < rates[probe.arm]
        state = direct.observe(state, probe, Grade.SUCCESS if success else Grade.FAILURE)
    return state


def test_the_steps_but_for_which_the_run_succeeds_are_named():
    rates = [0.05] * 30
    rates[4] = rates[21] = 0.8

    report = direct.report(screened(Screen(30), rates))

    assert report.named == (4, 21) and report.complete
    assert all(rates[e.step] == pytest.approx(rates[e.step]) and e.interval.low <= 0.8 for e in report.steps)
    assert report.forks < 30 * 8


def test_a_step_that_never_helps_has_five_forks():
    report = direct.report(screened(Screen(7), [0.0] * 7))

    assert [effect.forks for effect in report.steps] == [5] * 7 and report.named == ()


def test_forks_that_break_are_no_evidence_and_leave_the_step_untrusted():
    state = direct.init(Screen(1))
    while probes := direct.plan(state):
        state = direct.observe(state, probes[0], Grade.ERROR)

    effect = direct.report(state).steps[0]
    assert effect.untrusted and not effect.certified and effect.estimate is None and state.forks == 3


@given(
    st.lists(st.sampled_from((0.0, 0.1, 0.8, 1.0)), min_size=1, max_size=6),
    st.integers(1, 8),
    st.randoms(use_true_random=False),
)
def test_the_order_in_which_forks_end_is_nothing(rates, batch, random):
    one = screened(Screen(len(rates)), rates)
    other = screened(Screen(len(rates), batch=batch), rates, lambda probes: random.randrange(len(probes)))

    assert one.steps == other.steps
    assert direct.report(one) == direct.report(other)
    assert pickle.loads(pickle.dumps(one)) == one and hash(one) == hash(one)


@given(st.integers(0, 20), st.floats(0, 20), st.sampled_from((0.5, 1.0, 3.0)))
def test_the_budget_holds(most, cost, price):
    state = screened(Screen(5, max_forks=most, max_cost=cost, price=price), [0.5] * 5)

    assert state.forks <= most and state.cost <= cost + 1e-9


def test_a_step_has_one_fork_at_a_time_and_those_in_flight_count():
    state = direct.init(Screen(6, batch=4))
    flying = direct.plan(state)

    assert [probe.arm for probe in flying] == [0, 1, 2, 3]
    assert direct.plan(state, flying) == ()
    assert [probe.arm for probe in direct.plan(state, flying[:2])] == [2, 3]
    assert direct.plan(direct.stop(state)) == ()


def test_what_was_not_asked_for_is_refused():
    state = direct.init(Screen(2))
    probe = direct.plan(state)[0]

    with pytest.raises(ValueError, match="already"):
        direct.observe(direct.observe(state, probe, Grade.FAILURE), probe, Grade.FAILURE)
    for wrong in ({"n": 0}, {"limit": 0}, {"batch": 0}, {"alpha": 0.0}, {"floor": 0.95}, {"price": -1.0}):
        with pytest.raises(ValueError):
            Screen(**{"n": 2} | wrong)
