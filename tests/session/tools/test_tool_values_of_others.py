"""A tape from elsewhere, or from an older version: what it says of classes runs and imports nothing."""

from __future__ import annotations

import json
import os
import sys

import attrs
import pytest
from kinds import (
    Click,
    Dog,
    Loud,
    Odd,
    Puppy,
    raises,
    ran,
)

import tracefork
from tracefork.core.values import Reply
from tracefork.errors import CorruptTape, TraceforkError, Unrecordable
from tracefork.session.tools.python_values import are_same, decode, encode, encode_whole


@pytest.fixture(autouse=True)
def _anew():
    ran.clear()


HOSTILE = [
    {"$class": ["subprocess:Popen", {"args": ["ls"]}]},
    {"$class": ["os:system", ["ls"]]},
    {"$class": ["builtins:eval", "1"]},
    {"$class": ["builtins:object", {}]},
    {"$class": ["builtins:dict", {}]},
    {"$class": ["builtins:type", ["X", [], {}]]},
    {"$class": ["collections:UserDict", {}]},
    {"$class": ["pathlib:Path", "x"]},
    {"$class": ["threading:Thread", {}]},
    {"$class": ["tempfile:TemporaryDirectory", {"name": "/x"}]},
    {"$class": ["kinds:Dropping", {"path": "/x"}]},
    {"$class": ["no.such.module:Thing", {}]},
    {"$class": ["antigravity:x", {}]},
    {"$class": [":", {}]},
    {"$class": ["os", {}]},
    {"$class": 5},
    {"$class": [5, 5]},
    {"$class": ["collections:defaultdict", ["system", {}]]},
    {"$class": ["collections:defaultdict", ["os:system", {}]]},
    {"$class": ["builtins:UnicodeDecodeError", {"args": ["u", {"$bytes": "AA=="}, -5, -4, "x"]}]},
    {"$class": ["builtins:UnicodeDecodeError", {"args": ["u", "text", 0, 1, "x"]}]},
    {"$class": ["builtins:ValueError", {"args": [], "holds": {"__class__": 1}}]},
    {"$class": ["builtins:ValueError", {"args": [], "cause": "text"}]},
    {"$class": ["builtins:ValueError", {"args": [], "holds": {"with_traceback": 1}, "more": 1}]},
    {"$class": ["builtins:ExceptionGroup", {"args": ["g", ["no exception"]]}]},
    {"$zoned": ["2024-01-01T00:00:00", 0, "../../etc/passwd"]},
    {"$as_is": {"$class": ["os:system", 1]}},
]


@pytest.mark.parametrize("said", HOSTILE, ids=lambda said: json.dumps(said)[:60])
def test_a_tape_from_elsewhere_runs_and_imports_nothing(said, monkeypatch):
    modules = set(sys.modules)
    for name in ("system", "popen", "remove"):
        monkeypatch.setattr(os, name, lambda *args: ran.append(args))

    with pytest.raises(TraceforkError):
        decode(json.dumps(said))

    assert ran == [] and set(sys.modules) <= modules


MODULE = Dog.__module__


@pytest.mark.parametrize(
    "said",
    [
        {"name": {"evil": 1}, "__post_init__": 1},
        {"__init__": 1},
        {"__dict__": {}},
        {"__class__": 1},
        {"name": "x", "__setattr__": 2},
    ],
)
def test_a_tape_puts_nothing_in_the_place_of_a_method(said):
    with pytest.raises(CorruptTape):
        decode(json.dumps({"$class": [f"{MODULE}:Puppy", said]}))
    with pytest.raises(CorruptTape):
        decode(json.dumps({"$class": [f"{MODULE}:Point", {"norm": 1}]}))


def test_validators_constructors_and_setters_are_not_run():
    made = decode(json.dumps({"$class": [f"{MODULE}:Click", {"x": "no number"}]}))
    puppy = decode(json.dumps({"$class": [f"{MODULE}:Puppy", {"name": 5}]}))

    assert type(made) is Click and type(puppy) is Puppy and ran == []


def test_exceptions_are_made_without_being_asked():
    text = encode_whole(Loud("x"), "it")
    ran.clear()

    back = decode(text)

    assert type(back) is Loud and back.args == ("x",) and ran == []


def test_older_tapes_come_back_as_annotated():
    def dog() -> Dog:
        raise AssertionError

    def failing():
        raise AssertionError

    with tracefork.record() as run:
        run.call("dog", lambda: 1)
        with pytest.raises(KeyError):
            run.call("fail", lambda: {}[1])
    first, second = run.tape.effects
    old = attrs.evolve(
        run.tape,
        steps=(
            attrs.evolve(first, reply=Reply("returned", '{"name":"rex"}')),
            attrs.evolve(second, reply=Reply("raised", '["no",3]', f"{MODULE}.Odd")),
        ),
    )
    with tracefork.replay(old) as again:
        assert are_same(again.call("dog", dog), Dog("rex"))
        with pytest.raises(Odd) as caught:
            again.call("fail", failing)
    assert caught.value.args == ("no", 3)


def test_a_class_that_is_not_imported_is_named_and_not_imported(tmp_path, monkeypatch):
    (tmp_path / "lent.py").write_text("class Lent(Exception): pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import lent

    with tracefork.record() as run, pytest.raises(lent.Lent):
        run.call("fail", raises(lent.Lent("x")))
    monkeypatch.delitem(sys.modules, "lent")

    with pytest.raises(Unrecordable, match=r"lent\.Lent.*not imported"), tracefork.replay(run.tape) as again:
        again.call("fail", raises(ValueError()))
    assert "lent" not in sys.modules


def test_what_a_script_defined_is_found_where_its_tool_is_from(monkeypatch):
    text = encode(Dog("rex"), named=True).replace(f"{MODULE}:Dog", "__main__:Dog")

    assert are_same(decode(text, near=MODULE), Dog("rex"))
    with pytest.raises(Unrecordable):
        decode(text)
