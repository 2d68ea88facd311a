"""What a search comes to, by example."""

import math
import time
from hashlib import sha256

import pytest
from attribution.searching import backwards, in_turn, outcome, run

from tracefork.attribution import (
    Conclusion,
    Config,
    Grade,
    Kind,
    Probe,
    Tuning,
    extend,
    init,
    observe,
    plan,
    report,
    stop,
)
from tracefork.attribution.search.simulation import draw_from, simulate, states

FALLEN = (0.95,) * 8 + (0.05,) * 12 + (0.0,)  # twenty steps, of which number 7 is decisive


def after(config, curve, order=in_turn):
    return run(config, curve, order, costs=False)[0][-1]


def given(config, grades):
    """A search in which each arm always has the same grade."""
    state = init(config)
    while probes := plan(state):
        state = observe(state, probes[0], grades(probes[0]))
    return state


def test_the_decisive_step_is_named_with_its_interval():
    known = report(after(Config(20, seed=1), FALLEN))

    assert known.conclusion is Conclusion.STEP and known.finished
    assert [drop.step for drop in known.named] == [7]
    assert known.named[0].interval.low >= 0.1 and 0.9 in known.named[0].interval
    assert known.named[0].certified
    assert known.best_guess == 7 and known.posterior[7] > 0.7
    assert known.forks < 60


def test_the_drops_of_all_steps_have_intervals_though_most_have_no_forks():
    known = report(after(Config(20, seed=1), FALLEN))

    assert len(known.drops) == 20
    assert all(known.values[n].interval.low <= FALLEN[n] <= known.values[n].interval.high for n in range(21))
    assert (known.drops[13].estimate, known.drops[13].interval.low) == (None, -1) or known.drops[13].forks
    assert known.total.low <= 0.95 <= known.total.high
    assert known.values[20].estimate == 0 and known.values[20].interval.width == 0


def test_both_drops_are_named_if_all_are_wanted():
    twice = (0.95,) * 4 + (0.5,) * 8 + (0.0,) * 9

    first = report(after(Config(20, seed=3), twice))
    both = report(after(Config(20, seed=3, first=False), twice))

    assert len(first.named) == 1
    assert sorted(drop.step for drop in both.named) == [3, 11]


def test_a_run_that_nothing_helps_is_systemic():
    known = report(after(Config(20), (0.0,) * 21))

    assert known.conclusion is Conclusion.SYSTEMIC and not known.named


def test_a_run_that_was_rescued_and_thrown_away_is_not_hopeless():
    """Both ends are level, and what a lucky answer won was lost again by the answer to name."""
    rescued = (0.05,) * 6 + (0.9,) * 8 + (0.05,) * 6 + (0.0,)
    found = [report(after(Config(20, seed=seed), rescued)) for seed in range(12)]

    assert not [known.conclusion for known in found if known.conclusion is Conclusion.SYSTEMIC]
    assert all(known.named[0].step == 13 for known in found if known.named)
    assert sum(bool(known.named) for known in found) >= 10


def test_a_fall_that_was_made_good_is_found():
    dipped = (0.7,) * 6 + (0.1,) * 8 + (0.7,) * 7
    found = [report(after(Config(20, seed=seed, final=None), dipped)) for seed in range(12)]

    assert not [known.conclusion for known in found if known.conclusion is Conclusion.NO_DROP]
    assert sum([drop.step for drop in known.named] == [5] for known in found) >= 10


def test_nothing_is_denied_for_want_of_forks():
    for most in (10, 20):
        known = report(after(Config(20, max_forks=most), (0.0,) * 21))
        assert known.conclusion is Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET


@pytest.mark.slow
def test_one_faint_drop_is_not_called_diffuse():
    faint = (0.6,) * 9 + (0.35,) * 12
    for seed in range(6):
        known = report(after(Config(20, seed=seed, final=None), faint))
        assert known.conclusion in (
            Conclusion.STEP,
            Conclusion.SEGMENT,
            Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET,
        )


