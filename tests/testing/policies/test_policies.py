"""A policy of a test: each rule, what breaks it, where, and what is said."""

from __future__ import annotations

import json
import pickle
from datetime import date
from decimal import Decimal

import httpx
import pytest
from attrs import evolve
from conducts import MESSAGES, answers, asks, runs, says, tape
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork import Exchange, Fault, Request, Response, Tape
from tracefork.errors import PolicyBroken, TraceforkError
from tracefork.providers import anthropic
from tracefork.providers.prices import Price, Prices
from tracefork.testing import Policy, policy
from tracefork.testing.policies.policy import read_policy
from tracefork.testing.scripted import by_rule, transport

TRIP = tape(
    asks("search", {"to": "Rome"}),
    runs("search", "Rome"),
    asks("book", {"city": "Rome", "seats": 2}),
    runs("book", "Rome", seats=2),
    says(),
)


def found(subject=TRIP, **rules):
    return [(b.step, b.rule, b.call) for b in policy(**rules).check(subject)]


def message(subject=TRIP, **rules):
    [breach] = policy(**rules).check(subject)
    return str(breach)


KEPT = {
    "tools": ["search", "book"],
    "never": ["delete", "pay*"],
    "must": ["book"],
    "order": ["search", "book"],
    "at_most": {"book": 1, "pay": 0},
    "arguments": {"book": {"city": "Rome"}},
    "models": ["claude-sonnet-4-5"],
    "max_calls": 3,
    "max_tokens": 10_000,
    "max_usd": 0.05,
}


@pytest.mark.parametrize("rule", KEPT)
def test_a_run_keeps_each_rule_alone_and_all_together(rule):
    assert found(**{rule: KEPT[rule]}) == []
    policy(**KEPT).hold(TRIP)


@pytest.mark.parametrize(
    ("rules", "step", "call", "said"),
    [
        ({"tools": ["search"]}, 1, 1, 'book(city="Rome", seats=2) was called: only search may be'),
        ({"never": ["book"]}, 1, 1, 'book(city="Rome", seats=2) was called: book never may be'),
        ({"never": ["bo*"]}, 1, 1, "bo* never may be"),
        ({"must": ["pay"]}, None, None, "pay was never called, only search and book"),
        ({"order": ["book", "search"]}, 0, 0, 'search(to="Rome") was called before book was'),
        ({"order": ["look", "book"]}, 1, 1, "was called before look was"),
        ({"at_most": {"book": 0}}, 1, 1, "is call 1 of book: at most 0 may be made"),
        ({"arguments": {"book": {"city": "Oslo"}}}, 1, 1, 'city has to be "Oslo"'),
        ({"arguments": {"book": {"day": 3}}}, 1, 1, "day has to be 3"),
        ({"arguments": {"book": lambda given: given["seats"] < 2}}, 1, 1, "its arguments will not do"),
        ({"arguments": {"book": lambda given: given["day"]}}, 1, 1, "raised KeyError('day')"),
        ({"max_calls": 2}, 2, None, "3 calls of models were answered: at most 2 may be"),
        ({"max_tokens": 1}, 0, None, "tokens were taken by then: at most 1 may be"),
        ({"max_usd": "0.00001"}, 0, None, "was spent by then: at most $0.00001 may be"),
    ],
)
def test_what_breaks_a_rule_is_told_with_its_place(rules, step, call, said):
    breaches = policy(**rules).check(TRIP)

    assert [(breach.step, breach.call) for breach in breaches] == [(step, call)]
    assert said in str(breaches[0]) and f"({breaches[0].rule}=)" in str(breaches[0])
    assert str(breaches[0]).startswith("the run: " if step is None else f"step {step}: ")


def test_of_an_empty_list_no_tool_may_be_called_and_no_model_asked():
    assert found(tools=[]) == [(0, "tools", 0), (1, "tools", 1)]
    assert 'search(to="Rome") was called: no tool may be' in str(policy(tools=[]).check(TRIP)[0])
    assert len(found(models=[])) == 3


