"""Edits as a run keeps them: written and read they are equal, and what makes no sense is said."""

from __future__ import annotations

import json
import pickle

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from tracefork.core.notes import EDITS
from tracefork.edits import (
    Append,
    Delete,
    Edit,
    Model,
    Replace,
    Set,
    SystemPrompt,
    Temperature,
    Tools,
    Where,
    describe,
)
from tracefork.edits.kept import KINDS, Planned, keep_edits, plan_edits
from tracefork.errors import CorruptTape, EditMissing

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PATHS = st.sampled_from(["$.a", "$['a.b'][0]", "$.messages[*].content"])
SOME = st.text(min_size=1)
EDITS_MADE = st.one_of(
    st.builds(Set, PATHS, VALUES),
    st.builds(Delete, PATHS),
    st.builds(Append, PATHS, VALUES),
    st.builds(Replace, SOME, st.text()),
    st.builds(Model, SOME),
    st.builds(SystemPrompt, st.text()),
    st.builds(Temperature, st.none() | st.floats(0, 2)),
    st.builds(Tools, st.dictionaries(st.text(), st.none() | st.text() | st.dictionaries(st.text(), VALUES))),
    st.builds(Tools, st.lists(st.dictionaries(st.text(), VALUES), max_size=2)),
)
WHERES = st.builds(Where, model=st.none() | SOME, host=st.none() | SOME, lane=st.none() | SOME)


@given(
    st.lists(st.builds(Planned, EDITS_MADE, st.integers(0, 9), round=st.integers(0, 3))), st.integers(0, 5)
)
def test_what_is_kept_is_read_again(planned, served):
    again = plan_edits(keep_edits(planned, served), ())

    assert again == tuple(evolve(one, first=max(one.first, served), is_new=False) for one in planned)
    assert keep_edits(again, 99) == keep_edits(planned, served)
    assert len(describe(keep_edits(planned))) == len(planned)


@given(EDITS_MADE, WHERES | st.none(), st.integers(0, 9) | st.none())
def test_an_edit_is_kept_with_what_it_is_for(edit, where, first):
    chosen = type(edit)(
        **{a.name: getattr(edit, a.name) for a in edit.__attrs_attrs__} | {"where": where, "first": first}
    )

    [kept] = plan_edits(keep_edits(plan_edits({}, [chosen])), ())

    assert (kept.edit.where, kept.first) == (where, first or 0)
    assert pickle.loads(pickle.dumps(chosen)) == chosen


def test_every_kind_is_tried_here():
    assert set(KINDS) == {
        "Set",
        "Delete",
        "Append",
        "Replace",
        "Model",
        "SystemPrompt",
        "Temperature",
        "Tools",
    }


def test_new_edits_come_after_those_of_the_tape_and_equal_ones_are_those():
    meta = keep_edits(plan_edits({}, [Model("a", first=2), Append("$.m", 1)]), 1)

    planned = plan_edits(meta, [Append("$.m", 1), Temperature(0, first=3), Model("a"), Model("b")])

    assert [(one.edit, one.first, one.is_new) for one in planned] == [
        (Model("a"), 2, False),
        (Append("$.m", 1), 1, False),
        (Temperature(0, first=3), 3, True),
        (Model("b"), 0, True),
    ]


def test_edits_are_of_one_round_that_were_given_together_and_begin_together():
    meta = keep_edits(plan_edits({}, [Model("a"), Temperature(0, first=2), Set("$.a", 1)]), 3)

    planned = plan_edits(meta, [Model("b"), Model("c", first=1)])

    assert [(one.first, one.round) for one in planned] == [(3, 0), (3, 1), (3, 0), (0, 2), (1, 3)]


class Own(Edit):
    def change(self, request):
        return request


def own(request):
    return request


@pytest.mark.parametrize("edit", [Own(where={"model": "a*"}), own, Own()])
def test_one_of_your_own_is_kept_by_name_and_given_again(edit):
    meta = keep_edits(plan_edits({}, [edit]))

    [planned] = plan_edits(meta, [edit])

    assert (planned.edit, planned.is_new) == (edit, False)
    with pytest.raises(EditMissing, match=r"(Own|own).*give it again by edits=\[(Own|own)\(\.\.\.\)\]"):
        plan_edits(meta, [Model("x")])
    assert "wn" in describe(meta)[0]


def test_a_class_of_your_own_with_the_name_of_ours_is_your_own():
    class Model(Edit):
        pass

    assert '"own"' in keep_edits([Planned(Model())])[EDITS]


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "3",
        "[3]",
        "[null]",
        '[{"edit": "Boom"}]',
        '[{"edit": "Set"}]',
        '[{"edit": "Set", "path": "a", "value": 1}]',
        '[{"edit": "Model", "name": 3}]',
        '[{"edit": "Model", "name": "x", "first": -1}]',
        '[{"edit": ["Set"]}]',
        '[{"edit": "Model", "name": "x", "first": true}]',
        '[{"edit": "Model", "name": "x", "where": {"path": "x"}}]',
        '[{"edit": "Model", "name": "x", "where": 3}]',
        '[{"own": "os:system", "name": "x"}]',
        '"' + "[" * 50_000,
        "[" * 50_000,
    ],
)
def test_what_makes_no_sense_is_a_corrupt_tape(text):
    with pytest.raises(CorruptTape, match="edits make no sense"):
        plan_edits({EDITS: text}, ())
    assert describe({EDITS: text}) == ("edits that make no sense",)


def test_edits_that_a_header_has_no_room_for_are_refused_at_once():
    with pytest.raises(ValueError, match="may take 36,000 characters: these are 40,0"):
        keep_edits([Planned(SystemPrompt("x" * 40_000))])


def test_each_is_described_in_a_plain_line():
    edits = [
        Model("small", first=4),
        SystemPrompt("Never book\nwithout asking. " * 9),
        Temperature(None),
        Temperature(0.5),
        Set("$.a", {"b": 1}),
        Delete("$.a"),
        Append("$.a", "x"),
        Replace("train", "bus", where=Where(model="claude-*", lane="a*")),
        Tools({"book": "B.", "pay": None, "fly": {"strict": True}}),
        Tools([{"name": "x"}, {"function": {}}]),
        own,
    ]

    lines = describe(keep_edits(plan_edits({}, edits)))

    assert lines[0] == "the model is small, from request 4 on"
    assert lines[1].startswith('the system prompt is "Never book\\nwithout asking.')
    assert lines[2:10] == (
        "the temperature is left to the vendor",
        "the temperature is 0.5",
        '$.a is {"b": 1}',
        "$.a is taken out",
        '"x" is added at $.a',
        '"bus" stands for "train", where model is claude-* and lane is a*',
        'the tool book is described as "B."; the tool pay is taken out; of the tool fly, strict is changed',
        "the tools are x, one",
    )
    assert lines[10].endswith(":own")
    assert json.loads(keep_edits(plan_edits({}, edits))[EDITS])[0] == {
        "edit": "Model",
        "name": "small",
        "first": 4,
        "round": 1,
    }
