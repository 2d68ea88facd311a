"""gevent's greenlets have lanes as threads do, and get out of no replay."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("gevent")


@pytest.fixture(scope="module")
def found():
    script = Path(__file__).parents[1] / "gevented.py"
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_way_to_spawn_is_recorded_replayed_and_lets_nothing_out(found):
    for name, told in found.items():
        assert told == {
            "exchanges": 4,
            "escaped": 0,
            "lanes": 4,
            "ok": True,
            "same": True,
            "live": 0,
        }, name


def test_all_ways_were_tried(found):
    assert len(found) == 10
