"""The measurements: functions that return numbers, for the tests and the table alike."""

from __future__ import annotations

import asyncio
import cProfile
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from contextvars import copy_context
from statistics import median
from typing import Any

import httpx

import tracefork
from benchmarks import corpora
from benchmarks.corpora.text import compact
from tracefork.core.matching import exact
from tracefork.core.script import NEVER, Line, Marks, Script
from tracefork.core.values import Exchange, Request, Response, Span
from tracefork.transports.httpx import Transport

SHORT, LONG = 100, 10_000
BODY = b"x" * 500
ANSWER = Response(200, (), (b"hello",))


# -- the cost of a step, by the length of the run ------------------------------------


def sequential(run: tracefork.Session, count: int) -> None:
    """`count` exchanges, put by hand: the machine and the session, without an HTTP library."""
    for number in range(count):
        flight = run.port.ask(Request("POST", "http://model/", (), BODY + b"%d" % number))
        answer = flight.served or ANSWER
        run.port.head(flight, lambda answer=answer: answer)
        run.port.end(flight, answer)


def recorded(count: int, store: str | None = None) -> tuple[float, tracefork.Tape]:
    """Seconds a step while recording, and the tape."""
    run = tracefork.record(store, intercept=False)
    with run, _no_collection():
        began = time.perf_counter()
        sequential(run, count)
        spent = time.perf_counter() - began
    return spent / count, run.tape


def replayed(tape: tracefork.Tape) -> float:
    """Seconds a step in replay, the indexing of the tape included."""
    with _no_collection():
        began = time.perf_counter()
        with tracefork.replay(tape, intercept=False) as run:
            sequential(run, len(tape))
        return (time.perf_counter() - began) / len(tape)


def growth(rounds: int = 3) -> tuple[dict[str, float], dict[str, float]]:
    """Least microseconds a step at SHORT and at LONG: recording, and replaying.

    Short runs are repeated until they have had as many steps, in turns with the
    long ones, so that both meet the same machine.
    """
    best = {"record": {SHORT: 1.0, LONG: 1.0}, "replay": {SHORT: 1.0, LONG: 1.0}}
    for _ in range(rounds):
        for count, times in ((SHORT, 20), (LONG, 1)):
            for _ in range(times):
                spent, tape = recorded(count)
                best["record"][count] = min(best["record"][count], spent)
                best["replay"][count] = min(best["replay"][count], replayed(tape))
    micro = {job: {count: s * 1e6 for count, s in by.items()} for job, by in best.items()}
    return (
        {"record": micro["record"][SHORT], "replay": micro["replay"][SHORT]},
        {"record": micro["record"][LONG], "replay": micro["replay"][LONG]},
    )


def matching(counts: Iterable[int] = (SHORT, 1_000, LONG), rounds: int = 5) -> dict[str, dict[int, float]]:
    """Least microseconds to find the line of a question, by how different questions are and by their number.

    Questions are asked out of order, as tasks do; "equal" are all one question.
    """
    made = {"different": lambda n: BODY + b"%d" % n, "equal": lambda _: BODY}
    return {
        kind: {count: _matched([body(n) for n in range(count)], rounds) for count in counts}
        for kind, body in made.items()
    }


