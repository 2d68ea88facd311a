"""Whether two studies are the same: by what functions and values do, in whichever process."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial

import pytest

from tracefork.attribution.oracles import JsonPath, Judge, Regex
from tracefork.attribution.study.design import spell


def having(*words):
    return lambda result: all(word in result for word in words)


def recursive():
    def f(n):
        return f(n - 1) if n else 0

    return f


class Holder:
    def good(self, result):
        return bool(result)


def ask(prompt):
    return prompt


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (having("a"), having("b")),
        (having("a"), having("a", "b")),
        (lambda r: r == 1, lambda r: r == 2),
        (lambda r: "a" in {"a", "b"}, lambda r: "a" in {"a", "c"}),
        (Regex("a"), Regex("b")),
        (JsonPath("$.a", 1), JsonPath("$.a", True)),
        (partial(having, "a"), partial(having, "b")),
        (Judge(ask, "a?"), Judge(ask, "b?")),
        (Judge(ask, "a?"), Judge(having("a"), "a?")),
        ("m:f", "m:g"),
        (len, abs),
        (recursive(), having("a")),
    ],
)
def test_what_does_something_else_is_spelled_otherwise(one, other):
    assert spell(one) != spell(other)
    assert spell(one) == spell(one)


def test_what_changes_while_it_runs_is_the_same_study():
    seen = []

    def agent():
        seen.append(len(seen))

    before = spell(agent)
    agent()
    assert spell(agent) == before
    assert spell(Holder().good) == spell(Holder().good)
    assert " at 0x" not in spell(Judge(ask, "?")) + spell(object()) + spell(Holder().good)


CODE = """
from tracefork.attribution.study.design import spell
from tracefork.attribution.oracles import Judge
words = "yes", "sure"
print(spell(lambda r: r in {"paid", "booked", "sent", "done"} and r not in words), spell(Judge(len, "?")))
"""


@pytest.mark.slow
def test_another_process_spells_the_same():
    said = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("0", "1", "2", "3")
    }
    assert len(said) == 1
