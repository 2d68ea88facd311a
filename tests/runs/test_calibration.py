"""Calibration names what varies in an agent by itself, and what it proposes has been tried."""

from __future__ import annotations

import asyncio
import itertools
import random
import secrets
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import httpx
import pytest

import tracefork
from tracefork.core.matching import canonical, exact
from tracefork.runs import calibration
from tracefork.runs.calibration import _find_likeness as likeness
from tracefork.runs.calibration import calibrate
from tracefork.testing.scripted import async_transport, by_rule, transport


class World:
    """A model that answers each time otherwise, and counts what it is asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self, request):
        self.asked += 1
        return tracefork.Response(200, (), (f"answer {self.asked}".encode(),))

    def post(self, url="http://h/", **options):
        with httpx.Client(transport=transport(by_rule(self), httpx)) as client:
            return client.post(url, **options)


@pytest.fixture
def world():
    return World()


counter = itertools.count()
C_CLOCK = datetime.now
SOURCES = {
    "uuid": (lambda: str(uuid.uuid4()), "uuid", "a UUID"),
    "random": (lambda: random.random(), "random", "random digits"),
    "time": (lambda: time.time(), "time", "seconds since 1970"),
    "now": (lambda: datetime.now(UTC).isoformat(), "time", "a time"),
    "token": (lambda: secrets.token_hex(20), "secrets", "a UUID"),
    "C's clock": (lambda: C_CLOCK(UTC).isoformat(), "", "a time"),
    "counter": (lambda: next(counter), "", "text"),
}
PLACES = {
    "json": (lambda world, value: world.post(json={"m": [{"id": value()}, {"same": 1}]}), "$.m[*].id"),
    "query": (lambda world, value: world.post(f"http://h/?fixed=1&id={value()}"), "url?id"),
    "path": (lambda world, value: world.post(f"http://h/{value()}"), None),
    "text": (lambda world, value: world.post(content=f"it is {value()}"), "body"),
    "header": (lambda world, value: world.post(headers={"openai-beta": str(value())}), "header openai-beta"),
    "user agent": (lambda world, value: world.post(headers={"user-agent": str(value())}), "nowhere"),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("source", SOURCES)
def test_each_source_in_each_place(source, place, world):
    value, cure, likeness = SOURCES[source]
    put, where = PLACES[place]
    found = calibrate(lambda: put(world, value))

    assert world.asked == 1, "calibration asks the world once"
    if where == "nowhere":
        assert found.ok and found.fields == () and not found.virtualize
        return
    if where is None:
        assert not found.ok and "other questions" in found.problem
        return
    (field,) = found.fields
    assert (field.where, field.cure, field.looks_like) == (where, {cure} - {""}, likeness)
    assert found.virtualize == ({cure} if cure else set())
    assert found.ok is bool(cure or place == "json")
    assert found.ignoring == (() if cure or place != "json" else (where,))


@pytest.mark.parametrize("text", ["0.1712345678901234", "7.63891e-05", "0.5000001"])
def test_a_random_number_is_no_time(text):
    assert likeness(text, "0.9876543") == "random digits"


def test_what_is_proposed_makes_the_agent_replayable(world):
    def agent():
        said = world.post(json={"id": str(uuid.uuid4()), "trace": next(counter)}).text
        world.post(json={"said": said, "at": time.time()})

    found = calibrate(agent)
    matcher = canonical(ignoring=found.ignoring) if found.ignoring else exact
    with tracefork.record(virtualize=found.virtualize, matcher=matcher) as run:
        agent()

    assert found.virtualize == {"uuid", "time"} and found.ignoring == ("$.trace",)
    assert "virtualize={'time', 'uuid'}, matcher=canonical(ignoring=['$.trace'])" in str(found)
    assert tracefork.verify(run.tape, agent, matcher=matcher).ok


def test_what_a_model_answers_otherwise_is_not_the_agents_doing(world):
    def agent():
        said = "hello"
        for _ in range(3):
            said = world.post(json={"said": said}).text

    found = calibrate(agent)
    assert found.ok and found.fields == () and world.asked == 3


def test_kinds_that_are_mixed_in_one_field_are_named_together(world):
    found = calibrate(
        lambda: world.post(json={"text": f"{uuid.uuid4()} at {time.time()}", "only": random.random()})
    )

    assert {field.where: field.cure for field in found.fields} == {
        "$.text": {"time", "uuid"},
        "$.only": {"random"},
    }
    assert found.ok and found.virtualize == {"random", "time", "uuid"}


def test_a_list_whose_length_varies_is_not_left_out_of_matching(world):
    def agent():
        world.post(json={"messages": [{"n": n} for n in range(1 + next(counter) % 2)]})

    found = calibrate(agent)
    assert not found.ok and found.ignoring == ()
    assert "$.messages, its length cannot be left out" in found.problem


def test_options_hold_for_every_run(world):
    redact = tracefork.redact.redactor({}, known=[("CUSTOMER", "customer-4711-x")])
    secrets = itertools.cycle(["customer-4711-x"])
    found = calibrate(lambda: world.post(json={"who": next(secrets)}), redact=redact)
    assert found.ok and found.fields == ()


def test_an_agent_that_draws_through_its_run_is_replayable_already(world):
    def agent(run):
        world.post(json={"id": str(run.uuid4()), "at": run.now()})

    assert calibrate(agent).ok


def test_a_tool_is_called_once_and_its_arguments_are_looked_at(world):
    called = []

    @tracefork.tool
    def book(number):
        called.append(number)
        return 7

    def agent():
        world.post(json={"n": book(random.randrange(10**9))})

    found = calibrate(agent)
    (field,) = found.fields
    assert len(called) == 1 and found.ok
    assert (field.where, field.cure) == ("tool book: $.args[*]", {"random"})


def test_another_number_of_calls_is_said_so(world):
    def agent():
        for _ in range(1 + next(counter) % 2):
            world.post(json={})

    found = calibrate(agent)
    assert not found.ok and found.problem


def test_a_kind_that_the_agent_draws_otherwise_in_each_run_cures_nothing_and_is_soon_given_up(
    world, monkeypatch
):
    monkeypatch.setattr(calibration, "SHORTEST_PATIENCE", 0.1)
    runs = itertools.count()

    def agent():
        is_first, drawn, posted = next(runs) == 0, threading.Event(), threading.Event()

        def fill_its_cache():
            if is_first:
                secrets.token_hex(4)  # which a replay waits for, before it lets the token be drawn
            drawn.set()
            posted.wait(20)

        with ThreadPoolExecutor() as pool:
            pool.submit(fill_its_cache)
            drawn.wait(20)
            try:
                world.post(json={"id": secrets.token_hex(20)})
            finally:
                posted.set()

    began = time.monotonic()
    found = calibrate(agent)
    assert time.monotonic() - began < 30
    (field,) = found.fields
    assert (field.where, field.cure) == ("$.id", frozenset())
    assert found.ok and found.ignoring == ("$.id",)


def test_an_asynchronous_agent(world):
    async def agent():
        async with httpx.AsyncClient(transport=async_transport(by_rule(world), httpx)) as client:
            await asyncio.gather(
                *(client.post("http://h/", json={"n": n, "id": str(uuid.uuid4())}) for n in range(4))
            )

    found = calibrate(agent)
    assert found.ok and found.virtualize == {"uuid"} and found.fields[0].times == 4

    async def within():
        calibrate(agent)

    with pytest.raises(RuntimeError, match="an event loop is running"):
        asyncio.run(within())


def test_what_the_agent_raises_is_raised(world):
    def agent():
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        calibrate(agent)
