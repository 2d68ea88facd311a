"""Oracles say True, False or None, of what an agent returned or of what its tape says last."""

from __future__ import annotations

import asyncio
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Exchange, Request, Response, Tape
from tracefork.attribution.oracles import JsonPath, Judge, Regex, ask_oracle, check_answer, final_text
from tracefork.core.values import Fault
from tracefork.providers import anthropic

URL = "https://api.anthropic.com/v1/messages"
ASKED = Request("POST", URL, (), b'{"model": "claude-haiku-4-5", "max_tokens": 9, "messages": []}')
EMPTY = Tape()


def said(*texts):
    return Tape(steps=tuple(Exchange(ASKED, anthropic.text(text)(ASKED)) for text in texts))


def test_the_final_text_is_the_result_or_else_what_a_model_said_last():
    tape = said("first", "last")
    assert final_text("mine", tape) == "mine"
    assert final_text(None, tape) == final_text({"a": 1}, tape) == "last"
    assert final_text(None, EMPTY) == ""


def test_the_final_text_of_a_run_that_ended_in_a_fault_or_elsewhere():
    broken = Exchange(ASKED, Fault("ConnectError", "no route"))
    page = Exchange(Request("GET", "http://shop/"), Response(200, (), (b"sold \xff out",)))
    assert final_text(None, Tape(steps=(*said("last").steps, broken))) == "last"
    assert final_text(None, Tape(steps=(*said("last").steps, page))) == "sold � out"


@pytest.mark.parametrize(
    ("pattern", "absent", "text", "expected"),
    [
        ("(?i)booked", False, "It is BOOKED.", True),
        ("booked", False, "It is BOOKED.", False),
        ("sorry", True, "It is booked.", True),
        ("sorry", True, "I am sorry.", False),
        ("", False, "", True),
    ],
)
def test_a_pattern_is_looked_for_anywhere(pattern, absent, text, expected):
    assert Regex(pattern, absent)(text, EMPTY) is expected


@pytest.mark.parametrize(
    ("path", "equals", "value", "expected"),
    [
        ("$.orders[0].state", "paid", {"orders": [{"state": "paid"}]}, True),
        ("$.orders[-1].state", "paid", {"orders": [{"state": "open"}, {"state": "paid"}]}, True),
        ("$.ok", True, '{"ok": true}', True),
        ("$.ok", True, '{"ok": 1}', False),
        ("$.n", 1, '{"n": 1.0}', True),
        ('$["a.b"][1]', None, {"a.b": [0, None]}, True),
        ("$", [1], [1], True),
        ("$.missing", True, {}, False),
        ("$.a.b", True, {"a": 3}, False),
        ("$[0]", "x", {"0": "x"}, False),
        ("$.a", True, "no JSON at all", False),
    ],
)
def test_a_path_is_followed_in_the_result_or_in_its_text(path, equals, value, expected):
    assert JsonPath(path, equals)(value, EMPTY) is expected


def test_a_path_that_leads_nowhere_may_be_no_answer():
    assert JsonPath("$.a", missing=None)({}, EMPTY) is None


@pytest.mark.parametrize("path", ["", "a", "$a", "$.", "$[", "$[x]", "$..a", "$.a[0]b"])
def test_what_is_no_path_is_refused_at_once(path):
    with pytest.raises(ValueError, match="is no path such as"):
        JsonPath(path)


@pytest.mark.parametrize("pattern", ["(", "[a", "*", "(?P<"])
def test_what_is_no_pattern_is_refused_at_once(pattern):
    with pytest.raises(ValueError, match="is no pattern"):
        Regex(pattern)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_result_is_judged(value):
    assert JsonPath("$.a[0]")(value, EMPTY) in (True, False)
    assert Regex("x")(value, EMPTY) in (True, False)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("YES", True),
        ("no.", False),
        (" **Yes**, it is", True),
        ("UNSURE", None),
        ("", None),
        ("maybe", None),
        ("nope", None),
    ],
)
def test_a_judge_is_read_by_its_first_word(answer, expected):
    asked = []
    judge = Judge(lambda prompt: asked.append(prompt) or answer, "Was the seat booked?")
    assert ask_oracle(judge, "It is booked.", EMPTY) is expected
    assert "Was the seat booked?" in asked[0]
    assert "It is booked." in asked[0]


def test_a_judge_may_be_awaited():
    async def ask(prompt):
        return "NO"

    assert asyncio.run(_await(ask_oracle(Judge(ask, "?"), "x", EMPTY))) is False


async def _await(what):
    return await what


@pytest.mark.parametrize(
    ("oracle", "expected"),
    [
        (lambda result: result == "r", True),
        (lambda result, tape: (result, tape) == ("r", EMPTY), True),
        (lambda result, *, tape: tape is EMPTY, True),
        (lambda result, tape=None: tape is EMPTY, True),
        (lambda result, strict=False: strict, False),
        (bool, True),
    ],
)
def test_an_oracle_is_given_the_tape_only_if_it_asks_for_it(oracle, expected):
    assert ask_oracle(oracle, "r", EMPTY) is expected


@pytest.mark.parametrize("answer", ["yes", 2, -1, [], object()])
def test_an_answer_that_is_none_is_refused(answer):
    with pytest.raises((TypeError, ValueError), match=r"None or a score|a score is within"):
        check_answer(answer, len)


@pytest.mark.parametrize("oracle", [Regex("a"), JsonPath("$.a[0]", 3), Judge(str.upper, "?")])
def test_oracles_can_be_sent_to_another_process(oracle):
    again = pickle.loads(pickle.dumps(oracle))
    assert again == oracle
    assert again("a", EMPTY) in (True, False, None)
