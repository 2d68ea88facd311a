"""What forked children of a recorded process do, in an interpreter that has one thread and may fork.

    python tests/forking.py record FOLDER/STORE STYLE CHILD...    a child is forked amid a recorded run
    python tests/forking.py replay CHILD...                       amid a replay

Says as JSON, a line for each CHILD, how it ended, and what the run that it was forked from came to.
Each run has a process of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path

import httpx

import tracefork
from tracefork.errors import Refused, TraceforkError
from tracefork.isolation import network
from tracefork.session import current
from tracefork.transports import intercept

warnings.simplefilter("ignore", DeprecationWarning)  # of forks beside threads: they are the point here
URL = "https://model.example/"
PATIENCE = 20  # seconds
STORES = []


class Body(httpx.SyncByteStream):
    def __iter__(self):
        yield from (b"a", b"b", b"c")


def model(request):
    return (
        httpx.Response(200, stream=Body()) if request.read() == b"stream" else httpx.Response(200, text="ok")
    )


CLIENT = httpx.Client(transport=httpx.MockTransport(model))
ACLIENT = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, text="ok")))


def post(body):
    return CLIENT.post(URL, content=body).text


def is_clean():
    targets = [*network._targets(), *intercept._targets()]
    return not any(
        hasattr(getattr(owner, name), "__wrapped__") for owner, name, _ in targets if name != "__init__"
    )


def wait(child):
    """The exit code of a child; one that hangs is killed, and said to have hung."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.005)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "it hung"


def forked(work):
    """The exit code of a child that does `work`: 0, or 1 if that raises."""
    if (child := os.fork()) == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return wait(child)


# -- what a child of a recording does: it returns into the block, unless it leaves it here --


def falls_through(run):
    pass


def exits(run):
    sys.exit(3)


def raises(run):
    raise ValueError("in a child")


def asks(run):
    """As if there were no run."""
    assert post("by a child") == "ok"
    assert run.call("pay", lambda: 7) == 7
    assert asyncio.run(run.acall("pay", lambda: 8)) == 8
    assert list(run.call("count", lambda: (yield 1))) == [1]
    run.now(), run.random(), run.uuid4(), run.choice("ab"), run.env("HOME"), run.flush()
    len(run.escaped)
    assert asyncio.run(ACLIENT.post(URL)).text == "ok"
    assert tracefork.current() is None


def asks_on_a_thread(run):
    failed = []

    def work():
        try:
            post("by a child"), run.call("pay", lambda: 7)
        except BaseException as exc:
            failed.append(exc)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(PATIENCE)
    assert not failed and not thread.is_alive()


def reads_the_tape(run):
    with contextlib.suppress(TraceforkError):
        len(run.tape)


def records_itself(run):
    assert is_clean()
    with tracefork.record(":memory:") as mine:
        post("by a child"), mine.call("pay", lambda: 7)
        assert tracefork.current() is mine
    assert len(mine.tape) == len(mine.tape.effects) == 1 and mine.tape.outcome.kind == "returned"
    assert tracefork.current() is None and is_clean()


def records_into_the_same_store(run):
    with tracefork.record(STORES[-1], run_id="child") as mine:
        post("by a child")
    assert len(mine.tape) == 1


def forks_again(run):
    assert forked(lambda: (asks(run), records_itself(run))) == 0
    records_itself(run)
    assert forked(lambda: records_itself(run)) == 0


def collects(run):
    gc.collect()


# -- what the parent does meanwhile, where that matters; True in a child that goes on from there --


def in_a_tool(run):
    def tool():
        if (child := os.fork()) == 0:
            return "child"
        assert wait(child) == 0
        return "parent"

    return run.call("forks", tool) == "child"


def in_a_tool_that_raises(run):
    def tool():
        if (child := os.fork()) == 0:
            raise KeyError("in a child")
        assert wait(child) == 0

    try:
        run.call("forks", tool)
    except KeyError:
        return True
    return False


def amid_a_stream(run):
    with CLIENT.stream("POST", URL, content="stream") as answer:
        rest = answer.iter_raw()
        next(rest)
        if (child := os.fork()) == 0:
            assert list(rest) == [b"b", b"c"]
            return True
        assert wait(child) == 0
        assert list(rest) == [b"b", b"c"]
    return False


def amid_a_stream_that_the_child_closes(run):
    answer = CLIENT.send(CLIENT.build_request("POST", URL, content="stream"), stream=True)
    if (child := os.fork()) == 0:
        answer.close()
        return True
    assert wait(child) == 0
    assert answer.read() == b"abc"
    return False


def amid_a_stream_that_the_child_drops(run):
    answer = CLIENT.send(CLIENT.build_request("POST", URL, content="stream"), stream=True)
    if (child := os.fork()) == 0:
        del answer
        gc.collect()
        return True
    assert wait(child) == 0
    assert answer.read() == b"abc"
    return False


def amid_a_generator(run):
    items = run.call("count", lambda: (yield from (1, 2, 3)))
    next(items)
    if (child := os.fork()) == 0:
        del items
        gc.collect()
        return True
    assert wait(child) == 0
    assert list(items) == [2, 3]
    return False