def test_few_forks_are_begun_in_ignorance():
    """However many may be in flight, at first it is two, and one more for each eight that are known."""
    wide = Config(20, batch=32, barrier=False, seed=4)
    state, most = init(wide), 0
    for made in range(60):
        probes = plan(state)
        if not probes:
            break
        assert len(probes) <= 2 + made // 8
        most = max(most, len(probes))
        state = observe(state, probes[0], outcome(probes[0], FALLEN))
    assert most > 2


def test_a_fluke_has_no_drop():
    known = report(after(Config(20, final=None), (0.85,) * 21))

    assert known.conclusion is Conclusion.NO_DROP and not known.named
    assert known.total.high < 1


def test_a_drop_that_is_spread_is_diffuse_or_a_segment():
    known = report(after(Config(20, seed=2), tuple(0.9 * (1 - n / 20) for n in range(21))))

    assert known.conclusion in (Conclusion.DIFFUSE, Conclusion.SEGMENT) and not known.named


def test_without_the_budget_for_it_nothing_is_named():
    known = report(after(Config(20, max_forks=6), FALLEN))

    assert known.conclusion is Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET and not known.named
    assert known.forks == 6


def test_a_search_without_a_budget_ends_before_it_begins():
    state = init(Config(20, max_forks=0))

    assert plan(state) == () and state.conclusion is Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET


def test_a_step_between_two_arms_of_which_one_breaks_is_not_named_but_its_segment_is():
    def grade(probe):
        if probe.arm == 8:
            return Grade.DIVERGED
        return Grade.SUCCESS if probe.arm < 8 else Grade.FAILURE

    known = report(given(Config(20), grade))

    assert not known.named and known.untrusted == (7, 8)
    assert known.conclusion is Conclusion.SEGMENT and known.segment == (7, 9)


def test_a_step_whose_forks_break_no_more_than_half_of_the_time_is_named_still():
    def grade(probe):
        if probe.draw % 3 == 0:
            return Grade.ERROR
        return Grade.SUCCESS if probe.arm < 8 else Grade.FAILURE

    known = report(given(Config(20), grade))

    assert [drop.step for drop in known.named] == [7] and known.broken


@pytest.mark.parametrize("undefined", [Grade.AMBIGUOUS, Grade.CENSORED])
def test_undefined_forks_count_against_the_step_under_test(undefined):
    clear, vague = (
        given(
            Config(20),
            lambda p, odd=odd: odd if p.draw % 4 == 3 else Grade.SUCCESS if p.arm < 8 else Grade.FAILURE,
        )
        for odd in (Grade.ERROR, undefined)
    )

    assert [drop.step for drop in report(vague).named] == [7]
    assert report(vague).undefined and report(vague).forks > report(clear).forks
    assert report(vague).named[0].interval.low < 1 == report(vague).named[0].interval.high


@pytest.mark.slow
def test_a_fork_that_is_slow_because_it_succeeds_bends_nothing():
    """Failures come home first, eight in flight: what is taken in is the same as one by one."""
    config, curve = Config(20, batch=8, barrier=False, final=None), (0.6,) * 10 + (0.5,) * 11
    false = 0
    for seed in range(60):
        *_, state = states(
            init(Config(20, batch=8, barrier=False, final=None, seed=seed)), draw_from(curve), hasty=True
        )
        false += bool(report(state).named)

    assert false <= 3
    assert config.margin == pytest.approx(curve[9] - curve[10])


def test_a_stopped_search_does_not_leave_out_what_was_slow():
    state = init(Config(20, batch=3, seed=5))
    first, second = plan(state)
    state = stop(observe(state, second, Grade.FAILURE))

    assert state.arms[first.arm].undefined == 1
    assert state.forks == 1
    assert not any(tally.total for arm, tally in enumerate(state.arms) if arm not in (first.arm, second.arm))


