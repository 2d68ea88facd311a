"""A run that is killed at any moment: what was acknowledged is there, and it can be finished."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import crashing
import pytest

import tracefork
from tracefork import Response, TapeStore
from tracefork.core.values import Request
from tracefork.errors import InDoubt
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

KILLS = 12  # for each kind of store
LATEST = 0.03  # seconds that it lives on after the answer that is waited for


@pytest.fixture(scope="module")
def forking():
    command = [sys.executable, crashing.__file__]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process


def killed(forking, acks, answers, after, *agent):
    """Run the agent in a process, kill it so long after so many answers; return what it has seen end."""
    os.mkfifo(acks)
    forking.stdin.write(json.dumps([str(acks), *agent]) + "\n")
    forking.stdin.flush()
    child = int(forking.stdout.readline())
    with acks.open() as told:
        assert told.readline() == "ready\n"
        seen = [told.readline() for _ in range(answers)]
        time.sleep(after)
        os.kill(child, signal.SIGKILL)
        return [int(line) for line in ("".join(seen) + told.read()).split("\n")[:-1]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["runs.db", "runs"], ids=["sqlite", "directory"])
def test_a_killed_run_keeps_what_was_acknowledged_and_resumes(kind, forking, tmp_path):
    chance, seen = random.Random(kind), Counter()
    for n in range(KILLS):
        store, mail = str(tmp_path / kind), tmp_path / f"mail{n}"
        with LoopbackServer(
            by_rule(lambda r: Response(200, (), (b"[%d]" % len(r.body),))), delay=0.005
        ) as server:
            moment = chance.randrange(crashing.STEPS), chance.uniform(0, LATEST)
            acks = tmp_path / f"acks{n}"
            acknowledged = killed(forking, acks, *moment, server.url, store, f"run{n}", str(mail))
            seen["steps"] += len(acknowledged)
            with TapeStore.open(store) as kept:
                if f"run{n}" not in kept:
                    assert not acknowledged
                    continue
                died = kept.load(f"run{n}")
                asked_before = Counter(r.body for r in server.requests)
                assert len(died) >= len(acknowledged)
                try:
                    with tracefork.resume(died, kept) as run:
                        crashing.agent(run, server.url, mail)
                except InDoubt as doubt:
                    seen["in doubt"] += 1
                    assert doubt.call.name == "mail"
                    assert any(p.asked == doubt.call for p in died.pending)
                    continue
                assert kept.load(run.run_id) == run.tape
        finished(died, run.tape, server.requests, asked_before, mail)
        seen["resumed"] += 1

    assert seen["resumed"] > KILLS // 4, seen
    assert seen["steps"] > KILLS, seen


def finished(died, tape, requests, asked_before, mail):
    """The resumed run is whole, and the world has seen nothing twice but what was in flight."""
    in_flight = {p.asked.body for p in died.pending if isinstance(p.asked, Request)}
    times = Counter(r.body for r in requests)

    assert len(tape) == crashing.STEPS
    assert tape.steps[: len(died.steps)] == died.steps
    assert {body for body, count in times.items() if count > 1} <= in_flight
    assert set(asked_before) - {x.request.body for x in died} <= in_flight
    assert len(Path(mail).read_text().splitlines()) == crashing.STEPS // 2


def test_two_processes_cannot_record_one_run(tmp_path):
    with tracefork.record(tmp_path / "runs.db", run_id="one"):
        with pytest.raises(tracefork.errors.RunExists):
            tracefork.record(tmp_path / "runs.db", run_id="one")


def test_a_forked_child_does_not_write_into_its_parents_run(tmp_path):
    with tracefork.record(tmp_path / "runs.db", run_id="one") as run:
        run.now()
        child = os.fork()
        if child == 0:
            os._exit(0 if tracefork.current() is None else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        run.now()

    with TapeStore.open(tmp_path / "runs.db") as store:
        assert len(store.load("one").draws) == 2