def test_models_are_named_as_the_question_has_them_with_or_without_a_date():
    dated = tape(says(model="gpt-4o-2024-08-06", url="https://api.openai.com/v1/chat/completions"))

    assert found(dated, models=["gpt-4o"]) == [] == found(dated, models=["gpt-4o-*"])
    assert found(dated, models=["gpt-4o-mini"]) == [(0, "models", None)]
    assert "the model gpt-4o-2024-08-06 was asked: only o3 may be" in message(dated, models=["o3"])
    refused = tape(answers(Response(429), model="o9"))
    assert found(refused, models=["claude-*"]) == [(0, "models", None)], "it was asked, whatever came of it"


# -- names ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["book", "BOOK", "shop:book", "bo*", "shop:*", "*", "shop_book"])
def test_a_tool_is_named_in_part_whole_or_by_a_pattern(name):
    on_a_server = tape(runs("shop:book", city="Rome"))

    assert found(on_a_server, never=[name]) == [(None, "never", 0)]
    assert found(on_a_server, tools=[name]) == []


@pytest.mark.parametrize("name", ["other:book", "books", "boo", "o*", "sh*p:pay", "shop", "shop_*_x"])
def test_other_names_are_other_tools(name):
    on_a_server = tape(runs("shop:book", city="Rome"))

    assert found(on_a_server, never=[name]) == []
    assert found(on_a_server, tools=[name]) == [(None, "tools", 0)]


def test_a_name_in_another_script_lets_no_other_through():
    assert found(tape(runs("删除")), tools=["搜索"]) == [(None, "tools", 0)]


# -- order ------------------------------------------------------------------------------------


def order(names, called):
    return [b.call for b in policy(order=list(names)).check(tape(*(runs(name) for name in called)))]


@pytest.mark.parametrize("called", ["", "s", "sb", "sxb", "ssb", "sbs", "sbsb", "xsxbx", "sss"])
def test_others_may_come_between_and_what_had_its_turn_may_come_again(called):
    assert order("sb", called or "x") == []


@pytest.mark.parametrize(("called", "at"), [("b", 0), ("xb", 1), ("bs", 0), ("bsb", 0)])
def test_what_comes_before_its_turn_breaks_the_order_once(called, at):
    assert order("sb", called) == [at]


@pytest.mark.parametrize(
    ("names", "called", "broken"),
    [
        ("ssb", "sb", [1]),
        ("ssb", "ssb", []),
        ("ssb", "sxsb", []),
        ("sbsp", "ssbp", [3]),
        ("sbsp", "sbsp", []),
        ("sbsp", "sbp", [2]),
    ],
)
def test_what_stands_twice_has_to_come_twice(names, called, broken):
    assert order(names, called) == broken


@given(st.text("abx", max_size=8))
def test_by_an_order_of_two_the_second_never_comes_before_the_first(called):
    seen = called.find("b") >= 0 and "a" not in called[: called.find("b")]

    assert bool(order("ab", called or "x")) == seen


def test_a_tool_that_a_person_let_run_is_where_it_ran():
    approved = tape(asks("book"), runs("approve"), runs("book"))

    assert found(approved, order=["approve", "book"]) == []
    assert found(approved, order=["book", "approve"]) == [(0, "order", 0)]


# -- arguments --------------------------------------------------------------------------------


def test_what_ran_has_to_fit_as_what_was_asked_for():
    changed = tape(asks("book", {"city": "Rome"}), runs("book", "Oslo"))

    assert 'book("Oslo") ran, and book(city="Rome") was asked for: city has to be "Rome"' in message(
        changed, arguments={"book": {"city": "Rome"}}
    )
    assert found(changed, arguments={"book": lambda given: given["city"] == "Rome"}) == [(0, "arguments", 0)]
    assert found(changed, at_most={"book": 1}) == []


