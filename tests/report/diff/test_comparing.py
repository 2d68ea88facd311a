"""What differs, though Python or the eye takes it for the same; and what does not, though Python says so."""

from __future__ import annotations

import json

import pytest

import tracefork
from tracefork.core.trees import find_places


def tape(value):
    with tracefork.record(intercept=False) as run:
        run.call("set", lambda **_: {"now": value}, how={"deep": [value]})
    return run.tape


@pytest.mark.parametrize(("one", "other"), [(1, True), (0, False), (1.0, True)])
def test_a_flag_is_no_number(one, other):
    parting = tracefork.diff(tape(one), tape(other))

    assert parting is not None
    assert [where.difference.path for where in parting.every] == ["$.kwargs.how.deep[0]", "reply.now"]


@pytest.mark.parametrize("beside", [1, 2])
def test_a_number_is_the_same_with_and_without_a_point_whatever_stands_beside_it(beside):
    left, right = json.loads('{"t":1,"n":1}'), {"t": 1.0, "n": beside}
    places = find_places(left, right, forgive=lambda *_: False)

    assert [place.path for place in places] == ["$.n"] * (beside == 2)


def test_to_the_letter_they_are_not():
    assert [place.path for place in find_places([1], [1.0])] == ["$[0]"]


def test_texts_that_look_alike_are_spelled_so_that_they_do_not():
    parting = tracefork.diff(tape("\u00e9"), tape("e\u0301"))

    assert (parting.difference.recorded, parting.difference.asked) == (r"'\xe9'", r"'e\u0301'")
