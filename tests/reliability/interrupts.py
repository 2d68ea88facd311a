"""
Runs are interrupted at random bytecodes while they are entered, go on and are left; what stayed is looked at.

    python -m tests.reliability.interrupts --count 10000

Four ways: a tracer raises KeyboardInterrupt at an instruction of ours, or of the agent's own frame
(one more may follow while the first is on its way); a timer's signal raises it, or within `asyncio.run` does
what that makes of Ctrl-C; another thread sends it; and a signal's handler, instead of raising, asks the run
itself. (An exception that is raised amid asyncio's own code may cost it a callback, and hang it without us:
so there the third way is not gone.) The claims, after each:

* Nothing hangs, and the interrupt comes through.
* Everything that is replaced while a run is in progress is what it was, at once.
* What the agent saw acknowledged is in the store, in which nothing is damaged.
* The process records again at once, and no thread of ours is left.
"""

from __future__ import annotations

import _thread
import argparse
import asyncio
import builtins
import concurrent.futures
import ctypes
import datetime as dt  # noqa: F401  looked at, as it is bound anew
import faulthandler
import gc
import json
import os
import random
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import traceback
import uuid
from datetime import datetime  # noqa: F401
from pathlib import Path
from typing import NamedTuple

import httpx

import tracefork
from tracefork.isolation import chance, curl, grpc, network, processes
from tracefork.runtime import lanes, spawning
from tracefork.session import current
from tracefork.transports import intercept

OURS = str(Path(tracefork.__file__).parent)
HANG = 20  # seconds
URL = "https://model.example/v1/messages"
VERBS = ("record", "replay", "resume", "fork")
STORES = ("a.db", "folder", "memory", "")
STYLES = ("sync", "async")
WAYS = ("traced", "traced twice", "signal", "sent", "asked", "asked by a signal")
LET_THROUGH = {"sync": ("KeyboardInterrupt",), "async": ("KeyboardInterrupt", "CancelledError")}
ENDS = ("KeyboardInterrupt", "asyncio.exceptions.CancelledError")
MOST = 5  # claims that are broken before a process gives up
CHUNK = 200  # trials that one process makes


def model(request):
    return httpx.Response(200, stream=Body(b"answer to ", request.read()))


class Body(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, *chunks):
        self.chunks = chunks

    def __iter__(self):
        yield from self.chunks

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk


CLIENT = httpx.Client(transport=httpx.MockTransport(model))


def agent(run, seen):
    """Asks, streams, calls a tool, draws; puts into `seen` what it was given."""
    seen.append(("post", CLIENT.post(URL, content=b"one").text))
    seen.append(("tool", run.call("pay", lambda amount: {"paid": amount}, 100)))
    run.now()
    with CLIENT.stream("POST", URL, content=b"two") as answer:
        seen.append(("post", b"".join(answer.iter_bytes()).decode()))
    len(run.tape)
    seen.append(("post", CLIENT.post(URL, content=b"three").text))
    run.flush()


async def aagent(run, seen):
    async with httpx.AsyncClient(transport=httpx.MockTransport(model)) as client:

        async def ask(body):
            return (await client.post(URL, content=body)).text

        first = await ask(b"one")
        await run.aflush()
        seen.append(("post", first))
        seen.append(("tool", await run.acall("pay", lambda amount: {"paid": amount}, 100)))
        run.now()
        answers = await asyncio.gather(ask(b"two"), ask(b"three"))
        await run.aflush()
        seen.extend(("post", answer) for answer in answers)
        len(run.tape)


def block(started, seen):
    with started() as run:
        agent(run, seen)


async def ablock(started, seen):
    async with started() as run:
        await aagent(run, seen)


