"""The text of a check: what a test makes of it, and where it is refused."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

import tracefork
from tracefork.errors import BadCheck, PinRefused
from tracefork.testing.pins.checks import parse_check, try_check


def is_short(result):
    return len(result) < 5


def is_of_one_call(result, tape):
    return len(tape) == 1


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("lambda result: 'Rome in result", 16, "does not compile"),
        ("lambda result, :", 0, "does not compile"),
        ("", 0, "does not compile"),
        ("'Rome'", 1, "a lambda of the result"),
        ("print", 1, "a lambda of the result"),
        ("lambda: True", 1, "arguments are to be the result"),
        ("lambda *r: r", 1, "arguments are to be the result"),
        ("lambda result, tape, x: x", 1, "arguments are to be the result"),
        ("lambda result, x=1: x", 1, "arguments are to be the result"),
        ("lambda result: pandas.isna(result)", 16, "a test does not know pandas"),
        ("lambda result: [x for x in result if y]", 38, "a test does not know y"),
        ("lambda result: ('Rome' in result, 'is true')", 16, "always hold"),
        ("lambda result: (x for x in result)", 16, "always hold"),
        ("lambda hold: hold", 8, "a test has hold for something else"),
        ("lambda result: (yield)", 17, "gives no answer at once"),
        ("lambda result: await result", 0, "does not compile|at once"),
        ("lambda result: \x00", 0, "does not compile"),
        ("lambda result: " + "(" * 300 + "1" + ")" * 300, 0, "does not compile"),
        ("nowhere:check", 0, "cannot be imported"),
        ("json:nothing", 0, "names nothing that can be called"),
    ],
)
def test_what_no_test_can_be_made_of_is_refused_with_its_place(text, column, said):
    with pytest.raises(BadCheck, match=said) as caught:
        parse_check(text)

    assert caught.value.column == column or not column
    assert isinstance(caught.value, PinRefused) and isinstance(caught.value, ValueError)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_the_place_in_several_lines_is_told_with_its_line():
    with pytest.raises(BadCheck) as caught:
        parse_check("lambda result: (\n  'Rome' in result\n  and nobody)")

    assert (caught.value.line, caught.value.column) == (3, 7)
    assert str(caught.value).startswith("line 3, character 7 of the check")


@pytest.mark.parametrize(
    ("text", "parameters", "asserts", "modules"),
    [
        ("lambda result: 'Rome' in result", ("result",), [('"Rome" in result',)], ()),
        ("lambda r: r and not r.isupper()", ("r",), [("r",), ("not r.isupper()",)], ()),
        ("lambda r: len(r) == 1 or len(r) == 2 or (r if r else 0)", ("r",), None, ()),
        ("lambda r, t: json.loads(r)['a'] == t", ("r", "t"), [('json.loads(r)["a"] == t',)], ("json",)),
        ("lambda r: re.search('a\"b', r)", ("r",), [("re.search('a\"b', r)",)], ("re",)),
        ("lambda r: any(re == x for re in r for x in r)", ("r",), None, ()),
        ("  lambda r: (y := len(r)) > 2 and y < 9 ", ("r",), [("(y := len(r)) > 2",), ("y < 9",)], ()),
    ],
)  # fmt: skip
def test_a_lambda_is_asserts_and_imports(text, parameters, asserts, modules):
    check = parse_check(text)

    assert (check.parameters, check.modules) == (parameters, modules)
    assert asserts is None or list(check.asserts) == asserts


def test_operands_of_or_stand_apart_and_keep_their_brackets():
    [operands] = parse_check("lambda r: len(r) == 1 or len(r) == 2 or (r if r else 0) or (x := r)").asserts

    assert operands == ("len(r) == 1", "len(r) == 2", "(r if r else 0)", "(x := r)")


TEXTS = st.text(st.characters(codec="utf-8"), max_size=9)


@given(TEXTS, TEXTS)
def test_what_an_assert_says_is_what_the_lambda_says(wanted, result):
    check = parse_check(f"lambda result: {wanted!r} in result or result == {wanted!r} and not {wanted!r}")
    source = " or ".join(f"({one})" for one in check.asserts[0])

    assert bool(eval(source, {"result": result})) == (not try_check(check, result, None))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lambda result: result == 'Oslo'", ""),
        ("lambda result: None", "does not hold of the result, which is 'Oslo'"),
        ("lambda result: result['city']", "it raises TypeError"),
        ("lambda result: __import__('asyncio').sleep(0)", "asynchronous"),
        ("lambda result: __import__('numpy').array([1, 2])", "cannot be told: ValueError"),
        (f"{__name__}:is_short", ""),
        (f"{__name__}:is_of_one_call", "does not hold"),
    ],
)
def test_it_is_tried_on_a_result(text, said, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, __name__, __import__("sys").modules[__name__])
    found = try_check(parse_check(text), "Oslo", tracefork.Tape())

    assert said in found and bool(found) == bool(said)


def test_a_result_that_cannot_be_shown_is_named():
    class Strange:
        def __repr__(self):
            raise ValueError("no")

    assert "a Strange" in try_check(parse_check("lambda r: 0"), Strange(), None)