def _matched(bodies: list[bytes], rounds: int) -> float:
    """Short runs are repeated, until they have had as many questions as long ones."""
    asked = [Request("POST", "http://model/", (), body) for body in bodies]
    spans = (Span(3 * n, 3 * n + 1, 3 * n + 2) for n in range(len(asked)))
    steps = [Exchange(request, ANSWER, "", span) for request, span in zip(asked, spans, strict=True)]
    script = Script.of(map(Line.of, steps), NEVER, exact)
    for first in range(0, len(asked) - 8, 8):  # eight are in flight at a time
        asked[first : first + 8] = reversed(asked[first : first + 8])
    best = float("inf")
    with _no_collection():
        for _ in range(rounds * LONG // len(asked)):
            began, claimed = time.perf_counter(), Marks()
            for request in asked:
                place = script.first(script.by_both, (exact(request), ""), claimed)
                assert place is not None
                claimed = claimed.add(place)
            best = min(best, time.perf_counter() - began)
    return best / len(asked) * 1e6


# -- the cost of an import ------------------------------------------------------------


def import_cost(rounds: int = 9) -> tuple[float, float]:
    """Median CPU milliseconds of `import tracefork` and of `import httpx`, an interpreter's own taken off."""
    spent: dict[str, list[float]] = {"pass": [], "import tracefork": [], "import httpx": []}
    for code in spent:
        _cpu(code)  # warm the bytecode and the file cache
    for _ in range(rounds):
        for code, times in spent.items():
            times.append(_cpu(code))
    bare, ours, theirs = (median(times) * 1e3 for times in spent.values())
    return max(0.0, ours - bare), theirs - bare


def _cpu(code: str) -> float:
    """CPU seconds of a fresh interpreter that runs `code`."""
    child = subprocess.Popen([sys.executable, "-c", code])
    _, status, used = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    assert child.returncode == 0, code
    return used.ru_utime + used.ru_stime


# -- the cost of a round trip -----------------------------------------------------------


def bare() -> Iterator[Callable[[], object]]:
    """A round trip to a MockTransport and nothing else."""
    with httpx.Client(transport=_network()) as client:
        yield lambda: _ask(client)


def recording(store: str | None = None) -> Iterator[Callable[[], object]]:
    """The same, recorded: kept in memory, or in `store`."""
    run = tracefork.record(store, intercept=False)
    with run, httpx.Client(transport=Transport(run, _network())) as client:
        yield lambda: _ask(client)


def replaying(count: int) -> Iterator[Callable[[], object]]:
    """The same, served from a tape that holds it `count` times."""
    with (
        tracefork.record(intercept=False) as run,
        httpx.Client(transport=Transport(run, _network())) as client,
    ):
        for _ in range(count):
            _ask(client)
    again = tracefork.replay(run.tape, intercept=False)
    try:
        with again, httpx.Client(transport=Transport(again)) as client:
            yield lambda: _ask(client)
    except tracefork.errors.Unfinished:
        pass  # calibration asks as often as it likes


def round_trip(trips: Iterator[Callable[[], object]], count: int = 500, rounds: int = 5) -> float:
    """Least microseconds a round trip, over `rounds` of `count`."""
    trip = next(trips)
    best = float("inf")
    for _ in range(rounds):
        began = time.perf_counter()
        for _ in range(count):
            trip()
        best = min(best, time.perf_counter() - began)
    next(trips, None)
    return best / count * 1e6


# -- the cost of a conversation, on the agent's own thread -----------------------------------


def conversation(store: str, turns: int = 50, rounds: int = 5, *, parsed: bool = True) -> dict[str, float]:
    """CPU microseconds of the agent's thread, for a turn of a conversation that grows.

    A turn is what an agent does in any case, `client.post(url, json=...).json()`, to a
    MockTransport: bare, recorded in memory and into SQLite, and replayed. Unless
    `parsed`, bodies are ready-made bytes, and there is little beside the round trip. The bare turn is the
    median; the others are that times the median of their ratios to the bare turn of the same
    round, since the machine itself is faster and slower by the second.
    """
    turn = list(corpora.growth(turns))
    bodies = [] if parsed else [compact(asked) for asked, _ in turn]
    spent: dict[str, list[float]] = {"bare": [], "in memory": [], "to SQLite": [], "replay": []}

    def network() -> httpx.MockTransport:
        answers = iter(turn)
        return httpx.MockTransport(lambda _: httpx.Response(200, json=next(answers)[1]))

    def agent(kind: str, transport: httpx.BaseTransport) -> None:
        with httpx.Client(transport=transport) as client:
            began = time.thread_time()
            if parsed:
                for asked, _ in turn:
                    client.post("http://model/v1/messages", json=asked).json()
            else:
                for body in bodies:
                    client.post("http://model/v1/messages", content=body).read()
            spent[kind].append((time.thread_time() - began) / turns * 1e6)

    folder = tempfile.mkdtemp(dir=store)
    for number in range(rounds):
        agent("bare", network())
        with tracefork.record(intercept=False) as run:
            agent("in memory", Transport(run, network()))
        with tracefork.replay(run.tape, intercept=False) as again:
            agent("replay", Transport(again))
        with tracefork.record(f"{folder}/turns{number}.db", intercept=False) as run:
            agent("to SQLite", Transport(run, network()))
    bare = median(spent["bare"])
    return {
        kind: bare * median(one / beside for one, beside in zip(times, spent["bare"], strict=True))
        for kind, times in spent.items()
    }


def count_calls(turns: int = 50) -> dict[str, float]:
    """Calls of functions that the agent's thread makes for a turn: the same on any machine, busy or not."""
    turn = list(corpora.growth(turns))

    def network() -> httpx.MockTransport:
        answers = iter(turn)
        return httpx.MockTransport(lambda _: httpx.Response(200, json=next(answers)[1]))

    def count(transport: httpx.BaseTransport) -> float:
        with httpx.Client(transport=transport) as client:
            profile = cProfile.Profile()
            with profile:
                for asked, _ in turn:
                    client.post("http://model/v1/messages", json=asked).json()
        return sum(entry.callcount for entry in profile.getstats()) / turns

    count(network())  # what is made once for a process is made here
    with tracefork.record(intercept=False) as run:
        recorded = count(Transport(run, network()))
    with tracefork.replay(run.tape, intercept=False) as again:
        replayed = count(Transport(again))
    return {"bare": count(network()), "in memory": recorded, "replay": replayed}


# -- the first byte of a stream ---------------------------------------------------------------

CHUNKS = 5


def first_byte(store: str, count: int = 40) -> dict[str, float]:
    """Median milliseconds to the first byte of a stream: bare, recorded in memory, recorded into SQLite."""
    times: dict[str, list[float]] = {"bare": [], "in memory": [], "to SQLite": []}
    with served(STREAMING) as url:
        for number in range(count):
            times["bare"].append(_first_byte(url))
            with tracefork.record():
                times["in memory"].append(_first_byte(url))
            with tracefork.record(f"{store}/byte{number}.db"):
                times["to SQLite"].append(_first_byte(url))
    return {kind: median(spent) for kind, spent in times.items()}


def _first_byte(url: str) -> float:
    with httpx.Client() as client:
        client.get(url).read()  # a connection and a run that are warm
        began = time.perf_counter()
        with client.stream("POST", url, content=BODY) as response:
            chunks = response.iter_raw()
            next(chunks)
            spent = time.perf_counter() - began
            assert sum(1 for _ in chunks) == CHUNKS - 1, "the rest of the stream had come with its first byte"
    return spent * 1e3


# -- a busy event loop ------------------------------------------------------------------

SERVER = """
import sys
from tracefork import Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer
with LoopbackServer(by_rule(lambda _: Response(200, (), %s)), delay=%s) as server:
    print(server.url, flush=True)
    sys.stdin.read()
"""
BRIEF = SERVER % ('(b"ok",)', 0.0)
STREAMING = SERVER % (f'(b"token",) * {CHUNKS}', 0.002)


@contextmanager
def served(program: str) -> Iterator[str]:
    """The URL of a server that is a process of its own, so that it does not wait for our interpreter."""
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout
        assert server.stdin
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()


def busy_loop(store: str, tasks: int = 1000, count: int = 40, rounds: int = 3) -> dict[str, float]:
    """Least median milliseconds of a round trip beside `tasks` that never rest: bare, and recorded."""
    with served(BRIEF) as url:
        return asyncio.run(_beside(url, store, tasks, count, rounds))


async def _beside(url: str, store: str, tasks: int, count: int, rounds: int) -> dict[str, float]:
    async def noise() -> None:
        while True:  # noqa: ASYNC110  it is to be busy
            await asyncio.sleep(0)

    async def trips() -> float:
        spent = []
        async with httpx.AsyncClient() as client:
            for _ in range(count):
                began = time.perf_counter()
                await client.post(url, content=BODY)
                spent.append(time.perf_counter() - began)
        return median(spent) * 1e3

    others = [asyncio.create_task(noise()) for _ in range(tasks)]
    times: dict[str, list[float]] = {"bare": [], "in memory": [], "to SQLite": []}
    for number in range(rounds):
        times["bare"].append(await trips())
        async with tracefork.record():
            times["in memory"].append(await trips())
        async with tracefork.record(f"{store}/{number}.db"):
            times["to SQLite"].append(await trips())
    for other in others:
        other.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    return {kind: min(spent) for kind, spent in times.items()}


# -- the order of threads ---------------------------------------------------------------


def thread_order(recordings: int = 5, replays: int = 50) -> list[int]:
    """Of so many replays of each recording, how many held: six threads, a prompt made of who was first."""

    def answer(request: httpx.Request) -> httpx.Response:
        time.sleep(random.random() * 0.004)
        return httpx.Response(200, content=request.content)

    def agent(run: tracefork.Session) -> None:
        client = httpx.Client(transport=Transport(run, httpx.MockTransport(answer)))
        with client, ThreadPoolExecutor(6) as pool:
            jobs = [pool.submit(client.post, "http://model/", content=name) for name in "abcdef"]
            first = " ".join(job.result().text for job in as_completed(jobs))
            client.post("http://model/", content=first)

    held = []
    for _ in range(recordings):
        with tracefork.record(intercept=False) as run:
            agent(run)
        held.append(sum(tracefork.verify(run.tape, agent, patience=5).ok for _ in range(replays)))
    return held


def chance(count: int = 2_000) -> dict[str, dict[str, float]]:
    """CPU us a call of what `virtualize=` replaces: without a run, beside one, within one, and afterwards."""
    calls: dict[str, Callable[[], object]] = {
        "time.time": lambda: time.time(),  # noqa: PLW0108  looked up as an agent does
        "random.random": lambda: random.random(),  # noqa: PLW0108
        "uuid.uuid4": lambda: uuid.uuid4(),  # noqa: PLW0108
    }

    def each(count: int) -> dict[str, float]:
        return {name: min(_us(call, count) for _ in range(5)) for name, call in calls.items()}

    spent = {"bare": each(50 * count)}
    run, within = tracefork.record(virtualize={"random", "time", "uuid"}), copy_context()
    within.run(run.__enter__)  # in a context of its own: here nothing is drawn through it
    spent["beside a run"] = each(50 * count)
    within.run(run.__exit__, None, None, None)
    with tracefork.record(virtualize={"random", "time", "uuid"}):
        spent["within a run"] = {name: _us(call, count) for name, call in calls.items()}
    spent["after a run"] = each(50 * count)
    return spent


def _us(call: Callable[[], object], count: int) -> float:
    began = time.thread_time()
    for _ in range(count):
        call()
    return (time.thread_time() - began) / count * 1e6


def _ask(client: httpx.Client) -> Any:
    return client.post("http://model/v1/messages", content=BODY).content


def _network() -> httpx.MockTransport:
    return httpx.MockTransport(lambda _: httpx.Response(200, content=b"hello"))


@contextmanager
def _no_collection() -> Iterator[None]:
    """Keep the garbage collector out: what it costs grows with whatever else is alive."""
    import gc

    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
