"""What a run did not pay again: counted once, by what answered, and never guessed."""

import json
from datetime import date
from decimal import Decimal

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Exchange, Fault, Request, Response, Tape
from tracefork.core.values import Call, Draw, Effect, Reading, Reply, Source
from tracefork.providers import anthropic, openai
from tracefork.providers.prices import Price, Prices
from tracefork.report.savings import Bill, Savings, add_bills, count_savings
from tracefork.testing import strategies

PRICES = Prices(date(2026, 11, 25), {"m": Price(Decimal(1), Decimal(10))})
MESSAGES = "https://api.anthropic.com/v1/messages"
PAGE = Exchange(Request("GET", "https://page.example"), Response(200))
DRAW = Draw(Source("clock"), Reading("1"))


def ask(text, tokens=1_000_000, model="m"):
    asked = {"model": model, "messages": [{"role": "user", "content": text}]}
    request = Request("POST", MESSAGES, (), json.dumps(asked).encode())
    return Exchange(request, anthropic.text("yes", input_tokens=tokens, output_tokens=100_000)(request))


def use(name):
    return Effect(Call(name, "{}"), Reply("returned"))


def count(parent, steps, origins):
    return count_savings(Tape(tuple(parent)), Tape(tuple(steps)), origins, prices=PRICES)


def test_what_is_served_is_saved_and_what_is_live_is_spent():
    parent = [ask("a"), DRAW, use("look"), ask("b"), PAGE]
    steps = [ask("a"), DRAW, use("look"), ask("c", 500_000), PAGE, use("book")]

    found = count(parent, steps, {0: 0, 1: 1, 2: 2, 4: 4})

    assert found == Savings(
        served=2,
        live=1,
        unasked=1,
        saved=Bill(1, 1_000_000, 100_000, Decimal(2)),
        spent=Bill(1, 500_000, 100_000, Decimal("1.5")),
        tools_served=1,
        tools_run=1,
    )
    assert str(found) == (
        "2 served, 1 live; $2.00 not spent again, $1.50 spent; tools: 1 served, 1 run; "
        "1 step not asked any more"
    )


def test_it_is_said_as_shortly_as_it_can_be():
    many = Savings(41, 3, saved=Bill(41, 9, 9, Decimal("0.92")), spent=Bill(3, 9, 9, Decimal("0.07")))

    assert str(many) == "41 served, 3 live; $0.92 not spent again, $0.0700 spent"
    assert str(Savings()) == "0 served, 0 live; $0.00 not spent again, $0.00 spent"


def test_a_step_that_was_asked_again_live_is_no_step_that_nobody_asks():
    parent = [ask("a"), ask("a"), ask("b"), use("look")]

    assert count(parent, [ask("a"), ask("b")], {0: 0}).unasked == 2


def test_a_price_that_is_not_known_is_said_and_tokens_stand_where_none_is():
    some = count([ask("a"), ask("b", model="new")], [ask("a"), ask("b", model="new")], {0: 0, 1: 1})
    none = count([ask("b", model="new")], [ask("b", model="new")], {0: 0})

    assert some.saved == Bill(2, 2_000_000, 200_000, Decimal(2), ("new",))
    assert str(some).endswith("$2.00 not spent again, $0.00 spent; no price is known for new (1 call)")
    assert "1,100,000 tokens not spent again" in str(none)


def test_an_answer_that_does_not_say_its_tokens_and_one_that_cannot_be_read_are_not_free():
    asked = Request("POST", "https://a.example/model/nova/converse", (), b'{"messages": []}')
    stream = Request("POST", "https://a.example/chat/completions", (), b'{"model": "m", "stream": true}')

    bill = add_bills(
        [Exchange(asked, Response(200, (), (b"{}",))), Exchange(stream, openai.text("a")(stream))]
    )

    assert (bill.calls, bill.usd, bill.unpriced) == (2, 0, ("nova", "m"))


def test_what_is_fetched_again_is_paid_once():
    url = "https://api.openai.com/v1/responses"
    usage = {"input_tokens": 1_000_000, "output_tokens": 0}

    def fetched(status, **more):
        body = json.dumps({"id": "resp_1", "status": status, "model": "m", "output": [], **more}).encode()
        return Exchange(Request("GET", f"{url}/resp_1"), Response(200, (), (body,)))

    queued = Exchange(Request("POST", url, (), b'{"model": "m", "input": "x"}'), fetched("queued").answer)
    done = fetched("completed", usage=usage)

    paid = Bill(1, 1_000_000, 0, Decimal(1))
    assert add_bills([queued, fetched("in_progress"), done, done], PRICES) == paid
    assert add_bills([queued, fetched("in_progress")], PRICES) == Bill(1, unpriced=("m",))
    assert add_bills([done, done], PRICES) == paid
    assert add_bills([queued, queued], PRICES).calls == 2


def test_what_a_server_keeps_costs_nothing_and_what_is_embedded_does():
    kept = Exchange(
        Request("POST", "https://api.openai.com/v1/threads", (), b"{}"),
        Response(200, (), (b'{"id": "thread_1", "object": "thread"}',)),
    )
    vector = {"model": "m", "data": [{"embedding": [1.0]}], "usage": {"prompt_tokens": 1_000_000}}
    embedded = Exchange(
        Request("POST", "https://api.openai.com/v1/embeddings", (), b'{"model": "m", "input": "x"}'),
        Response(200, (), (json.dumps(vector).encode(),)),
    )

    assert add_bills([kept, embedded], PRICES) == Bill(1, 1_000_000, 0, Decimal(1))


def test_pages_faults_and_errors_cost_nothing():
    failed = evolve(ask("a"), answer=Fault("ConnectError"))
    busy = evolve(ask("a"), answer=anthropic.error("overloaded_error", "busy")(ask("a")))
    strange = evolve(ask("a"), answer=Response(500, (), (b"<html>",)))

    assert add_bills([PAGE, failed, busy, strange, DRAW, use("look")]) == Bill()


def test_an_origin_that_is_not_there_is_an_error():
    with pytest.raises(IndexError):
        count([], [ask("a")], {0: 0})


@given(strategies.tapes(), st.data())
def test_a_run_that_was_served_all_of_another_spends_nothing_and_leaves_nothing(tape, data):
    origins = {n: n for n in range(len(tape.steps))}
    some = data.draw(st.sets(st.sampled_from(list(origins)))) if origins else set()

    whole = count_savings(tape, tape, origins)
    part = count_savings(tape, tape, {n: n for n in some})

    assert (whole.live, whole.unasked, whole.spent, whole.tools_run) == (0, 0, Bill(), 0)
    assert whole.served == len(tape)
    assert part.unasked == 0, "an equal question was asked, live"
    assert part.served + part.live == len(tape)
    assert part.tools_served + part.tools_run == len(tape.effects)
    assert (part.saved + part.spent).calls == whole.saved.calls


@given(strategies.tapes(), strategies.tapes())
def test_nothing_served_is_nothing_saved(parent, tape):
    found = count_savings(parent, tape, {})

    assert (found.served, found.tools_served, found.saved) == (0, 0, Bill())
    assert found.unasked <= len(parent.exchanges) + len(parent.effects)
    assert str(found)