@pytest.mark.parametrize(
    "ran", [runs("book", "Rome"), runs("book", city="Rome"), runs("book", {"to": ["Rome"]})]
)
def test_names_of_arguments_may_be_the_tools_own(ran):
    assert found(tape(asks("book", {"city": "Rome"}), ran), arguments={"book": {"city": "Rome"}}) == []
    assert found(tape(ran), arguments={"book": {"city": "Rome"}}) == []
    assert len(found(tape(ran), arguments={"book": {"city": "Oslo"}})) == 1


def test_a_function_has_arguments_without_a_name_by_their_place():
    seen = []
    policy(arguments={"book": lambda given: seen.append(given) or True}).check(
        tape(runs("book", "Rome", n=2))
    )

    assert seen == [{0: "Rome", "n": 2}]


@pytest.mark.parametrize("value", [True, 1.5, "1", None, [1], {"a": 1}])
def test_a_value_of_another_kind_is_another_value(value):
    assert found(tape(runs("book", n=1)), arguments={"book": {"n": value}}) == [(None, "arguments", 0)]
    assert found(tape(runs("book", n=value)), arguments={"book": {"n": value}}) == []


def test_a_call_with_text_that_is_no_object_is_told():
    bare = tape(asks("sh", build=lambda name, given: anthropic.tool_use("sh", {})))
    odd = json.dumps({"choices": [{"message": {"tool_calls": [
        {"id": "1", "type": "custom", "custom": {"name": "sh", "input": "ls /"}}]}}]}).encode()  # fmt: skip
    custom = tape(answers(Response(200, (), (odd,)), url="https://api.openai.com/v1/chat/completions"))

    assert found(bare, arguments={"sh": {"command": "ls"}}) == [(0, "arguments", 0)]
    assert 'sh("ls /")' in message(custom, never=["sh"])
    assert "no JSON object" in message(custom, arguments={"sh": {"command": "ls"}})
    assert found(custom, arguments={"sh": lambda given: given[0] == '"ls /"'}) == []


# -- totals -----------------------------------------------------------------------------------


def test_a_call_that_was_refused_is_none_and_one_that_broke_off_is():
    said = says(stream=True)
    cut = evolve(said, answer=evolve(said.answer, chunks=said.answer.chunks[:2], end=Fault("E", "gone")))
    counted = says(url=f"{MESSAGES}/count_tokens")
    overloaded = answers(Response(200, (), (b'{"type":"error","error":{"type":"overloaded_error"}}',)))
    other = Exchange(Request("GET", "https://example.org/"), Response(200))
    broken = answers(Fault("ConnectError", "no"))

    refused = [answers(Response(429)), answers(Response(529)), overloaded, counted, other, broken]
    assert found(tape(*refused), max_calls=0) == []
    assert found(tape(*refused, said), max_calls=0) == [(6, "max_calls", None)]
    assert found(tape(cut, said), max_calls=1) == [(1, "max_calls", None)]


def test_the_sum_is_told_once_where_it_became_too_high():
    one = tape(says())
    each = next(n for n in range(1, 999) if not found(one, max_tokens=n))
    many = tape(*[says() for _ in range(5)])

    assert found(many, max_tokens=3 * each - 1) == [(2, "max_tokens", None)]
    assert found(many, max_tokens=5 * each) == []


def test_a_price_that_is_not_known_is_no_silent_pass():
    mine = tape(says(model="my-model"), says(model="my-model"))
    [breach] = policy(max_usd=5).check(mine)
    table = Prices(date(2026, 11, 30), {"my-model": Price(Decimal(1), Decimal(2))})

    assert breach.step == 0 and "no price of my-model is known" in str(breach) and "prices=" in str(breach)
    assert policy(max_usd=5, prices=table).check(mine) == ()
    assert found(mine, max_usd=0.00001, prices=table)[0][:2] == (0, "max_usd")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"choices":[{"message":{"content":"x"}}],"model":"gpt-4o"}', "does not say"),
        (b"what", "nobody here can read"),
        (b'data: {"choices":[{"delta":{"content":"x"}}],"model":"gpt-4o"}\n\n', "broke off"),
    ],
)
def test_tokens_that_are_not_known_are_none_either(body, said):
    kind = (("content-type", "text/event-stream" if body.startswith(b"data") else "application/json"),)
    one = tape(
        answers(
            Response(200, kind, (body,)), url="https://api.openai.com/v1/chat/completions", model="gpt-4o"
        )
    )

    for rules in ({"max_tokens": 1000}, {"max_usd": 1}):
        assert said in message(one, **rules)
    assert found(one, max_calls=1) == []


