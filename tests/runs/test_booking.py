"""A booking agent: an id and a clock in its prompts, tasks side by side, a tool that must not run twice."""

from __future__ import annotations

import asyncio
import json
import random
import time
from uuid import uuid4

import httpx
import pytest

import tracefork
from tracefork.attribution.forks.budget import Budget
from tracefork.providers import anthropic
from tracefork.testing.scripted import async_transport, by_rule
from tracefork.transports.httpx import AsyncTransport

URL = "https://api.anthropic.com/v1/messages"
CITIES = ("Oslo", "Rome", "Kyiv")
REPLAYS, FORKS = 50, 100


class Airline:
    """What has been booked there, in earnest."""

    def __init__(self):
        self.booked = []


airline = Airline()


@tracefork.tool
def book(city: str, reference: str, price: float) -> dict[str, str]:
    """Buy a ticket: once is dear enough."""
    airline.booked.append((city, reference, price))
    return {"city": city, "reference": reference}


class Model:
    """Finds flights, and mostly picks the wrong one when the first search says so."""

    def __init__(self, fails=0.95, works=0.05):
        self.chance = random.Random(4)
        self.fails, self.works = fails, works

    def __call__(self, request):
        asked = json.loads(request.body)["messages"][0]["content"]
        if asked.startswith("Search"):
            city = asked.split()[1]
            wrong = city == CITIES[0] and self.chance.random() < 0.1
            return anthropic.text(f"{city}: {'sold out' if wrong else self.chance.randrange(100, 200)}")(
                request
            )
        if asked.startswith("Pick"):
            fails = self.chance.random() < (self.fails if "sold out" in asked else self.works)
            return anthropic.text("none" if fails else self.chance.choice(CITIES))(request)
        return anthropic.text(f"Done at {self.chance.random()}: {asked}")(request)


def agent_of(model):
    """The agent, on this model."""

    async def say(client, text):
        wish = {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": text}]}
        answer = await client.post(URL, json=wish)
        return answer.json()["content"][0]["text"]

    async def search(client, city):
        await asyncio.sleep(random.random() / 500)
        return await say(client, f"Search {city} for {uuid4()} at {time.strftime('%H:%M:%S')} {time.time()}")

    async def agent():
        transport = AsyncTransport(inner=async_transport(by_rule(model), httpx))
        async with httpx.AsyncClient(transport=transport) as client:
            found = await asyncio.gather(*(search(client, city) for city in CITIES))
            picked = await say(client, f"Pick one of {found}, request {uuid4()}")
            if picked not in CITIES:
                return "nothing was booked"
            ticket = book(picked, str(uuid4()), round(random.uniform(100, 200), 2))
            return "booked: " + await say(client, f"Tell them about {ticket} at {time.time()}")

    return agent


def booked(said):
    return said.startswith("booked")


@pytest.fixture
def recorded(tmp_path):
    """A run in which the tool ran once, and its agent."""
    airline.booked.clear()
    model = Model()
    agent = agent_of(model)
    with tracefork.record(tmp_path / "runs.db", virtualize={"uuid", "time", "random"}) as run:
        said = asyncio.run(agent())
    assert booked(said) and len(airline.booked) == 1
    return run.tape, agent, model


@pytest.mark.slow
def test_fifty_replays_book_nothing_and_have_the_same_digest(recorded):
    tape, agent, _ = recorded
    assert len(tape.draws) > 12 and len(tape.effects) == 1
    for _ in range(REPLAYS):
        verdict = tracefork.verify(tape, agent)
        assert verdict.ok and verdict.replayed == verdict.recorded == tape.digest(), verdict
    assert len(airline.booked) == 1


def test_a_fork_at_each_step_books_nothing_that_the_tape_knows(recorded, tmp_path):
    tape, agent, _ = recorded
    said = iter(f"fork {n}" for n in range(99))
    for step in range(len(tape)):
        with tracefork.fork(
            tape,
            step,
            store=tmp_path / "runs.db",
            run_id=next(said),
            tools=lambda call: {"city": "x", "reference": "y"},
        ) as branch:
            asyncio.run(agent())
        assert tracefork.verify(branch.tape, agent).ok
    assert len(airline.booked) == 1


@pytest.mark.slow
def test_blame_with_a_hundred_forks_books_nothing(recorded, tmp_path):
    tape, agent, model = recorded
    model.works = 0.9  # once the first search is asked anew, the pick mostly fails
    report = tracefork.blame(
        tape,
        agent,
        booked,
        budget=Budget(forks=FORKS),
        store=tmp_path / "runs.db",
        tools=lambda call: {"city": "x", "reference": "y"},
    )

    assert 0 < report.forks <= FORKS
    assert report.top().step == 3, "the pick made the outcome"
    assert len(airline.booked) == 1
