"""Wide runs and long ones: nothing is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys

import httpx
import pytest
import soaking

import tracefork
from tracefork import TapeStore

SECONDS = float(os.environ.get("TRACEFORK_SOAK", "6"))
"""How long the soak runs; an hour is what a release gets."""

TASKS = 200


# -- wide ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("kept", "each"),
    [
        ("SQLite", 10),
        pytest.param("SQLite", 25, marks=pytest.mark.nightly),
        pytest.param("SQLite", 50, marks=pytest.mark.nightly),
        pytest.param("memory", 50, marks=pytest.mark.nightly),
    ],
)
def test_thousands_of_exchanges_over_two_hundred_tasks(kept, each, tmp_path):
    calls = []

    async def model(request):
        await asyncio.sleep(random.random() * 0.01)
        calls.append(request.content)
        return httpx.Response(200, content=b"%d" % len(calls))

    async def agent():
        async def chain(client, name):
            said = []
            for turn in range(each):
                last = said[-1] if said else "none"
                said.append((await client.post("http://model/", content=f"{name}.{turn} after {last}")).text)
            return said

        async with httpx.AsyncClient(transport=httpx.MockTransport(model)) as client:
            return await asyncio.gather(*[chain(client, n) for n in range(TASKS)])

    with tracefork.record(tmp_path / "runs.db" if kept == "SQLite" else None) as run:
        live = asyncio.run(agent())

    assert len(run.tape) == len(calls) == TASKS * each
    if kept == "SQLite":
        with TapeStore.open(tmp_path / "runs.db") as store:
            assert store.load(run.run_id) == run.tape
    with tracefork.replay(run.tape, patience=30) as again:
        assert asyncio.run(agent()) == live
    assert len(calls) == TASKS * each, "the replay asked nobody"
    assert again.tape.digest() == run.tape.digest()


# -- long ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 300)
def test_runs_in_bad_weather_leave_nothing_behind(tmp_path):
    """In a process of its own: this one holds what other tests have left."""
    program = [sys.executable, "-W", "error", soaking.__file__, tmp_path, str(SECONDS)]
    child = subprocess.run(program, capture_output=True, text=True, timeout=SECONDS + 200, check=False)

    print(child.stdout)
    assert child.stderr == ""
    said = json.loads(child.stdout)
    more = {what: said["after"][what] - said["before"][what] for what in said["after"]}
    assert more["descriptors"] <= 0
    assert more["threads"] <= 0
    assert more["tasks"] <= 0
    assert more["objects"] < 300
    assert more["megabytes"] < 30
