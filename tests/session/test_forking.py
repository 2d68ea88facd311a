"""A run belongs to its process: a forked child can do what it likes, and nothing is lost. See `forking`."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import forking
import pytest

ENDS = {"exits": 3, "raises": 1}


def said(*words):
    """What each child and its parent came to, by the child's name; and what they printed besides."""
    done = subprocess.run(
        [sys.executable, str(Path(forking.__file__)), *words],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return {one.pop("name"): one for one in told}, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("style", ["sync", "async"])
@pytest.mark.parametrize("store", ["runs.db", "folder"])
def test_whatever_a_forked_child_does_its_parents_run_is_whole(store, style, tmp_path):
    loops = ("asks", "forks_again") if style == "async" else ()  # a child of a running loop starts none
    names = [work.__name__ for work in forking.CHILDREN if work.__name__ not in loops]
    told, stderr = said("record", str(tmp_path / store), style, *names)
    escaped = {one.pop("escaped")[0].partition(":")[0] for one in told.values()}

    whole = {
        "asked": ["one", "two"],
        "tools": ["pay"],
        "outcome": "returned",
        "findings": [],
        "clean": True,
    }
    assert told == {name: {"child": ENDS.get(name, 0), **whole} for name in names}, stderr
    assert len(escaped) == 1 and "process" in escaped.pop()


@pytest.mark.slow
@pytest.mark.parametrize("store", ["runs.db", "folder"])
def test_wherever_a_child_is_forked_the_run_is_whole(store, tmp_path):
    names = [work.__name__ for work in forking.PARENTS]
    told, stderr = said("record", str(tmp_path / store), "sync", *names)

    assert list(told) == names, stderr
    for name, one in told.items():
        assert [body for body in one["asked"] if body != "stream"] == ["one", "two"], name
        assert (one["tools"], one["outcome"], one["findings"]) == (["pay"], "returned", []), name
        assert one["clean"], name


def test_in_a_child_of_a_replay_nothing_goes_out_and_the_replay_goes_on():
    names = ["is_refused", "falls_through", "exits", "raises"]
    told, stderr = said("replay", *names)

    assert told == {name: {"child": ENDS.get(name, 0), "same": True, "clean": True} for name in names}, stderr


def test_a_run_whose_process_died_is_what_it_acknowledged_though_its_child_left_the_block(tmp_path):
    script = """
import os, sys, time, tracefork
with tracefork.record(sys.argv[1], run_id="r") as run:
    run.call("pay", lambda: 1)
    if (child := os.fork()) == 0:
        sys.exit(0)
    run.call("pay", lambda: 2)
    os.waitpid(child, 0)
    os._exit(7)
"""
    import tracefork

    for store in (tmp_path / "runs.db", tmp_path / "folder"):
        done = subprocess.run([sys.executable, "-c", script, str(store)], timeout=60, check=False)
        with tracefork.TapeStore.open(store) as opened:
            assert list(opened.check()) == []
            tape = opened.load("r")
            assert next(iter(opened.gc(idle=1e-9, now=9e9))).run_id == "r"
            again = opened.load("r")

        assert done.returncode == 7
        assert len(tape.effects) == 2 and tape.outcome.kind == "unfinished"
        assert again == tape