def test_an_embedding_of_unknown_cost_is_told():
    asked = answers(
        Response(200, (), (b'{"data":[]}',)), url="https://api.openai.com/v1/embeddings", model="e-3"
    )

    assert "how many tokens e-3 took is not known" in message(tape(asked), max_usd=1)


@pytest.mark.parametrize(
    ("path", "body", "is_hidden"),
    [
        ("generate", {"inputs": "x", "tools": [{"name": "delete"}]}, True),
        ("generate", {"inputs": "x", "tools": []}, False),
        ("model/meta.llama3/invoke", {"prompt": "x"}, False),
        ("v1/embeddings", {"input": "x", "model": "e"}, False),
        ("v1/threads/thread_1/runs", {"assistant_id": "asst_1"}, True),
        ("v1/unknown", {"tools": ["x"]}, False),
    ],
)
def test_an_answer_that_may_ask_for_tools_and_cannot_be_read_is_told(path, body, is_hidden):
    request = Request("POST", f"https://host/{path}", (), json.dumps(body).encode())
    one = tape(Exchange(request, Response(200, (), (b'{"generation":"?"}',))))

    for rules in ({"never": ["delete"]}, {"tools": []}, {"at_most": {"delete": 0}}, {"order": ["a", "b"]}):
        assert [b.rule for b in policy(**rules).check(one)] == [*rules] * is_hidden
    assert found(one, max_calls=1) == []


def test_what_is_made_in_the_background_is_one_call_that_costs_what_is_fetched():
    url = "https://api.openai.com/v1/responses"
    queued = answers(
        Response(200, (), (b'{"id":"resp_1","status":"queued","output":[]}',)), url=url, model="gpt-5"
    )
    usage = {"input_tokens": 1000, "output_tokens": 1000}
    done = {"id": "resp_1", "status": "completed", "output": [], "model": "gpt-5", "usage": usage}
    fetched = [
        Exchange(Request("GET", f"{url}/resp_1", (), b""), Response(200, (), (json.dumps(body).encode(),)))
        for body in ({"id": "resp_1", "status": "in_progress", "output": []}, done, done)
    ]

    assert found(tape(queued, *fetched), max_calls=1, max_tokens=2000, max_usd=1) == []
    assert len(found(tape(queued, *fetched), max_tokens=1999)) == 1
    assert len(found(tape(queued, fetched[0]), max_tokens=1999)) == 1, "it is not known yet"


# -- what it says -------------------------------------------------------------------------------


def test_all_breaches_are_told_the_earliest_first():
    rules = policy(max_calls=1, never=["book"], must=["pay"], arguments={"search": {"to": "Oslo"}})
    with pytest.raises(PolicyBroken) as caught:
        rules.hold(TRIP)

    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["step 0", "step 1", "step 1", "the run"]
    assert isinstance(caught.value, AssertionError) and isinstance(caught.value, TraceforkError)
    assert caught.value.breaches == rules.check(TRIP)
    again = pickle.loads(pickle.dumps(caught.value))
    assert str(again) == str(caught.value) and again.breaches == caught.value.breaches


def test_the_short_form_fits_what_pytest_leaves_whole_and_steers_no_terminal():
    hostile = tape(runs("delete\x1b[2J", "\x1b]0;x\x07" * 99, note="a\nb"))
    [breach] = policy(never=["delete*"]).check(hostile)

    assert len(repr((breach,))) < 240 and repr(breach).startswith("<the run: delete")
    assert str(breach).isprintable()


