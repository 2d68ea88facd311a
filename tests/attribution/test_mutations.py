"""Mutations give another answer of the same vendor's, the same one each time; where they cannot, None."""

from __future__ import annotations

import json
import pickle

import pytest
from attrs import evolve
from providers.payloads import ANSWERS, ANTHROPIC, CHAT, GEMINI, QUESTIONS, RESPONSES

from tracefork import Exchange, Request, Response
from tracefork.attribution.mutations import Corrupt, Drop, Field, Mislead, Poison, Text, Truncate, mutate
from tracefork.core.values import Fault
from tracefork.providers import anthropic, gemini, openai, read

VENDORS = [
    ("https://api.anthropic.com/v1/messages", anthropic, "tool_use"),
    ("https://api.openai.com/v1/chat/completions", openai, "tool_call"),
    ("https://api.openai.com/v1/responses", openai, "tool_call"),
    ("https://g.example/v1beta/models/gemini-2.5-flash:generateContent", gemini, "tool_use"),
]
SAID = "one two three four five six seven eight nine ten"


def exchange(url, builder, *, stream=False):
    body = {"model": "m", "messages": []} | ({"stream": True} if stream else {})
    asked = Request("POST", url, (), json.dumps(body).encode())
    return Exchange(asked, builder(asked))


@pytest.fixture(params=VENDORS, ids=lambda v: v[0].partition("/v1")[2])
def vendor(request):
    return request.param


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("mutation", "expected"),
    [
        (Text("something else"), "something else"),
        (Drop(), ""),
        (Truncate(0.5), SAID[:24]),
        (Mislead("The price is 0."), f"{SAID}\nThe price is 0."),
    ],
)
def test_the_text_is_another(vendor, mutation, expected, stream):
    url, module, _ = vendor
    before = exchange(url, module.text(SAID), stream=stream)
    after = evolve(before, answer=mutate(mutation, before))

    assert read.completion(after).text == expected
    assert mutation(before) == mutation(before)


def test_corrupted_words_are_some_of_the_words_in_another_order(vendor):
    url, module, _ = vendor
    before = exchange(url, module.text(SAID))
    words = [read.completion(evolve(before, answer=Corrupt(seed)(before))).text.split() for seed in range(5)]

    assert all(set(w) < set(SAID.split()) and len(w) == 7 for w in words)
    assert len({tuple(w) for w in words}) > 1
    assert Corrupt(3)(before) == Corrupt(3)(before)


@pytest.mark.parametrize("stream", [False, True])
def test_one_argument_of_a_tool_call_is_poisoned(vendor, stream):
    url, module, name = vendor
    before = exchange(
        url, getattr(module, name)("book", {"seat": "7A", "meal": True}, text="So:"), stream=stream
    )
    after = evolve(before, answer=Poison("seat", "66Z")(before))
    (call,) = read.completion(after).calls

    assert (call.name, json.loads(call.arguments)) == ("book", {"seat": "66Z", "meal": True})
    assert call.id == read.completion(before).calls[0].id
    assert read.completion(after).text == "So:"


@pytest.mark.parametrize(
    "mutation", [Text(SAID), Mislead(""), Truncate(1), Poison("seat", "7A"), Poison("row", 1)]
)
def test_what_changes_nothing_is_none(vendor, mutation):
    url, module, name = vendor
    builder = (
        getattr(module, name)("book", {"seat": "7A"}) if isinstance(mutation, Poison) else module.text(SAID)
    )
    assert mutate(mutation, exchange(url, builder)) is None


@pytest.mark.parametrize(
    "mutation", [Text("x"), Drop(), Truncate(), Corrupt(), Mislead("x"), Poison("a", 1), Field("$.a", 1)]
)
def test_a_fault_is_not_changed(mutation):
    asked = Request("POST", "http://model/")
    assert mutate(mutation, Exchange(asked, Fault("ConnectError", "no route"))) is None


def test_where_no_vendor_is_known_the_body_is_the_text():
    page = Exchange(Request("GET", "http://shop/"), Response(200, (("x", "y"),), (b"in stock",)))
    assert Text("sold out")(page) == page.response.with_body(b"sold out")
    assert Truncate()(page) == page.response.with_body(b"in s")


@pytest.mark.parametrize(
    ("path", "value", "body", "expected"),
    [
        ("$.a", 2, {"a": 1}, {"a": 2}),
        ("$.new", 2, {"a": 1}, {"a": 1, "new": 2}),
        ("$.a[-1].b", None, {"a": [1, {"b": 3}]}, {"a": [1, {"b": None}]}),
        ("$.a", 1, {"a": 1}, None),
        ("$.a.b", 1, {"a": 1}, None),
        ("$.a[5]", 1, {"a": [1]}, None),
    ],
)
def test_one_field_is_another(path, value, body, expected):
    page = Exchange(Request("GET", "http://shop/"), Response(200, (), (json.dumps(body).encode(),)))
    answer = mutate(Field(path, value), page)
    assert (answer and json.loads(answer.body)) == expected


@pytest.mark.parametrize("path", ["$", "a", "$."])
def test_a_field_has_a_path(path):
    with pytest.raises(ValueError, match=r"path|whole"):
        Field(path, 1)


@pytest.mark.parametrize("api", [ANTHROPIC, CHAT, GEMINI, RESPONSES])
def test_real_answers_are_read_again_after_each_mutation(api):
    asked = Request("POST", api, (), json.dumps(QUESTIONS[api]).encode())
    before = Exchange(asked, Response(200, (), (json.dumps(ANSWERS[api]).encode(),)))
    for mutation in (Text("x"), Drop(), Truncate(), Corrupt(), Mislead("x")):
        answer = mutate(mutation, before)
        assert answer is None or read.completion(evolve(before, answer=answer)) is not None


def test_mutations_can_be_sent_to_another_process():
    for mutation in (
        Text("x"),
        Drop(),
        Truncate(0.2),
        Corrupt(4),
        Mislead("x"),
        Poison("a", [1]),
        Field("$.a", 1),
    ):
        assert pickle.loads(pickle.dumps(mutation)) == mutation