def attributes():
    """Everything that is replaced while a run is in progress, with what stands there."""
    doors = (spawning, network, processes, curl, grpc, intercept, *chance._PATCHES.values())
    targets = [(owner, name) for own in doors for owner, name, _ in own._targets()]
    more = [
        (threading.Thread, "start"), (concurrent.futures.ThreadPoolExecutor, "submit"),
        (asyncio.BaseEventLoop, "create_task"), (socket.socket, "connect"), (socket, "getaddrinfo"),
        (ssl.SSLSocket, "send"), (subprocess.Popen, "__init__"), (os, "fork"), (time, "time"),
        (random, "random"), (random, "gauss"), (uuid, "uuid4"), (httpx.Client, "_transport_for_url"),
        (httpx.AsyncClient, "_transport_for_url"), (uuid.uuid4, "__code__"), (uuid.uuid1, "__code__"),
        (random._inst, "__class__"), (builtins, "__import__"), (random.SystemRandom.getrandbits, "__code__"),
        (sys.modules[__name__], "datetime"), (sys.modules[__name__], "dt"),
    ]  # fmt: skip
    return {
        (repr(owner), name): vars(owner).get(name) if isinstance(owner, type) else getattr(owner, name)
        for owner, name in [*targets, *more]
    }


class Tracer:
    """Does `what` at instruction `at` of the frames that are looked at, and `again` instructions later."""

    def __init__(self, at, what, again=0):
        self.at, self.what, self.again, self.count, self.hits = at, what, again, 0, 0

    def __call__(self, frame, event, arg):
        code = frame.f_code
        if not (code.co_filename.startswith(OURS) or code in FRAMES):
            return None
        frame.f_trace_opcodes = True
        self.step()
        return self.local

    def local(self, frame, event, arg):
        if event != "exception":
            self.step()
        return self.local

    def step(self):
        self.count += 1
        if self.count == self.at:
            self.hits += 1
            if self.again:
                self.at += self.again
                self.again = 0
            else:
                sys.settrace(None)
            self.what()


FRAMES = {block.__code__, ablock.__code__, agent.__code__, aagent.__code__}


def raise_it(*_):
    raise KeyboardInterrupt


def ctrl_c():
    signal.getsignal(signal.SIGINT)(signal.SIGINT, None)


