"""Processes that a recorded program starts join its run."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

import tracefork
from tracefork import Response
from tracefork.testing import LoopbackServer, by_rule

PROGRAM = str(Path(__file__).parent / "asking.py")


@pytest.fixture
def server(monkeypatch):
    with LoopbackServer(by_rule(lambda asked: Response(200, (), (asked.body.upper(),)))) as server:
        monkeypatch.setenv("OPENAI_BASE_URL", f"{server.url}/v1")
        yield server


def start(*words):
    return [sys.executable, PROGRAM, *words]


def agent(server_url):
    def run_it():
        with httpx.Client() as client:
            before = client.post(f"{server_url}/v1/plan", content=b"plan").text
            subprocess.run(start("say", "one", before), check=True)
            subprocess.run(start("say", "two"), check=True)
            client.post(f"{server_url}/v1/end", content=b"end")

    return run_it


@pytest.mark.slow
def test_what_processes_ask_is_on_the_tape_of_the_program_that_starts_them(server, capfd):
    run_it = agent(server.url)
    with tracefork.record(processes="join") as run:
        run_it()
    server.close()

    name = Path(sys.executable).name
    assert [(step.lane, step.request.body) for step in run.tape] == [
        ("", b"plan"),
        (f"{name}.0", b"one"),
        (f"{name}.0", b"PLAN ONE"),
        (f"{name}.1", b"two"),
        ("", b"end"),
    ]
    assert not run.tape.escaped
    for _ in range(3):
        verdict = tracefork.verify(run.tape, run_it)
        assert verdict.ok, verdict
    assert capfd.readouterr().out == "PLAN ONE\nTWO\n" * 4


@pytest.mark.slow
def test_processes_side_by_side_have_a_lane_each_however_they_are_started(server, capfd):
    async def crew():
        processes = [await asyncio.create_subprocess_exec(*start("say", word, "more")) for word in "ab"]
        await asyncio.gather(*[process.wait() for process in processes])

    def run_it():
        asyncio.run(crew())
        os.waitpid(os.posix_spawn(sys.executable, start("say", "c"), os.environ), 0)

    with tracefork.record(processes="join") as run:
        run_it()

    assert {step.request.body[:1] for step in run.tape} == {b"a", b"b", b"c", b"m"}
    assert len({step.lane for step in run.tape}) == 3
    for _ in range(3):
        assert tracefork.verify(run.tape, run_it).ok


@pytest.mark.slow
def test_a_fork_of_the_program_goes_live_in_its_processes_too(server, capfd):
    run_it = agent(server.url)
    with tracefork.record(processes="join") as run:
        run_it()
    asked = len(server.requests)

    with tracefork.fork(run.tape, 0, lambda step: step.response.with_body(b"CHANGED")) as branch:
        run_it()

    assert branch.tape[2].request.body == b"CHANGED ONE"
    assert [sent.body for sent in server.requests[asked:]] == [b"one", b"CHANGED ONE", b"two", b"end"]


@pytest.mark.slow
def test_a_process_of_a_tool_is_the_tools_own(server, capfd):
    @tracefork.tool
    def shell():
        subprocess.run(start("say", "one"), check=True)

    with tracefork.record(processes="join") as run:
        shell()
    with tracefork.replay(run.tape):
        shell()

    assert len(run.tape) == 0 and len(server.requests) == 1


@pytest.mark.slow
def test_a_process_that_asks_something_else_diverges_and_the_run_says_so(server, capfd):
    with tracefork.record(processes="join") as run:
        subprocess.run(start("say", "one"), check=True)

    verdict = tracefork.verify(run.tape, lambda: subprocess.run(start("say", "other"), check=False))

    assert not verdict.ok and "other" in str(verdict.divergence)
    assert len(server.requests) == 1
