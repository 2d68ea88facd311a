"""Laws of the search, whatever comes of its forks and in whichever order."""

import copy
import pickle
from itertools import pairwise

import attrs
import pytest
from attribution.searching import backwards, configs, curves, in_turn, outcome, run
from hypothesis import assume, given
from hypothesis import strategies as st

from tracefork.attribution import (
    Conclusion,
    Grade,
    Status,
    extend,
    fold,
    init,
    observe,
    plan,
    report,
    stop,
)

CHANCE = st.randoms(use_true_random=False)
ODD = st.sampled_from((0.0, 0.3, 0.9))


@given(configs(), curves(), CHANCE, ODD)
def test_the_log_folds_back_to_the_state(config, curve, random, odd):
    states, log = run(config, curve, random.randrange, odd)

    for n in {0, len(log) // 2, len(log)}:
        assert fold(config, log[:n]) == states[n]
        assert hash(fold(config, log[:n])) == hash(states[n])


@given(configs(barrier=True), curves(), CHANCE, ODD)
def test_behind_a_barrier_the_order_in_which_outcomes_come_is_nothing(config, curve, random, odd):
    serial, _ = run(config, curve, in_turn, odd)
    other, _ = run(config, curve, backwards, odd)
    mixed, _ = run(config, curve, random.randrange, odd)

    assert serial[-1] == other[-1] == mixed[-1]
    assert report(serial[-1]) == report(mixed[-1])


@given(configs(), curves(), CHANCE, ODD)
def test_no_budget_is_ever_exceeded(config, curve, random, odd):
    states, log = run(config, curve, random.randrange, odd)

    limit = float("inf") if config.max_cost is None else config.max_cost + 1e-9
    for state in states:
        reserved = sum(config.price(probe.arm) for probe in state.pending)
        assert state.forks + len(state.pending) <= config.max_forks
        assert state.cost + reserved <= limit
    assert states[-1].forks == len(log)
    assert states[-1].cost == pytest.approx(sum(cost for *_, cost in log))


@given(configs(), curves(), CHANCE)
def test_no_more_are_in_flight_than_a_batch_and_no_draw_is_taken_twice(config, curve, random):
    states, log = run(config, curve, random.randrange)

    assert all(len(plan(state)) <= config.batch for state in states)
    assert len({(probe.arm, probe.draw) for probe, *_ in log}) == len(log)
    for state in states:
        probes = plan(state)
        assert plan(state, probes[:1]) == probes[1:]


@given(configs(), curves(), CHANCE, ODD)
def test_outcomes_settle_in_the_order_of_planning(config, curve, random, odd):
    states, _ = run(config, curve, random.randrange, odd)

    for before, after in pairwise(states):
        was, now = ([item.probe for item in state.due] for state in (before, after))
        gone = after.settled - before.settled
        assert now[: len(was) - gone] == was[gone:]
        assert len(now) <= 4 * config.batch


@given(configs(), curves(), CHANCE, ODD)
def test_after_a_crash_the_same_forks_are_asked_for_again(config, curve, random, odd):
    states, log = run(config, curve, random.randrange, odd)
    n = len(log) // 2
    state = fold(config, log[:n])

    again = [probe for probe, *_ in log[n:]]
    assert set(plan(state)) <= set(again) or states[-1].conclusion


@given(configs(), curves(), CHANCE, ODD)
def test_a_report_is_honest_at_every_moment(config, curve, random, odd):
    states, _ = run(config, curve, random.randrange, odd)

    for state in states[:: max(1, len(states) // 3)]:
        known = report(state)
        assert len(known.values) == config.n + 1 and len(known.drops) == config.n
        assert all(0 <= v.interval.low <= v.interval.high <= 1 for v in known.values)
        assert all(-1 <= d.interval.low <= d.interval.high <= 1 for d in known.drops)
        assert sum(known.posterior) + known.null == pytest.approx(1)
        assert known.finished == (not plan(state)) or state.pending
        assert all(drop.interval.low >= config.margin for drop in known.named)
        assert (known.conclusion is Conclusion.STEP) == bool(known.named)


@given(configs(), curves(), CHANCE, ODD)
def test_a_search_may_be_stopped_whenever_one_likes(config, curve, random, odd):
    states, log = run(config, curve, random.randrange, odd)
    n = random.randrange(len(states))
    stopped = stop(states[n])

    assert stopped.conclusion and not plan(stopped) and not stopped.pending
    assert stop(stopped) == stopped
    assert stopped.forks == n and stopped.cost == pytest.approx(states[n].cost)
    late = observe(stopped, *log[n]) if n < len(log) else stopped
    assert attrs.evolve(late, settled=0, spent=0) == attrs.evolve(stopped, settled=0, spent=0)


@given(configs(barrier=True), curves(), ODD)
def test_more_forks_lead_where_a_larger_budget_would_have(config, curve, odd):
    whole = config.batch * (config.max_forks // config.batch)
    config = attrs.evolve(config, max_cost=None, tuning=attrs.evolve(config.tuning, start=config.batch))
    small, large = attrs.evolve(config, max_forks=whole), attrs.evolve(config, max_forks=80)
    ended = run(small, curve, in_turn, odd)[0][-1]
    assume(ended.segments)  # it had something left to try
    state = extend(ended, max_forks=80)
    while probes := plan(state):
        state = observe(state, probes[0], outcome(probes[0], curve, odd))

    straight, _ = run(large, curve, in_turn, odd)
    assert state.arms == straight[-1].arms
    assert state.conclusion == straight[-1].conclusion


@given(configs(), curves(), CHANCE)
def test_all_values_are_frozen_and_can_be_hashed_and_pickled(config, curve, random):
    states, _ = run(config, curve, random.randrange)

    for value in (config, states[-1], report(states[-1]), *states[-1].nominations, *plan(states[0])[:1]):
        assert pickle.loads(pickle.dumps(value)) == value == copy.deepcopy(value)
        assert hash(pickle.loads(pickle.dumps(value))) == hash(value)
        with pytest.raises(attrs.exceptions.FrozenInstanceError):
            value.n = 1


@given(configs(), CHANCE)
def test_what_only_breaks_is_never_blamed(config, random):
    state = init(config)
    while probes := plan(state):
        state = observe(state, random.choice(probes), random.choice((Grade.DIVERGED, Grade.ERROR)))

    known = report(state)
    assert known.conclusion is Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET
    assert not known.named and known.segment is None
    assert known.broken == state.settled
    assert not any(nomination.status is Status.CONFIRMED for nomination in state.nominations)


@given(configs(), curves())
def test_an_outcome_is_taken_once(config, curve):
    state = init(config)
    for probe in plan(state)[:1]:
        after = observe(state, probe, outcome(probe, curve))
        if not after.stopped:
            with pytest.raises(ValueError):
                observe(after, probe, Grade.SUCCESS)
        with pytest.raises(ValueError):
            observe(state, attrs.evolve(probe, draw=99), Grade.SUCCESS)
