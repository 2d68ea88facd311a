"""`tracefork group`: failed runs of a store by what went wrong."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import tracefork


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "runs.db"
    for n in range(3):
        with pytest.raises(ValueError), tracefork.record(path, run_id=f"sold-{n}") as run:
            run.call("look", lambda: 1)
            raise ValueError(f"train {n} is sold out")
    with tracefork.record(path, run_id="well") as run:
        run.call("look", lambda: 1)
    return path


def tell(*args):
    """What the command says."""
    done = subprocess.run(
        [sys.executable, "-m", "tracefork", *args], capture_output=True, text=True, check=True
    )
    return done.stdout


def test_failed_runs_are_in_groups(store):
    said = tell("group", "--store", str(store))
    assert "3 runs: raised ValueError: train" in said
    assert "well" not in said


def test_groups_as_json(store):
    (found,) = json.loads(tell("group", "--store", str(store), "--json"))
    assert sorted(found["runs"]) == ["sold-0", "sold-1", "sold-2"]
