"""What calls may cost and did, and that a budget is never exceeded, in whichever order forks end."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Exchange, Request, Response
from tracefork.attribution.forks.budget import (
    UNCAPPED,
    UNSEEN,
    Budget,
    Purse,
    Spent,
    cost_at_worst,
    cost_in_fact,
)
from tracefork.core.values import Fault, Omitted
from tracefork.providers import anthropic
from tracefork.providers.prices import Price, Prices

URL = "https://api.anthropic.com/v1/messages"
PRICES = Prices(
    date(2026, 1, 1), {"m": Price(Decimal(3), Decimal(15)), "long": Price(Decimal(1), Decimal(2), upto=50)}
)


def ask(model="m", **more):
    return Request("POST", URL, (), json.dumps({"model": model, "messages": [], **more}).encode())


def test_at_worst_each_byte_is_a_token_and_the_answer_is_as_long_as_it_may_be():
    asked = ask(max_tokens=100)
    size = len(asked.body)
    assert cost_at_worst(asked, PRICES) == Spent(1, size + 100, Decimal(size * 3 + 1500).scaleb(-6))


@pytest.mark.parametrize(
    ("more", "answer"),
    [
        ({"max_tokens": 7}, 7),
        ({"max_completion_tokens": 8}, 8),
        ({"max_output_tokens": 9}, 9),
        ({"generationConfig": {"maxOutputTokens": 10}}, 10),
        ({"max_tokens": 7, "n": 3}, 21),
        ({}, UNCAPPED),
        ({"max_tokens": "many"}, UNCAPPED),
        ({"max_tokens": True}, UNCAPPED),
        ({"generationConfig": 5}, UNCAPPED),
        ({"generationConfig": {"maxOutputTokens": 10, "candidateCount": 8}}, 80),
        ({"max_output_tokens": 9, "previous_response_id": "r"}, 9 + UNSEEN),
    ],
)
def test_the_limit_of_an_answer_is_read_as_each_vendor_spells_it(more, answer):
    asked = ask(**more)
    assert cost_at_worst(asked, PRICES).tokens == len(asked.body) + answer


def test_what_is_not_in_the_table_has_no_price_and_what_asks_no_model_costs_a_call():
    assert cost_at_worst(ask("unheard-of"), PRICES).usd is None
    assert cost_at_worst(Request("GET", "http://shop/"), PRICES) == Spent(1, 0, Decimal(0))


def test_beyond_the_length_for_which_a_price_holds_it_is_doubled():
    short, long = ask("long", max_tokens=1), ask("long", max_tokens=1, pad="x" * 90)
    assert cost_at_worst(short, PRICES).usd == Decimal(len(short.body) + 2).scaleb(-6)
    assert cost_at_worst(long, PRICES).usd == Decimal(len(long.body) + 2).scaleb(-6) * 2


def test_the_length_of_a_body_that_was_not_kept_counts():
    asked = Request("POST", URL, (), b"", Omitted(10_000, "0" * 64))
    assert cost_at_worst(asked, PRICES) == Spent(1, 10_000 + UNCAPPED, None)


def test_in_fact_it_is_what_the_answer_says():
    asked = ask(max_tokens=1000)
    answer = anthropic.text("hello", input_tokens=20, output_tokens=5)(asked)
    assert cost_in_fact(Exchange(asked, answer), PRICES) == Spent(1, 25, Decimal(60 + 75).scaleb(-6))


def test_in_fact_it_is_the_worst_where_nothing_was_said_and_nothing_where_it_was_refused():
    asked = ask(max_tokens=10)
    worst = cost_at_worst(asked, PRICES)
    assert cost_in_fact(Exchange(asked, Fault("ReadError", "gone")), PRICES) == worst
    assert cost_in_fact(Exchange(asked, Response(200, (), (b"{}",))), PRICES) == worst
    assert cost_in_fact(Exchange(asked, anthropic.error("overloaded_error", "busy")(asked)), PRICES) == Spent(
        1
    )


@pytest.mark.parametrize("wrong", [{"usd": 0}, {"usd": -1}, {"forks": 0}, {"tokens": 0}, {"seconds": -2}])
def test_a_budget_of_nothing_is_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Budget(**wrong)


def test_an_unknown_price_fits_no_budget_in_usd():
    assert not Purse(Budget(usd=1000)).fits(Spent(1, 1, None))
    assert Purse(Budget(tokens=10)).fits(Spent(1, 1, None))


costs = st.builds(Spent, st.integers(0, 9), st.integers(0, 50), st.integers(0, 50).map(Decimal))


@given(st.lists(st.tuples(costs, st.floats(0, 1), st.integers(0, 5)), max_size=40), st.integers(1, 8))
def test_no_order_of_ends_exceeds_the_budget(forks, forks_most):
    budget = Budget(usd=100, tokens=120, forks=forks_most)
    purse, flying, begun = Purse(budget), [], 0
    for worst, share, wait in forks:
        if purse.fits(worst):
            purse, begun = purse.reserve(worst), begun + 1
            flying.append((worst, share))
        if flying and wait == 0:
            most, of = flying.pop()
            spent = Spent(most.calls, int(most.tokens * of), most.usd * Decimal(str(of)))
            purse = purse.settle(most, spent)
        total = sum((w for w, _ in flying), purse.spent)
        assert total.usd <= 100
        assert total.tokens <= 120
        assert begun <= forks_most