def on_a_thread(run):
    codes = []
    thread = threading.Thread(target=lambda: codes.append(forked(lambda: (asks(run), records_itself(run)))))
    thread.start()
    thread.join(PATIENCE)
    assert codes == [0]


def beside_busy_threads(run):
    """Whatever they hold at that moment, the child has nobody to wait for."""
    stop = threading.Event()

    def busy(number):
        while not stop.is_set():
            post(f"busy {number}"), run.call("busy", lambda: number), run.now(), len(run.escaped)

    threads = [threading.Thread(target=busy, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    codes = [forked(lambda: (asks(run), records_itself(run))) for _ in range(8)]
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
    assert codes == [0] * 8


def by_a_pool(run):
    with multiprocessing.get_context("fork").Pool(3) as pool:
        assert pool.map(post, ["by a child"] * 9) == ["ok"] * 9


def by_a_process(run):
    process = multiprocessing.get_context("fork").Process(target=asks, args=(run,))
    process.start()
    process.join(PATIENCE)
    assert process.exitcode == 0


def by_forkpty(run):
    child, terminal = os.forkpty()
    if child == 0:
        asks(run)
        return True
    assert wait(child) == 0
    os.close(terminal)
    return False


CHILDREN = (
    falls_through, exits, raises, asks, asks_on_a_thread, reads_the_tape, records_itself,
    records_into_the_same_store, forks_again, collects,
)  # fmt: skip
PARENTS = (
    in_a_tool, in_a_tool_that_raises, amid_a_stream, amid_a_stream_that_the_child_closes,
    amid_a_stream_that_the_child_drops, amid_a_generator, on_a_thread, beside_busy_threads, by_a_pool,
    by_a_process, by_forkpty,
)  # fmt: skip


def body(run, name):
    """The agent; (whether this is a child, how the other one ended)."""
    post("one")
    ended = None
    if parent := {work.__name__: work for work in PARENTS}.get(name):
        if parent(run):
            return True, None
    else:
        if (child := os.fork()) == 0:
            {work.__name__: work for work in CHILDREN}[name](run)
            return True, None
        ended = wait(child)
    run.call("pay", lambda: 100)
    post("two")
    run.flush()
    return False, ended


def record(name, store, style):
    STORES.append(store)
    if style == "async":

        async def main():
            async with tracefork.record(store, run_id="r") as run:
                return body(run, name)

        is_child, ended = asyncio.run(main())
    else:
        with tracefork.record(store, run_id="r") as run:
            is_child, ended = body(run, name)
    clean = is_clean() and not current._open
    if is_child:
        os._exit(0 if clean else 5)
    opened = tracefork.TapeStore.open(store)
    tape = opened.load("r")
    said = {
        "name": name,
        "child": ended,
        "asked": [x.request.body.decode() for x in tape if not x.request.body.startswith(b"busy")],
        "tools": [e.call.name for e in tape.effects if e.call.name == "pay"],
        "outcome": str(tape.outcome),
        "findings": [str(finding) for finding in opened.check()],
        "clean": clean,
        "escaped": [str(e) for e in tape.escaped][:1],
    }
    print(json.dumps(said), flush=True)


# -- a replay --


def is_refused(run):
    for ask in (
        lambda: post("two"),
        lambda: CLIENT.post("https://other.example/", content="x"),
        lambda: run.call("pay", lambda: 100),
        lambda: asyncio.run(run.acall("pay", lambda: 100)),
        lambda: asyncio.run(ACLIENT.post(URL)),
        lambda: socket.create_connection(("127.0.0.1", 9), 1),
        run.now,
        run.random,
    ):
        try:
            ask()
        except Refused:
            continue
        raise AssertionError(f"{ask} was not refused")
    len(run.tape), run.flush(), len(run.escaped)


def replay(name):
    def agent(run):
        post("one"), run.call("pay", lambda: 100)
        if name and (child := os.fork()) == 0:
            {work.__name__: work for work in (is_refused, falls_through, exits, raises)}[name](run)
            return True, None
        ended = wait(child) if name else None
        run.now(), post("two")
        return False, ended

    wanted = name
    name = ""
    with tracefork.record() as run:
        agent(run)
    name = wanted
    with tracefork.replay(run.tape, patience=5) as again:
        is_child, ended = agent(again)
    if is_child:
        os._exit(0 if is_clean() else 5)
    same = again.tape.digest() == run.tape.digest()
    print(json.dumps({"name": name, "child": ended, "same": same, "clean": is_clean()}), flush=True)


def main():
    kind, *words = sys.argv[1:]
    names = words if kind == "replay" else words[2:]
    for name in names:
        if (worker := os.fork()) == 0:
            if kind == "replay":
                replay(name)
            else:
                store = Path(words[0])
                record(name, str(store.with_name(f"{name}-{store.name}")), words[1])
            os._exit(0)
        if (code := wait(worker)) != 0:
            print(json.dumps({"name": name, "ended with": code}), flush=True)


if __name__ == "__main__":
    main()
