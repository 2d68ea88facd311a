"""Forks that a vendor fails go on with what they had drawn, and how often it fails bends no rate."""

from __future__ import annotations

import asyncio
import random
import time

import httpx
import pytest

import tracefork
from tracefork import Budget, Request, Response
from tracefork.attribution.forks.jobs import Job
from tracefork.attribution.forks.redoing import LONGEST, wait_before
from tracefork.attribution.search.state import Grade
from tracefork.attribution.study.blame import blame
from tracefork.attribution.study.probe import aperform, perform
from tracefork.attribution.study.setting import Setting
from tracefork.testing.scripted import by_rule, transport

STEPS = 5
BUSY = Response(529, (), (b"busy",))


class Server:
    """Draws good or bad at step `at`, then repeats that; it refuses a `share` of the calls of bad paths."""

    def __init__(self, seed, at=1, good=0.5, share=0.0):
        self.chance, self.at, self.good, self.share = random.Random(seed), at, good, share
        self.drawn = 0

    def __call__(self, request):
        step, said = request.body.decode().split()
        if int(step) == self.at:
            self.drawn += 1
            return Response(200, (), (b"good" if self.chance.random() < self.good else b"bad",))
        if said == "bad" and self.chance.random() < self.share:
            return BUSY
        return Response(200, (), (said.encode(),))


def agent_of(server):
    def agent():
        said = "none"
        with httpx.Client(transport=transport(by_rule(server), httpx)) as client:
            for step in range(STEPS):
                said = client.post("http://model/", content=f"{step} {said}").raise_for_status().text
        return said

    return agent


def recorded_bad(seed, **world):
    server = Server(seed, **world)
    agent = agent_of(server)
    server.good, good = 0.0, server.good
    server.share, share = 0.0, server.share
    with tracefork.record() as run:
        agent()
    server.good, server.share = good, share
    return run.tape, agent, server


def is_good(result):
    return result == "good"


def test_a_fork_goes_on_with_what_it_had_drawn():
    tape, agent, server = recorded_bad(0, good=0.0)
    server.drawn, refused = 0, [BUSY]

    def rule(request):
        return (
            refused.pop() if request.body.startswith(b"3") and refused else Server.__call__(server, request)
        )

    done = perform(Setting(tape, agent_of(rule), is_good, backoff=0), Job(1, 20))
    assert (done.grade, done.tries) == (Grade.FAILURE, 2)
    assert server.drawn == 1, "the draw was not made anew"
    assert done.spent.calls == STEPS - 1 + 1, "each try's calls count, and no answer is asked for twice"


def test_a_fork_that_a_vendor_fails_for_good_costs_all_its_tries_and_is_no_success():
    tape, agent, server = recorded_bad(0, good=0.0)
    server.share = 1.0
    done = perform(Setting(tape, agent, is_good, backoff=0), Job(1, 20))
    assert (done.grade, done.tries, done.spent.calls) == (Grade.CENSORED, 3, 1 + 3)
    assert "529" in done.note


def test_a_vendor_that_is_down_leaves_each_place_alone_after_a_few_forks():
    tape, agent, server = recorded_bad(0, good=0.0)
    server.__class__ = type("Down", (Server,), {"__call__": lambda *_: BUSY})
    report = blame(tape, agent, is_good, budget=Budget(forks=200), backoff=0)
    assert report.verdict == "NOT_IDENTIFIED_WITHIN_BUDGET"
    assert report.forks == report.broken <= 3 * STEPS + 2


def test_no_try_begins_without_a_call_left_for_it():
    tape, agent, server = recorded_bad(0, good=0.0)
    server.share = 1.0
    done = perform(Setting(tape, agent, is_good, backoff=0), Job(1, 3))
    assert (done.tries, done.spent.calls) == (2, 3)


def test_a_study_that_is_over_waits_for_no_vendor():
    tape, agent, server = recorded_bad(0, good=0.0)
    server.share = 1.0
    waits = []
    done = perform(Setting(tape, agent, is_good), Job(1, 20), lambda seconds: waits.append(seconds) or True)
    assert (done.grade, done.tries, len(waits)) == (Grade.CENSORED, 1, 1)
    late = Setting(tape, agent, is_good, until=time.time() + 0.1, backoff=5)
    assert perform(late, Job(1, 20)).tries == 1


def test_waits_double_and_differ_by_seed_and_are_bounded():
    assert 0.25 <= wait_before(1, 7, 0.5) <= 0.5 <= wait_before(2, 7, 0.5) <= 1.0
    assert wait_before(1, 7, 0.5) == wait_before(1, 7, 0.5) != wait_before(1, 8, 0.5)
    assert wait_before(30, 7, 0.5) <= LONGEST
    assert wait_before(1, 7, 0) == 0


def test_an_async_fork_goes_on_too():
    tape, _, server = recorded_bad(0, good=0.0)
    refused = [BUSY]

    def answer(asked):
        request = Request("POST", str(asked.url), (), asked.content)
        busy = request.body.startswith(b"2") and refused
        given = refused.pop() if busy else server(request)
        return httpx.Response(given.status, content=given.chunks[0])

    async def agent():
        said = "none"
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            for step in range(STEPS):
                answered = await client.post("http://model/", content=f"{step} {said}")
                said = answered.raise_for_status().text
        return said

    done = asyncio.run(aperform(Setting(tape, agent, is_good, backoff=0.01), Job(1, 20)))
    assert (done.grade, done.tries) == (Grade.FAILURE, 2)


@pytest.mark.slow
def test_a_vendor_that_fails_bad_paths_more_often_bends_no_rate():
    """The outcome is drawn at the last step but one, with no step before it worth blaming."""
    falsely = 0
    for seed in range(20):
        good = (0.3, 0.5, 0.7, 0.8)[seed % 4]
        tape, agent, _ = recorded_bad(seed, at=3, good=good, share=0.4)
        report = blame(tape, agent, is_good, seed=seed, backoff=0)
        falsely += any(entry.step != 3 for entry in report.named)
    assert falsely <= 1
