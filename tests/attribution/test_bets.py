"""Bets on paired differences: exact chances that they mislead, over all that pairs can come to."""

from __future__ import annotations

import math
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.attribution.statistics import bets
from tracefork.attribution.statistics.intervals import Interval

PAIRS = 24
RATES = 0.05, 0.3, 0.5, 0.8, 0.95


def ever(reached, before, after):
    """The chance that `reached(ups, downs, equals)` is true after one of the pairs of such rates."""
    up, down = before * (1 - after), after * (1 - before)
    alive, gone = {(0, 0): 1.0}, 0.0
    for n in range(1, PAIRS + 1):
        found = {}
        for (ups, downs), mass in alive.items():
            for key, share in (
                ((ups + 1, downs), up),
                ((ups, downs + 1), down),
                ((ups, downs), 1 - up - down),
            ):
                found[key] = found.get(key, 0.0) + mass * share
        alive = {}
        for (ups, downs), mass in found.items():
            if reached(ups, downs, n - ups - downs):
                gone += mass
            else:
                alive[ups, downs] = mass
    return gone


def seen(ups, downs, equals):
    counts = ((-1.0, downs), (0.0, equals), (1.0, ups))
    return bets.Differences(tuple(pair for pair in counts if pair[1]))


@pytest.mark.parametrize("after", RATES[:-1])
def test_a_drop_of_just_the_margin_is_called_more_at_most_once_in_twenty(after):
    needed = -math.log(0.05)
    gone = ever(lambda *n: bets.weigh_above(seen(*n), 0.1) >= needed, min(1, after + 0.1), after)
    assert gone <= 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("before", "after"), [pair for pair in product(RATES, RATES) if pair[0] >= pair[1]])
def test_an_interval_holds_though_one_looks_after_each_of_24_pairs(before, after):
    truth = before - after
    missed = ever(lambda *n: truth not in bets.bound_mean(seen(*n), 0.025), before, after)
    assert missed <= 0.05


@pytest.mark.parametrize(("before", "after", "within"), [(0.95, 0.05, 12), (0.9, 0.0, 12), (0.8, 0.2, 24)])
def test_a_large_drop_is_shown_soon(before, after, within):
    needed = -math.log(0.05)
    shown = ever(lambda *n: sum(n) <= within and bets.weigh_above(seen(*n), 0.1) >= needed, before, after)
    assert shown >= 0.5


def test_pairs_of_providers_that_take_turns_are_alike():
    assert bets.weigh_above(bets.of([1.0, -1.0] * 20), 0.1) < 0


def test_a_side_whose_rate_is_known_tells_more():
    seen = bets.of([1.0] * 3)
    assert bets.weigh_above(seen, 0.1, least=0.0) > bets.weigh_above(seen, 0.1)


@given(st.lists(st.floats(-1, 1), max_size=30), st.floats(-0.9, 0.9))
def test_order_and_sides_do_not_count(differences, margin):
    one, other = bets.of(differences), bets.of(reversed(differences))
    assert one == other
    turned = bets.of([-value for value in differences])
    assert bets.weigh_below(one, margin) == pytest.approx(bets.weigh_above(turned, -margin))
    found = bets.bound_mean(one, 0.05)
    assert -1 <= found.low <= (one.mean or 0) + 1e-9 and (one.mean or 0) - 1e-9 <= found.high <= 1


def test_of_nothing_nothing_is_known():
    assert bets.bound_mean(bets.NONE, 0.05) == Interval(-1.0, 1.0)
    assert bets.NONE.mean is None
    assert bets.weigh_above(bets.NONE, 0.1) == pytest.approx(0)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: bets.of([1.5]),
        lambda: bets.of([math.nan]),
        lambda: bets.weigh_above(bets.NONE, 1.0),
        lambda: bets.weigh_above(bets.of([-0.5]), 0.1, least=0.0),
        lambda: bets.bound_mean(bets.NONE, 0.0),
    ],
)
def test_what_is_out_of_range_is_refused(wrong):
    with pytest.raises(ValueError):
        wrong()
