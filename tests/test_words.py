"""Names that are not to come back: each meant several things, or was a participle where a verb was wanted."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import tracefork

ROOT = Path(tracefork.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))

GONE = frozenset(
    """
    said told aligned cell_of driven gathered judged meant nondet pacing rendered squeezed staged straying
    structured taped turns_of unblamed unstructured upkeep
    """.split()
)
"""Names of functions, values and modules here that told a newcomer neither what is done nor what it is."""

PARTICIPLES = re.compile(r"^_?[a-z]{3,}ed$")
NOT_PARTICIPLES = frozenset({"embed", "exceed", "feed", "need", "proceed", "seed", "speed", "succeed"})
SHOWN = frozenset({"listed", "recorded", "scrubbed", "succeeded"})
"""Functions that the documentation shows by these names."""


def bindings(tree):
    """Whatever a file gives a name to: functions, arguments, variables."""
    for node in ast.walk(tree):
        match node:
            case ast.FunctionDef(name) | ast.AsyncFunctionDef(name) | ast.ClassDef(name):
                yield name, node.lineno
            case ast.arg(name):
                yield name, node.lineno
            case ast.Name(name, ast.Store()):
                yield name, node.lineno


def functions(tree):
    """The functions of a module: not methods, nor what stands in a function."""
    return [node for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


@pytest.fixture(scope="module")
def trees():
    return {file.relative_to(ROOT).as_posix(): ast.parse(file.read_text("utf-8")) for file in FILES}


def test_no_name_that_is_gone_comes_back(trees):
    found = [
        f"{file}:{line} {name}"
        for file, tree in trees.items()
        for name, line in bindings(tree)
        if name in GONE
    ]

    assert found == []


def test_functions_are_verbs_and_no_participles(trees):
    found = [
        f"{file}:{node.lineno} {node.name}"
        for file, tree in trees.items()
        for node in functions(tree)
        if PARTICIPLES.match(node.name) and node.name.strip("_") not in NOT_PARTICIPLES | SHOWN
    ]

    assert found == []


def test_every_module_and_package_says_what_it_is(trees):
    assert [file for file, tree in trees.items() if not ast.get_docstring(tree)] == []


def test_the_list_finds_what_it_is_for():
    tree = ast.parse("def settled(): ...\ndef f(told):\n    said = told")

    assert {name for name, _ in bindings(tree)} & GONE == {"told", "said"}
    assert [node.name for node in functions(tree) if PARTICIPLES.match(node.name)] == ["settled"]
