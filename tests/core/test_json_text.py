"""JSON that is changed as text: what is changed is as in a tree, what is not is as it was, to the letter."""

from __future__ import annotations

import json
from copy import deepcopy

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracefork.core.json_paths import EVERY, parse_path
from tracefork.core.json_text import Ambiguous, read_document

TEXTS = st.text(max_size=6) | st.sampled_from(["a", "\ud800", '"', "\\", "é", "🚆", "/"])
LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
TREES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=12,
)
STYLES = st.sampled_from(
    [
        {},
        {"ensure_ascii": False},
        {"separators": (",", ":")},
        {"separators": (",", ":"), "ensure_ascii": False},
        {"indent": 2},
    ]
)


def places(tree, at=()):
    yield at
    if isinstance(tree, dict | list):
        for key, value in tree.items() if isinstance(tree, dict) else enumerate(tree):
            yield from places(value, (*at, key))


def walk(tree, place):
    for key in place:
        tree = tree[key]
    return tree


@st.composite
def documents(draw):
    """A tree, its document, and a place in it that is not the whole."""
    tree = draw(
        st.lists(TREES, min_size=1, max_size=4) | st.dictionaries(TEXTS, TREES, min_size=1, max_size=4)
    )
    place = draw(st.sampled_from([p for p in places(tree) if p]))
    return tree, read_document(json.dumps(tree, **draw(STYLES))), place


def same(text, tree):
    return json.dumps(json.loads(text)) == json.dumps(tree)


@given(documents(), TREES)
def test_what_is_put_at_a_place_is_there_and_all_else_as_it_was(given_document, value):
    tree, document, place = given_document
    wanted = deepcopy(tree)
    walk(wanted, place[:-1])[place[-1]] = value

    changed = document.put(place, value)

    assert json.loads(changed.text) == json.loads(json.dumps(wanted))
    assert changed.put(place, value) is changed
    assert document.put(place, document.value(place)) is document


@given(documents())
def test_what_is_dropped_is_gone_and_all_else_as_it_was(given_document):
    tree, document, place = given_document
    wanted = deepcopy(tree)
    del walk(wanted, place[:-1])[place[-1]]

    assert same(document.drop(place).text, wanted)


@given(documents())
def test_everything_in_a_value_is_dropped_at_once(given_document):
    tree, document, place = given_document
    wanted = deepcopy(tree)
    walk(wanted, place[:-1]).clear()

    assert same(document.drop((*place[:-1], EVERY)).text, wanted)


@given(st.lists(TREES, max_size=4), STYLES, TREES, st.data())
def test_what_is_inserted_stands_where_it_was_to_stand(items, style, value, data):
    document = read_document(json.dumps(items, **style))
    at = data.draw(st.integers(0, len(items)))

    assert same(document.insert((at,), value).text, [*items[:at], value, *items[at:]])
    assert same(document.append((), value).text, [*items, value])


def replaced(tree, text, by):
    match tree:
        case str():
            return tree.replace(text, by)
        case list():
            return [replaced(item, text, by) for item in tree]
        case dict():
            return {key: replaced(value, text, by) for key, value in tree.items()}
    return tree


@example({"\ud800": "\ud800\ud800"}, {}, "\ud800", "")
@example(["\\n", "\n"], {"ensure_ascii": False}, "n", '"')
@given(TREES, STYLES, TEXTS.filter(bool), TEXTS)
def test_a_text_is_replaced_in_every_string_and_in_no_key(tree, style, text, by):
    document = read_document(json.dumps(tree, **style))

    assert json.loads(document.replace(text, by).text) == json.loads(json.dumps(replaced(tree, text, by)))


RAW = '{ "n": 1.0, "big": 1e400, "twice": 1, "twice": 2,\n  "s": "\\/\\u00e9\\ud800 x", "t": [1.50, -0] }'


def test_to_the_letter():
    document = read_document(RAW)

    assert document.put(("n",), 2).text == RAW.replace("1.0", "2")
    assert document.put(("new",), "é").text == RAW.replace(" }", ', "new": "\\u00e9" }')
    assert document.replace("x", "y").text == RAW.replace(" x", " y")
    assert document.replace("é", "e").text == RAW.replace("\\u00e9", "e")
    assert document.drop(("t", -1)).text == RAW.replace(", -0", "")
    assert document.put(("t", 0), 1.5) is document


def test_a_key_that_stands_twice_is_not_chosen_between():
    with pytest.raises(Ambiguous, match="twice"):
        read_document(RAW).put(("twice",), 3)


@pytest.mark.parametrize("text", ["", "{", "[1,]", '{"a": 1} x', "[" * 100_000, "nil"])
def test_what_is_no_json_is_no_document(text):
    assert read_document(text) is None


def test_what_is_not_there_is_not_made_but_for_a_last_key():
    document = read_document('{"a": [1], "b": "x"}')

    for place in [("c", "d"), ("a", 1), ("b", "x"), ("a", "x"), ()]:
        with pytest.raises(KeyError):
            document.put(place, 1)
    with pytest.raises(KeyError):
        document.append(("b",), 1)
    assert document.drop(("c",)) is document


def test_many_places_are_changed_at_once():
    document = read_document(json.dumps({"messages": [{"role": "user", "content": "x" * 500}] * 2000}))

    changed = document.put(parse_path("$.messages[*].content"), "y")

    assert json.loads(changed.text) == {"messages": [{"role": "user", "content": "y"}] * 2000}
