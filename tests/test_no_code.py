"""Nothing that is read is ever run: no module of ours imports or calls what makes code of data."""

import ast
import json
import re
from pathlib import Path

import pytest

import tracefork
from tracefork.core.values import RETURNED
from tracefork.testing.pins.pin import _find_starting
from tracefork.testing.pins.places import Places
from tracefork.testing.pins.text import Planned, write_test

FORBIDDEN = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "yaml", "ruamel", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
COMPARES = {"session/tools/code_hash.py"}
"""May compile the source of a function that is imported here, to compare it: nothing of it is run."""
TYPED = {"testing/pins/lambdas.py"}
"""Makes code of what the user has typed as such, the check of `tracefork pin`: of nothing that is read."""
FOLDER = Path(tracefork.__file__).parent


def offences(source, calls=CALLS):
    """Lines that import one of FORBIDDEN, or call one of `calls`."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                names = {alias.name.split(".")[0] for alias in names}
            case ast.ImportFrom(module=str(module), level=0):
                names = {module.split(".")[0]}
            case ast.Call(func=ast.Name(id=name)) if name in calls:
                names = FORBIDDEN
            case _:
                continue
        if names & FORBIDDEN:
            yield node.lineno


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_no_module_makes_code_of_data(path):
    name = path.relative_to(FOLDER).as_posix()
    allowed = {"compile"} if name in COMPARES else {"compile", "eval"} if name in TYPED else set()

    assert list(offences(path.read_text("utf-8"), CALLS - allowed)) == []


def test_what_is_typed_reaches_what_makes_code_of_it_by_one_way():
    importing = [
        path
        for path in FOLDER.rglob("*.py")
        if re.search(r"import.*make_function|pins.*lambdas", path.read_text())
    ]

    assert [path.relative_to(FOLDER).as_posix() for path in importing] == ["testing/pins/checks.py"]


def test_nothing_that_a_tape_says_is_code_in_a_test_that_is_made_of_it(tmp_path):
    evil = '"); open("harmed", "w").close(); ("'
    words = json.dumps(["agent.py", evil, "\\", "\n", '"""', "{evil}", "'"])
    tape = tracefork.Tape(run_id=evil, agent_name=evil, outcome=RETURNED, meta={"command": words})
    places = Places(tmp_path / "x.tape", tmp_path / "test_x.py", "test_x")
    tree = ast.parse(write_test(Planned(places, _find_starting(tape, None))))
    literals = [node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)]

    assert set(json.loads(words)) <= set(literals)
    calls = {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    assert calls == {"Path", "Path(__file__).with_name", "script", "hold"}


@pytest.mark.parametrize(
    "source", ["import pickle", "from yaml import load", "import os, marshal", "eval('1')", "x = exec(y)"]
)
def test_what_does_is_seen(source):
    assert list(offences(source)) == [1]
