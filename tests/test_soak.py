"""Wide runs and long ones: nothing is lost, and nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import httpx2
import pytest

import tracefork
from tracefork import Fault, Response, TapeStore
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

SECONDS = float(os.environ.get("TRACEFORK_SOAK", "15"))
"""How long the soak runs; an hour is what a release gets."""

TASKS, EACH = 200, 50
SSE = (("content-type", "text/event-stream"),)


# -- wide ----------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("kept", ["memory", "SQLite"])
def test_ten_thousand_exchanges_over_two_hundred_tasks(kept, tmp_path):
    calls = []

    async def model(request):
        await asyncio.sleep(random.random() * 0.01)
        calls.append(request.content)
        return httpx.Response(200, content=b"%d" % len(calls))

    async def agent():
        async def chain(client, name):
            said = []
            for turn in range(EACH):
                last = said[-1] if said else "none"
                said.append((await client.post("http://model/", content=f"{name}.{turn} after {last}")).text)
            return said

        async with httpx.AsyncClient(transport=httpx.MockTransport(model)) as client:
            return await asyncio.gather(*[chain(client, n) for n in range(TASKS)])

    with tracefork.record(tmp_path / "runs.db" if kept == "SQLite" else None) as run:
        live = asyncio.run(agent())

    assert len(run.tape) == len(calls) == TASKS * EACH
    if kept == "SQLite":
        with TapeStore.open(tmp_path / "runs.db") as store:
            assert store.load(run.run_id) == run.tape
    with tracefork.replay(run.tape, patience=30) as again:
        assert asyncio.run(agent()) == live
    assert len(calls) == TASKS * EACH, "the replay asked nobody"
    assert again.tape.digest() == run.tape.digest()


# -- long ----------------------------------------------------------------------------


class Weather:
    """A server's mood: each answer good, streamed, refused with a pause, cut or reset, by chance."""

    def __init__(self, seed):
        self.chance, self.lock, self.calls = random.Random(seed), threading.Lock(), 0

    def __call__(self, asked):
        with self.lock:
            self.calls += 1
            mood, number = self.chance.random(), self.calls
        text = b"%d says hello" % number
        if mood < 0.5:
            return Response(200, SSE, tuple(text[n : n + 3] for n in range(0, len(text), 3)))
        if mood < 0.7:
            return Response(200, (("content-type", "text/plain"),), (text,))
        if mood < 0.8:
            return Response(429, (("retry-after", "0"),), (b"later",))
        if mood < 0.9:
            return Response(200, SSE, (text[:4],), Fault("ReadError"))
        return Fault(random.choice(["ReadError", "RemoteProtocolError"]))


def heard(error):
    return f"{type(error).__name__}: {error}"


def in_turn(lib, url):
    """One strand; now and then it stops listening in the middle."""
    with lib.Client() as client:
        for turn in range(6):
            try:
                if turn % 3 == 2:
                    with client.stream("POST", url, content=b"left %d" % turn) as response:
                        yield next(response.iter_text(), "")
                else:
                    yield client.post(url, content=b"turn %d" % turn).text
            except lib.HTTPError as error:
                yield heard(error)


def on_threads(lib, url):
    def ask(client, n):
        try:
            return client.post(url, content=b"thread %d" % n).text
        except lib.HTTPError as error:
            return heard(error)

    with lib.Client() as client, ThreadPoolExecutor(4) as pool:
        return list(pool.map(lambda n: ask(client, n), range(8)))


def in_tasks(lib, url):
    async def ask(client, n):
        try:
            async with client.stream("POST", url, content=b"task %d" % n) as response:
                return "".join([text async for text in response.aiter_text()])
        except lib.HTTPError as error:
            return heard(error)

    async def main():
        async with lib.AsyncClient() as client:
            late = asyncio.create_task(ask(client, 99))
            said = await asyncio.gather(*[ask(client, n) for n in range(6)])
            late.cancel()
            await asyncio.gather(late, return_exceptions=True)
            return said

    return asyncio.run(main())


AGENTS = (lambda lib, url: list(in_turn(lib, url)), on_threads, in_tasks)


def left_behind():
    """What this process holds: descriptors, threads, tasks, objects, and megabytes of memory."""
    for _ in range(3):
        gc.collect()
    objects = gc.get_objects()
    linux = Path("/proc/self/statm").exists()
    return {
        "descriptors": len(list(Path("/proc/self/fd").iterdir())) if linux else 0,
        "threads": threading.active_count(),
        "tasks": sum(isinstance(thing, asyncio.Task) for thing in objects),
        "objects": len(objects),
        "megabytes": int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6 if linux else 0.0,
    }


@pytest.mark.slow
@pytest.mark.timeout(SECONDS + 600)
def test_runs_in_bad_weather_leave_nothing_behind(tmp_path):
    weather = Weather(seed=1)
    rounds, began, before = 0, time.monotonic(), None
    with LoopbackServer(by_rule(weather)) as server:
        while rounds < 2 * len(AGENTS) * 2 or time.monotonic() - began < SECONDS:
            if rounds == 2 * len(AGENTS):
                before = left_behind()  # everything has been imported and opened once
            lib = (httpx, httpx2)[rounds % 2]
            agent = AGENTS[rounds % len(AGENTS)]
            one_round(lib, agent, server.url, tmp_path / "runs.db")
            rounds += 1
        after = left_behind()

    print(f"{rounds} rounds, {weather.calls} calls; before {before}, after {after}")
    more = {what: after[what] - before[what] for what in after}
    assert more["descriptors"] <= 0
    assert more["threads"] <= 0
    assert more["tasks"] <= 0
    assert more["objects"] < 3000
    assert more["megabytes"] < 30


def one_round(lib, agent, url, path):
    """Record, replay from the store, fork where it began, and delete."""
    with TapeStore.open(path) as store:
        with tracefork.record(store) as run:
            live = agent(lib, url)
        tape = store.load(run.run_id)
        assert tape == run.tape
        with tracefork.replay(tape, patience=10) as again:
            assert agent(lib, url) == live
        assert again.forwarded == 0
        assert again.tape.digest() == tape.digest()
        with tracefork.fork(
            tape, at=0, answer=Response(200, (), (b"forked",)), store=store, patience=10
        ) as branch:
            agent(lib, url)
        store.delete(branch.run_id)
        store.delete(run.run_id)
        assert not list(store.runs())