def test_a_search_that_is_given_more_goes_on_where_it_was():
    cut = after(Config(20, max_forks=8), FALLEN)
    more = extend(cut)
    while probes := plan(more):
        more = observe(more, probes[0], Grade.SUCCESS if probes[0].arm < 8 else Grade.FAILURE)

    assert cut.conclusion is Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET
    assert [drop.step for drop in report(more).named] == [7]
    assert extend(more).conclusion is Conclusion.STEP and plan(extend(more)) == ()


def test_a_wrong_prior_costs_forks_and_names_nothing_false():
    prior = tuple(20.0 if step == 15 else 1.0 for step in range(20))

    state = after(Config(20, prior=prior), FALLEN)

    assert [drop.step for drop in report(state).named] == [7]


def test_dear_arms_are_tried_less():
    cheap = after(Config(20, seed=9), FALLEN)
    dear = after(Config(20, seed=9, prices=(10**6,) * 5 + (1,) * 16), FALLEN)

    assert sum(t.total for t in dear.arms[:5]) <= sum(t.total for t in cheap.arms[:5])


def test_probes_are_planned_only_while_their_worst_price_fits():
    config = Config(20, max_cost=50.0, prices=(20.0,) * 21, batch=8)

    assert len(plan(init(config))) == 2


def test_a_seed_is_that_of_its_probe():
    probe = Probe.of(7, 3, 1, Kind.EXPLORE)

    assert probe.seed == int.from_bytes(sha256(b"7:3:1").digest()[:8], "big")
    assert all(Probe.of(7, p.arm, p.draw, p.kind) == p for p in plan(init(Config(9, seed=7))))


def test_alpha_is_spent_on_nominations_to_a_half_at_most():
    drift = tuple(0.9 * (1 - n / 30) for n in range(31))
    for seed in range(5):
        state = after(Config(30, seed=seed), drift)
        assert sum(n.alpha for n in state.nominations) <= 0.025
        assert len({n.alpha for n in state.nominations}) == len(state.nominations)


def test_a_run_of_one_step_can_be_searched():
    assert [drop.step for drop in report(after(Config(1), (0.9, 0.0))).named] == [0]


@pytest.mark.parametrize(
    "wrong",
    [
        {"n": 0},
        {"batch": 0},
        {"alpha": 0.0},
        {"alpha": 1.0},
        {"margin": 0.3},
        {"delta": 1.5},
        {"final": 2.0},
        {"prices": (1.0,)},
        {"prices": (1.0, 1.0, -1.0)},
        {"prices": (1.0, 1.0, math.inf)},
        {"prior": (1.0,)},
        {"prior": (1.0, 0.0)},
    ],
)
def test_a_configuration_that_means_nothing_is_refused(wrong):
    with pytest.raises(ValueError):
        Config(**{"n": 2} | wrong)


def test_a_probe_that_nobody_asked_for_is_refused():
    state = init(Config(5))

    with pytest.raises(ValueError, match="not asked for"):
        observe(state, Probe.of(0, 0, 77, Kind.EXPLORE), Grade.SUCCESS)


def test_a_decision_among_300_steps_takes_some_milliseconds():
    began = time.process_time()
    state = simulate(Config(300), (0.9,) * 171 + (0.1,) * 129 + (0.0,), 4)

    assert (time.process_time() - began) / state.forks < 0.01


def test_the_order_of_outcomes_does_not_matter_behind_a_barrier():
    serial, reverse = (after(Config(20, seed=6), FALLEN, order) for order in (in_turn, backwards))

    assert serial == reverse


def test_a_search_that_may_not_explore_gives_up_honestly():
    known = report(after(Config(20, tuning=Tuning(explore=1, survey=1)), FALLEN))

    assert not known.named


def test_forks_that_only_break_deny_nothing():
    known = report(given(Config(1, final=1.0, max_forks=6), lambda _: Grade.ERROR))
    assert known.conclusion is Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET
