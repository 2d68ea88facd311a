"""The page about the architecture says what the code and the contract say, and the tree keeps its form."""

from __future__ import annotations

import importlib.util
import re
from itertools import combinations
from pathlib import Path

import pytest

import tracefork

ROOT = Path(tracefork.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "concepts" / "architecture.md"
MOST_LINES = 400
LONGER = {"errors.py"}
"""Every error, drawn as one tree, is one file."""


def drawing():
    spec = importlib.util.spec_from_file_location("layers", PAGE.parents[1] / "layers.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_as_it_would_be_drawn():
    assert PAGE.read_text() == drawing().page(), "run `python docs/layers.py`"


def test_there_are_no_more_layers_than_a_reader_can_hold():
    assert len(drawing().layers()) <= 14


def test_the_files_that_the_page_names_are_there():
    named = re.findall(r"`((?:\w+/)+\w+\.py)`", PAGE.read_text())

    assert len(named) > 15
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_the_root_has_three_files():
    assert sorted(file.name for file in ROOT.glob("*.py")) == ["__init__.py", "__main__.py", "errors.py"]


@pytest.mark.parametrize("pattern", ["**/*.py", "**/*.js"])
def test_no_file_is_too_long_to_be_read(pattern):
    files = {str(f.relative_to(ROOT)): f.read_text().count("\n") for f in ROOT.glob(pattern)}

    assert {name: n for name, n in files.items() if n > MOST_LINES and name not in LONGER} == {}


def test_no_two_packages_import_each_other():
    """Of packages that stand beside each other, and of those within them."""
    edges = set()
    for file in ROOT.rglob("*.py"):
        here = ("tracefork", *file.relative_to(ROOT).parent.parts)
        for dots, name in re.findall(r"^\s*from (\.+)([\w.]*) import", file.read_text(), re.MULTILINE):
            there = (*here[: len(here) - len(dots) + 1], *filter(None, name.split(".")))
            if not ROOT.joinpath(*there[1:]).is_dir():
                there = there[:-1]
            edges |= {
                (here[:n], there[:m])
                for n in range(2, len(here) + 1)
                for m in range(2, len(there) + 1)
                if here[: min(n, m)] != there[: min(n, m)]
            }
    packages = sorted({a for a, _ in edges} | {b for _, b in edges})

    assert len(packages) > 20
    assert [(a, b) for a, b in combinations(packages, 2) if (a, b) in edges and (b, a) in edges] == []