class Trial:
    """One run that is interrupted once, in a way and at a moment that the seed names."""

    def __init__(self, seed, way, verb, store, style, folder, tape):
        self.chance = random.Random(seed)
        self.way, self.verb, self.style, self.tape = way, verb, style, tape
        self.store = Path(folder) / f"{seed}-{store}" if store and verb != "replay" else None
        if store == "memory" and verb != "replay":
            self.store = tracefork.TapeStore.open(":memory:")
        self.seen, self.landed, self.came, self.stayed = [], False, None, None
        self.virtualize = ("time", "uuid", "random", "secrets") if self.chance.random() < 0.3 else ()

    def started(self):
        how = {"virtualize": self.virtualize}
        match self.verb:
            case "record":
                self.run = tracefork.record(self.store, run_id="r", **how)
            case "replay":
                self.run = tracefork.replay(self.tape, patience=5, **how)
            case "resume":
                self.run = tracefork.resume(self.tape, self.store, run_id="r", patience=5, **how)
            case "fork":
                self.run = tracefork.fork(self.tape, 1, store=self.store, run_id="r", patience=5, **how)
        return self.run

    def body(self):
        if self.style == "sync":
            block(self.started, self.seen)
        else:
            asyncio.run(ablock(self.started, self.seen))

    def ask(self, *_):
        """What a handler does that asks the run, on whatever thread and in the middle of whatever."""
        sys.settrace(None)
        run = current.current()
        if run is None or run.over:
            return
        self.asked = True
        try:
            if run.live:
                CLIENT.post(URL, content=b"by a handler")
                run.call("log", lambda: "by a handler")
                run.now()
            len(run.tape)
        except (tracefork.TraceforkError, RuntimeError) as exc:
            self.came = noted(exc)

    def attempt(self, length, took):
        """Run the body with the interrupt on its way; what it raised is in `came`."""
        chance = self.chance
        # A Ctrl-C amid `asyncio.run`'s clean-up leaves its handler behind, which raises in every later loop.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.way.startswith("traced") or self.way == "asked":
            what = self.ask if self.way == "asked" else raise_it
            again = chance.randrange(1, 300) if self.way == "traced twice" else 0
            tracer = Tracer(chance.randrange(1, length), what, again)
            sys.settrace(tracer)
            try:
                self.body()
            except BaseException as exc:
                self.came = noted(exc)
            finally:
                sys.settrace(None)
            self.landed = tracer.hits > 0
        elif self.way in ("signal", "asked by a signal"):

            def handler(*_):
                self.landed = True
                (ctrl_c if self.way == "signal" else self.ask)()

            signal.signal(signal.SIGALRM, handler)
            try:
                signal.setitimer(signal.ITIMER_REAL, chance.uniform(1e-5, took * 1.1))
                self.body()
                signal.setitimer(signal.ITIMER_REAL, 0)
            except BaseException as exc:
                self.came = noted(exc)
            finally:
                signal.setitimer(signal.ITIMER_REAL, 0)
        else:
            worker = threading.Thread(target=self.on_a_thread)
            worker.start()
            time.sleep(chance.uniform(0, took))
            if worker.is_alive():
                ctypes.pythonapi.PyThreadState_SetAsyncExc(
                    ctypes.c_ulong(worker.ident), ctypes.py_object(KeyboardInterrupt)
                )
            worker.join()

    def on_a_thread(self):
        try:
            self.body()
            for _ in range(100):  # what was sent and has not come yet comes here
                pass
        except BaseException as exc:
            self.came, self.landed = noted(exc), True
        self.stayed = self.patched()

    def patched(self):
        return [name for name, was in ORIGINALS.items() if attributes()[name] is not was]

    def wrong(self):
        """What is not as it is promised, in words."""
        stayed = self.stayed if self.stayed is not None else self.patched()
        problems = (
            [f"{len(stayed)} stay patched, {stayed[0]} for one: {self.came and self.came.how}"]
            if stayed
            else []
        )
        if lanes.current() is not None or lanes._everywhere or current._open:
            problems.append(f"stays: {lanes.current()} {lanes._everywhere} {current._open}")
        if self.way.startswith("asked"):
            if self.came is not None and self.verb == "record":
                problems.append(f"a handler that asked brought {self.came}")
        elif self.landed and self.came is not None and self.came.kind not in LET_THROUGH[self.style]:
            problems.append(f"something else came through: {self.came}")
        problems += self.lost()
        problems += self.cannot_go_on()
        return problems

    def lost(self):
        if self.store is None:
            return []
        fresh = isinstance(self.store, tracefork.TapeStore)
        if not fresh and not self.store.exists():
            return [f"{self.seen} are lost with their store"] if self.seen else []
        store = self.store if fresh else tracefork.TapeStore.open(self.store)
        problems = [str(finding) for finding in store.check()]
        if "r" not in store:
            return problems + ([f"{self.seen} are lost with their run"] if self.seen else [])
        tape = store.load("r")
        kept = [
            ("post", x.response.body.decode())
            for x in tape.exchanges
            if isinstance(x.answer, tracefork.Response)
        ]
        kept += [("tool", {"paid": 100}) for effect in tape.effects if effect.call.name == "pay"]
        problems += [f"lost: {one}" for one in self.seen if one not in kept]
        if self.came is None and not self.landed and tape.outcome.kind != "returned":
            problems.append(f"it was not interrupted, and ended as {tape.outcome}")
        if tape.outcome.kind == "raised" and tape.outcome.type not in ENDS:
            problems.append(f"it ended as {tape.outcome}")
        if not fresh:
            store.close()
        return problems

    def cannot_go_on(self):
        started = time.monotonic()
        with tracefork.record(self.store, run_id="again") as run:
            CLIENT.post(URL, content=b"again")
        problems = [] if len(run.tape) == 1 else ["it does not record again"]
        if time.monotonic() - started > 2:
            problems.append(f"to record again took {time.monotonic() - started:.1f} s")
        until = time.monotonic() + 2
        while _thread._count() > THREADS and time.monotonic() < until:
            time.sleep(0.001)
        if _thread._count() > THREADS:
            problems.append(f"{_thread._count() - THREADS} threads are left")
        return problems


def noted(exc):
    """What is to be known of an exception; itself, it would hold the frames that it went through."""
    return Raised(type(exc).__name__, repr(exc), "".join(traceback.format_exception(exc)[-12:]))


class Raised(NamedTuple):
    kind: str
    what: str
    how: str

    def __str__(self):
        return self.what