def test_an_empty_tape_vouches_for_nothing():
    assert [b.rule for b in policy(never=["x"]).check(Tape())] == ["empty"]


def test_secrets_are_shown_as_their_names(monkeypatch):
    monkeypatch.setenv("SHOP_API_KEY", "very-long-secret-value-1")
    with tracefork.record() as run:
        run.call("pay", lambda key: key, "very-long-secret-value-1")

    assert "[secret:SHOP_API_KEY]" in message(run, never=["pay"])


# -- how it is made -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({}, "a rule at least"),
        ({"must": ["book"], "never": ["bo*"]}, "book is to be called, and never may be"),
        ({"order": ["shop:book"], "never": ["shop:book"]}, "never may be"),
        ({"must": ["book"], "tools": ["pay"]}, "only others may be"),
        ({"max_usd": -1}, "amount of USD"),
        ({"max_usd": "much"}, "amount of USD"),
        ({"max_usd": float("nan")}, "amount of USD"),
        ({"max_usd": True}, "amount of USD"),
        ({"max_calls": -1}, "max_calls"),
        ({"at_most": {"book": -1}}, "at_most="),
        ({"at_most": {"book": "1"}}, "at_most="),
    ],
)
def test_what_makes_no_sense_is_refused(rules, said):
    with pytest.raises(ValueError, match=said.replace("*", r"\*")):
        policy(**rules)


@pytest.mark.parametrize(
    "rules", [{"never": [3]}, {"tools": [""]}, {"arguments": {"x": 3}}, {"max_calls": "3"}]
)
def test_what_is_of_another_kind_is_refused(rules):
    with pytest.raises(TypeError):
        policy(**rules)
    with pytest.raises(ValueError):
        read_policy(rules)


def test_what_is_no_run_is_refused():
    with pytest.raises(TypeError, match="a tape or a run"):
        policy(never=["x"]).check("tests/booking.tape")


def test_a_policy_is_a_value_and_a_file_holds_one():
    rules = {
        "tools": ["book"],
        "at_most": {"book": 1},
        "arguments": {"book": {"city": "Rome"}},
        "max_usd": 0.5,
    }

    assert read_policy(rules) == policy(**rules) and hash(read_policy(rules)) == hash(policy(**rules))
    assert policy(never="book") == policy(never=["book"]) != policy(never=["b", "ook"])
    assert pickle.loads(pickle.dumps(policy(**rules))) == policy(**rules)
    assert isinstance(policy(**rules), Policy)
    with pytest.raises(ValueError, match="no rule 'tool'; it has tools, never"):
        read_policy({"tool": ["book"]})


# -- a real run -------------------------------------------------------------------------------------


@tracefork.tool
def look(word):
    return f"{word}: see there"


@tracefork.tool(agent=True)
def research(client, topic):
    answer = client.post(MESSAGES, json={"model": "claude-sonnet-4-5", "messages": [{"content": topic}]})
    return look(answer.json()["content"][-1]["input"]["word"])


def test_a_run_with_a_sub_agent_is_held_as_it_goes_on_and_after(tmp_path):
    model = by_rule(anthropic.tool_use("look", {"word": "bee"}))
    with (
        httpx.Client(transport=transport(model, httpx)) as client,
        tracefork.record(tmp_path / "runs.db") as run,
    ):
        run.call("start", lambda: 1)
        research.__wrapped__(client, "bees")
        assert found(run, max_calls=1, order=["start", "look"], at_most={"look": 1}) == []
    assert found(run, max_calls=0, never=["look"]) == [(0, "max_calls", None), (0, "never", 1)]
    assert found(run.tape, max_calls=1, tools=["start", "look"], models=["claude-*"]) == []
    assert "only start may be" in message(run, tools=["start"])
