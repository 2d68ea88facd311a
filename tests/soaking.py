"""A program of its own: runs in bad weather, for so many seconds, and what they leave behind, as JSON."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import httpx2

import tracefork
from tracefork import Fault, Response, TapeStore
from tracefork.testing.server import LoopbackServer

SSE = (("content-type", "text/event-stream"),)
WARM = 12  # rounds until everything has been imported and opened


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


def main(folder, seconds):
    weather = Weather(seed=1)
    rounds, began, before = 0, time.monotonic(), None
    with LoopbackServer(weather) as server:  # and not a Script, which keeps what it was asked
        while rounds < 2 * WARM or time.monotonic() - began < seconds:
            if rounds == WARM:
                before = left_behind()
            one_round(
                (httpx, httpx2)[rounds % 2], AGENTS[rounds % len(AGENTS)], server.url, folder / "runs.db"
            )
            rounds += 1
        print(
            json.dumps({"rounds": rounds, "calls": weather.calls, "before": before, "after": left_behind()})
        )


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
