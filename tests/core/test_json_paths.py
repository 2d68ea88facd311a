"""Paths into JSON: written, read, and read by the matchers that had a reader of their own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Request
from tracefork.core.json_paths import EVERY, parse_path, parse_place, write_path
from tracefork.core.matching import canonical

KEYS = st.text(st.characters(codec="utf-8", exclude_characters="'")) | st.text(
    st.characters(codec="utf-8", exclude_characters='"')
)


@given(st.lists(KEYS | st.integers(-9, 9) | st.just(EVERY)))
def test_a_path_that_is_written_is_read_again(path):
    assert parse_path(write_path(path)) == tuple(path)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.messages[0].content", ("messages", 0, "content")),
        ("$.messages[-1]", ("messages", -1)),
        ("$.messages[*].*", ("messages", EVERY, EVERY)),
        ("$['a.b'][\"c'd\"]", ("a.b", "c'd")),
        ("$.a['*']", ("a", "*")),
        ("$.*a", ("*a",)),
    ],
)
def test_what_a_path_names(text, path):
    assert parse_path(text) == path


@pytest.mark.parametrize("text", ["", "a", "$a", "$.", "$..a", "$.a[", "$.a]", "$[x]", "$.a b['"])
def test_what_is_no_path_is_refused(text):
    with pytest.raises(ValueError, match="no path"):
        parse_path(text)


def test_where_one_place_is_wanted_several_are_refused():
    with pytest.raises(ValueError, match="several places"):
        parse_place("$.messages[*]")


def ignoring(path, one, other):
    matcher = canonical(ignoring=[path])
    return matcher(Request("POST", "u", (), one)) == matcher(Request("POST", "u", (), other))


@pytest.mark.parametrize(
    "path", ["$.a[0].b", "$.a.0.b", "$.a[*].b", "$.a.*.b", "$.a[-1].b", "$['a'][0]", "$a[0].b", "$..a.0.b"]
)
def test_a_matcher_leaves_out_what_its_paths_name_as_ever(path):
    assert ignoring(path, b'{"a": [{"b": 1}]}', b'{"a": [{"b": 2}]}')


def test_a_key_of_digits_is_left_out_of_an_object_too():
    assert ignoring("$.a[0]", b'{"a": {"0": 1}}', b'{"a": {"0": 2}}')
    assert not ignoring("$.a[1]", b'{"a": {"0": 1}}', b'{"a": {"0": 2}}')
