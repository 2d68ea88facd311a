"""What `import tracefork` shows, and what it costs."""

from __future__ import annotations

import pickle
import subprocess
import sys
import traceback
import types

import pytest

import tracefork

CONTRACT = """
record replay resume fork current verify averify tool Session Verdict Tape Exchange Draw Effect
Request Response Fault Fork Branch TapeStore save load dumps loads digest diff TraceforkError Divergence
backends transports providers redact testing errors
""".split()


def test_all_is_sorted_and_equal_to_what_is_visible():
    assert tracefork.__all__ == sorted(tracefork.__all__)
    assert set(tracefork.__all__) == {name for name in dir(tracefork) if not name.startswith("_")}
    assert set(CONTRACT) <= set(tracefork.__all__)


@pytest.mark.parametrize("name", tracefork.__all__)
def test_every_public_name_resolves_and_no_module_shadows_it(name):
    value = getattr(tracefork, name)

    assert isinstance(value, types.ModuleType) == (name in tracefork._SUBMODULES)


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no_such"):
        tracefork.no_such  # noqa: B018


def test_importing_it_imports_no_library():
    heavy = "httpx httpx2 zstandard cattrs anyio sqlite3 attrs typer rich hypothesis logging asyncio".split()
    code = f"import sys, tracefork; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_errors_pickle_and_print(tmp_path):
    import copy
    import pickle

    from tracefork import errors
    from tracefork.core.values import Call, Request

    asked = Request("POST", "http://m/", (), b"x")
    made = [
        errors.Divergence(3, asked, asked),
        errors.Stalled(1, asked, asked, patience=3.0, open_calls=("lane 'a'",)),
        errors.Unfinished((asked,), 2),
        errors.Refused("1.2.3.4:5", "agent.py:3 in main"),
        errors.InDoubt(Call("mail", "{}")),
        errors.RedactedSecret("[secret:jwt]", "http://m/"),
        errors.InDoubt(Call("mail", "{}"), Call("mail", "[]"), "blame"),
        errors.Unrecordable("an argument", "object"),
        errors.UnrecordedTools(("book", "pay")),
        errors.EditUnused("$.a is 1", 3, "nothing is there", "$.b"),
        errors.EditRefused("$.a is 1", "http://m/", "it is signed"),
        errors.EditMissing("agents:Polite"),
        errors.BadPrices("has no models", "prices.json"),
        errors.BadFilter("since", "soon", "give a time ago"),
        errors.BadCassette("its request has no URL", "one.yaml", "interaction 3, line 7"),
        errors.Exhausted(2, asked),
        errors.NotFound("x", ("y",)),
        errors.RunExists("x"),
        errors.Truncated("it stops", "byte 3"),
    ]
    for error in made:
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error)
        assert str(again) == str(error) != ""
        assert str(copy.copy(error)) == str(error)


def test_errors_are_shown_as_they_are_imported_and_kept_as_they_are_found():
    def agent():
        raise tracefork.TraceforkError("no")

    with pytest.raises(tracefork.TraceforkError) as caught, tracefork.record() as run:
        agent()

    assert "tracefork.TraceforkError: no" in "".join(traceback.format_exception(caught.value))
    assert run.tape.outcome.type == "tracefork.errors.TraceforkError"
    assert pickle.loads(pickle.dumps(tracefork.Divergence)) is tracefork.Divergence


@pytest.mark.parametrize(("before", "today"), tracefork._MOVED.items())
def test_modules_that_guides_named_are_found_by_those_names(before, today):
    code = f"import {before} as b, {today} as t; assert b is t and t.__name__ == t.__spec__.name == {today!r}"
    subprocess.run([sys.executable, "-c", code], check=True)