ORIGINALS = attributes()
THREADS = 0


def recorded(style):
    with tracefork.record(run_id="parent") as run:
        agent(run, []) if style == "sync" else asyncio.run(aagent(run, []))
    return run.tape


def trials(seeds, folder):
    """Make a trial of each seed; what is wrong, by seed, and how many landed, by way."""
    global THREADS  # noqa: PLW0603  as of when nothing of ours is there yet
    THREADS = _thread._count()
    sys.unraisablehook = lambda _: None  # a second interrupt, in the finalizer that leaves a block
    tapes = {style: recorded(style) for style in STYLES}
    known, landed, wrong = {}, {}, []
    gc.disable()
    for seed in seeds:
        faulthandler.dump_traceback_later(HANG, exit=True)
        chance = random.Random(f"kind {seed}")
        kind = chance.choice(WAYS), chance.choice(VERBS), chance.choice(STORES), chance.choice(STYLES)
        way, verb, store, style = kind
        if way == "sent":
            style, kind = "sync", (way, verb, store, "sync")
        if kind[1:] not in known:
            known[kind[1:]] = measured(*kind[1:], folder, tapes[style])
        length, took = known[kind[1:]]
        trial = Trial(seed, *kind, folder, tapes[style])
        trial.attempt(length, took)
        landed[way] = landed.get(way, 0) + trial.landed
        wrong += [f"seed {seed}, {', '.join(kind)}: {problem}" for problem in trial.wrong()]
        if len(wrong) > MOST:
            break
        del trial
        if seed % 20 == 0:
            gc.collect()
    faulthandler.cancel_dump_traceback_later()
    gc.enable()
    return wrong, landed


def measured(verb, store, style, folder, tape):
    """How many instructions such a run has that are looked at, and how many seconds it takes untraced."""
    trial = Trial(f"measured {verb} {style}", "traced", verb, store, style, folder, tape)
    tracer = Tracer(0, raise_it)
    sys.settrace(tracer)
    trial.body()
    sys.settrace(None)
    trial = Trial(f"timed {verb} {style}", "traced", verb, store, style, folder, tape)
    started = time.perf_counter()
    trial.body()
    return tracer.count, time.perf_counter() - started


def interrupt(count, seed=0):
    """Make `count` trials that land, in processes of their own; how many landed, by way.

    Raises:
        AssertionError: a claim is broken; the message says how, and by which seeds.
    """
    landed, wrong, first = {}, [], seed * 1_000_000
    while sum(landed.values()) < count:
        size = min(CHUNK, max(20, count - sum(landed.values())))
        words = ["--from", str(first), "--trials", str(size)]
        done = subprocess.run(
            [sys.executable, "-m", "tests.reliability.interrupts", *words],
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
            cwd=Path(__file__).parents[2],
        )
        assert done.returncode == 0, f"seeds from {first}: it hung or died\n{done.stdout}\n{done.stderr}"
        said = json.loads(done.stdout.splitlines()[-1])
        wrong += said["wrong"]
        landed = {way: landed.get(way, 0) + said["landed"].get(way, 0) for way in WAYS}
        first += size
    assert not wrong, "\n".join([f"{len(wrong)} claims are broken", *wrong[:40]])
    return landed


def main():
    parser = argparse.ArgumentParser(description="Interrupt runs, many times.")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--from", dest="first", type=int, help="make trials of these seeds here, and say JSON"
    )
    parser.add_argument("--trials", type=int, default=CHUNK)
    options = parser.parse_args()
    if options.first is not None:
        with tempfile.TemporaryDirectory() as folder:
            wrong, landed = trials(range(options.first, options.first + options.trials), folder)
        print(json.dumps({"wrong": wrong, "landed": landed}))
        print("\n".join(wrong), file=sys.stderr)
        return
    started = time.monotonic()
    landed = interrupt(options.count, options.seed)
    words = ", ".join(f"{way} {number}" for way, number in landed.items())
    print(
        f"{sum(landed.values())} interrupts ({words}): 0 hangs, 0 patches left, 0 acknowledged steps lost, "
        f"{time.monotonic() - started:.0f} s"
    )


if __name__ == "__main__":
    sys.exit(main())
