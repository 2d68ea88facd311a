"""Texts that are parsed together, and each by itself: one is as good as the other, whatever they hold."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.providers import _json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
SNIPPETS = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    '"',
    "\\",
    '"a"',
    "1",
    "null",
    " ",
    "tracefork",
    "\\u0074racefork",
    "NaN",
    "\n",
]


@given(st.lists(VALUES.map(json.dumps) | st.lists(st.sampled_from(SNIPPETS)).map("".join)))
def test_what_is_parsed_together_is_what_each_text_says_alone(texts):
    assert repr(_json.parse_all(texts)) == repr([_json.parse(text) for text in texts])


@pytest.mark.parametrize(
    "texts",
    [
        ['{"a":[1', "2]}", "3,4"],
        ['{"a":[{}', "{}]}", "{},{}"],
        ['{"a":"', '"}', "1,2"],
        ['"\\', '"', "1"],
        ["[1]", "2],[3"],
        ["1", '2,"tracefork",3'],
        ["1", '2,"\\u0074racefork",3', "[4", "5]"],
        ["[1", '2,"\\u0074racefork"]', '3,"\\u0074racefork",4,"\\u0074racefork",5'],
        ["", "1"],
        [""],
        [],
        ["1" * 5000, "2"],
        ["[" * 100_000, "1"],
        ["0.10", "-0", "1E400", "Infinity", "true"],
    ],
)
def test_texts_that_would_be_something_else_together_are_not(texts):
    assert repr(_json.parse_all(texts)) == repr([_json.parse(text) for text in texts])


def test_a_number_too_long_for_python_stays_text_among_short_ones():
    assert _json.parse_all(['{"n":1}', '{"n":%s}' % ("7" * 5000)])[1] == {"n": _json.Verbatim("7" * 5000)}
