"""Each promise, and each limit, of docs/concepts/what-replay-promises.md names the tests that hold it."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "concepts" / "what-replay-promises.md"
PROMISE = re.compile(r"^\*\*(.+?)\*\*", re.MULTILINE)
NAMED = re.compile(r"`([\w/]+\.py)::(\w+)`")


def promises():
    text = PAGE.read_text("utf-8").partition("## Where it is tested")[0]
    starts = [found.start() for found in PROMISE.finditer(text)]
    parts = [text[low:high] for low, high in zip(starts, [*starts[1:], len(text)], strict=True)]
    return {PROMISE.match(part)[1]: NAMED.findall(part) for part in parts}


def names_in(file):
    tree = ast.parse((HERE / file).read_text("utf-8"))
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


@pytest.mark.parametrize(("promise", "named"), promises().items(), ids=promises())
def test_a_promise_names_tests_that_there_are(promise, named):
    assert named, f"no test is named for: {promise}"
    for file, test in named:
        assert test in names_in(file), f"{file} has no {test}"


def test_all_promises_were_found():
    assert len(promises()) > 20
