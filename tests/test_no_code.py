"""Nothing that is read is ever run: no module of ours imports or calls what makes code of data."""

import ast
from pathlib import Path

import pytest

import tracefork

FORBIDDEN = {"pickle", "_pickle", "cPickle", "marshal", "shelve", "dill", "yaml", "ruamel", "jsonpickle"}
CALLS = {"eval", "exec", "compile", "__import__"}
COMPARES = {"session/tools/code_hash.py"}
"""May compile the source of a function that is imported here, to compare it: nothing of it is run."""
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
    is_compared = path.relative_to(FOLDER).as_posix() in COMPARES
    calls = CALLS - {"compile"} if is_compared else CALLS

    assert list(offences(path.read_text("utf-8"), calls)) == []


@pytest.mark.parametrize(
    "source", ["import pickle", "from yaml import load", "import os, marshal", "eval('1')", "x = exec(y)"]
)
def test_what_does_is_seen(source):
    assert list(offences(source)) == [1]
