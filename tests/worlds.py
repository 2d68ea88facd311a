"""A live world with jitter, and the proof that a run recorded once replays the same 50 times."""

from __future__ import annotations

import asyncio
import os
import random
import time

import httpx

import tracefork
from tracefork.transports.httpx import AsyncTransport, Transport

URL = "http://model/"
TIMES = int(os.environ.get("TRACEFORK_REPLAYS", "20"))


def jitter(most: float = 0.004) -> float:
    return random.random() * most


class World:
    """Answers what it was asked, after a while, with a number that no two answers share."""

    def __init__(self) -> None:
        self.calls = 0

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.calls += 1
        return httpx.Response(200, text=f"{request.content.decode()}={self.calls}")

    def sync(self, request: httpx.Request) -> httpx.Response:
        time.sleep(jitter())
        return self._reply(request)

    async def tasks(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(jitter())
        return self._reply(request)

    def client(self, run: tracefork.Session | None) -> httpx.Client:
        return httpx.Client(transport=Transport(run, httpx.MockTransport(self.sync)))

    def async_client(self, run: tracefork.Session | None) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=AsyncTransport(run, httpx.MockTransport(self.tasks)))


def say(client: httpx.Client, text: str) -> str:
    return client.post(URL, content=text).text


async def asay(client: httpx.AsyncClient, text: str) -> str:
    return (await client.post(URL, content=text)).text


def proves(agent, *, times: int = TIMES, lanes: bool = True) -> tracefork.Tape:
    """Record `agent(run)` once; replay it `times` times: equal digests, equal results."""
    with tracefork.record() as run:
        said = agent(run)
    for _ in range(times):
        with tracefork.replay(run.tape, patience=5) as again:
            assert agent(again) == said
        assert again.tape.digest() == run.tape.digest(), tracefork.diff(run.tape, again.tape)
        assert again.forwarded == 0
        if lanes:
            assert [s.lane for s in again.tape.steps] == [s.lane for s in run.tape.steps]
    return run.tape
