"""Writers that are killed: what they were told is kept is there. See `killing`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow  # run on one Python, in .ci/run


def kill(store, durability, kills):
    """In a process of its own, which has one thread and may fork."""
    command = [sys.executable, "-m", "reliability.killing", "--store", store, "--durability", durability]
    return subprocess.run(
        [*command, "--kills", str(kills)],
        cwd=Path(__file__).parents[1],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("store", ["sqlite", "directory"])
def test_200_killed_writers_lose_nothing_that_was_acknowledged(store):
    done = kill(store, "process", 200)

    assert done.returncode == 0, done.stderr
    assert "200 kills" in done.stdout


@pytest.mark.parametrize("store", ["sqlite", "directory"])
def test_50_killed_writers_lose_nothing_with_power_durability_either(store):
    done = kill(store, "power", 50)

    assert done.returncode == 0, done.stderr


@pytest.mark.nightly
@pytest.mark.timeout(3_600)
@pytest.mark.parametrize("durability", ["process", "power"])
@pytest.mark.parametrize("store", ["sqlite", "directory"])
def test_5000_killed_writers_lose_nothing(store, durability):
    done = kill(store, durability, 5_000)

    assert done.returncode == 0, done.stderr
