"""An agent that stops listening (it closes, cancels, is late, is interrupted) does so again in a replay."""

from __future__ import annotations

import asyncio
import signal
import threading
import time
from contextlib import contextmanager

import pytest
from clients import KINDS, all_kinds, async_kinds, kinds, proves, raised
from misbehaving import LAST, Misbehaving, Move, chunked, response

import tracefork
from tracefork.core.values import CANCELLED
from tracefork.errors import Stalled

BREATHE, STALL = Move.BREATHE, Move.STALL
TWO = chunked(b"one\n", b"two\n")
HANGS = [TWO, STALL]
WHOLE = [TWO + LAST]
sync_kinds = pytest.mark.parametrize("kind", [k for k in KINDS if k.how == "sync"], ids=str)


# -- closing early -----------------------------------------------------------------------------


@kinds
@pytest.mark.parametrize("reader", ["aiter_raw", "aiter_bytes", "aiter_text", "aiter_lines"])
@pytest.mark.parametrize("play", [HANGS, WHOLE], ids=["while more comes", "at the end"])
def test_a_stream_that_is_left_early(kind, reader, play, tmp_path):
    async def agent(client):
        async with client.stream("POST", server.url) as response:
            async for piece in getattr(response, reader)():
                return piece, response.num_bytes_downloaded, response.is_closed
        raise AssertionError("nothing came")

    with Misbehaving(play) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[0] in (b"one\n", "one\n", "one")
    assert tape[0].response.chunks == (b"one\n",)
    assert tape[0].response.end == "closed"


@kinds
def test_a_response_that_is_closed_before_it_is_read(kind, tmp_path):
    async def agent(client):
        response = await client.send(client.build_request("POST", server.url), stream=True)
        await response.aclose()
        await response.aclose()
        try:
            await response.aread()
        except Exception as exc:
            return response.status_code, response.is_closed, raised(exc)

    with Misbehaving(HANGS) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[2][0] is kind.lib.StreamClosed
    assert tape[0].response.chunks == ()
    assert tape[0].response.end == "closed"


@kinds
def test_a_response_that_is_closed_while_it_is_read(kind, tmp_path):
    async def agent(client):
        got = []
        response = await client.send(client.build_request("POST", server.url), stream=True)
        try:
            async for chunk in response.aiter_raw():
                got.append(chunk)
                await response.aclose()
                break
        except Exception as exc:
            got.append(raised(exc))
        return got

    with Misbehaving(HANGS) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == [b"one\n"]
    assert tape[0].response.end == "closed"


@kinds
def test_a_client_that_is_closed_in_mid_stream(kind, tmp_path):
    """What the next read comes to is the library's affair, live as in replay."""

    async def agent(client):
        got = []
        async with client.stream("POST", server.url) as response:
            try:
                async for chunk in response.aiter_raw():
                    got.append(chunk)
                    if chunk == b"two\n":
                        await client.aclose()
            except Exception as exc:
                got.append(raised(exc))
        try:
            await client.post(server.url)
        except RuntimeError as exc:
            got.append(raised(exc))
        return got

    with Misbehaving(HANGS) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[:2] == [b"one\n", b"two\n"]
    assert got[-1][0] is RuntimeError
    assert len(tape) == 1


@kinds
def test_a_stream_that_the_agents_own_exception_leaves(kind, tmp_path):
    async def agent(client):
        try:
            async with client.stream("POST", server.url) as response:
                async for chunk in response.aiter_raw():
                    raise LookupError(chunk)
        except LookupError as exc:
            return exc.args

    with Misbehaving(HANGS) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == (b"one\n",)
    assert tape[0].response.end == "closed"


# -- cancelling --------------------------------------------------------------------------------


def after(kind, seconds):
    """A deadline of the kind's own framework: `with` or `async with` it."""
    if kind.how == "trio":
        return pytest.importorskip("trio").fail_after(seconds)
    return asyncio.timeout(seconds)


async def timed(kind, seconds, scenario):
    """What `scenario()` comes to, or "late"."""
    deadline = after(kind, seconds)
    try:
        if kind.how == "trio":
            with deadline:
                return await scenario()
        async with deadline:
            return await scenario()
    except Exception as exc:
        if type(exc).__name__ not in ("TimeoutError", "TooSlowError"):
            raise
        return "late"


@async_kinds
def test_a_deadline_before_the_head(kind, tmp_path):
    async def agent(client):
        return await timed(kind, 0.25, lambda: client.post(server.url, content=b"q"))

    with Misbehaving([STALL]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == "late"
    assert tape[0].answer == CANCELLED


@async_kinds
def test_a_deadline_amid_the_body(kind, tmp_path):
    async def agent(client):
        got = []

        async def listen():
            async with client.stream("POST", server.url) as response:
                async for chunk in response.aiter_raw():
                    got.append(chunk)

        return await timed(kind, 0.25, listen), got

    with Misbehaving(HANGS) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == ("late", [b"one\n", b"two\n"])
    assert tape[0].response.chunks == (b"one\n", b"two\n")
    assert tape[0].response.end == "cancelled"


@async_kinds
def test_a_deadline_that_is_kept_changes_nothing(kind, tmp_path):
    async def agent(client):
        return (await timed(kind, 4, lambda: client.post(server.url, content=b"q"))).content

    with Misbehaving(WHOLE) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == b"one\ntwo\n"
    assert tape[0].response.end == "eof"


async def given_up(kind, scenario, event):
    """Start `scenario(event)` beside us, and give it up soon after it says so; return how it ended."""
    if kind.how == "trio":
        trio = pytest.importorskip("trio")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(scenario, event)
            await event.wait()
            await trio.sleep(0.05)
            nursery.cancel_scope.cancel()
        return "cancelled"
    task = asyncio.create_task(scenario(event))
    await event.wait()
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    return "cancelled" if task.cancelled() else "ended"


def an_event(kind):
    return pytest.importorskip("trio").Event() if kind.how == "trio" else asyncio.Event()


@async_kinds
def test_a_task_that_is_cancelled_before_the_head(kind, tmp_path):
    async def agent(client):
        async def ask(event):
            event.set()
            await client.post(server.url, content=b"q")

        first = await given_up(kind, ask, an_event(kind))
        return first, (await client.post(server.url, content=b"again")).content

    def answer(request):
        yield from [response(b"here")] if request.endswith(b"again") else [STALL]

    with Misbehaving(answer) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == ("cancelled", b"here")
    assert tape[0].answer == CANCELLED
    assert len(tape) == 2


@async_kinds
def test_a_task_that_is_cancelled_amid_the_body(kind, tmp_path):
    async def agent(client):
        got = []

        async def listen(event):
            async with client.stream("POST", server.url) as response:
                async for chunk in response.aiter_raw():
                    got.append(chunk)
                    if len(got) == 2:
                        event.set()

        return await given_up(kind, listen, an_event(kind)), got

    with Misbehaving(HANGS) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == ("cancelled", [b"one\n", b"two\n"])
    assert tape[0].response.end == "cancelled"


@async_kinds
def test_a_cancellation_that_never_comes_again_stalls(kind):
    async def agent(client):
        return await timed(kind, wait, lambda: client.post(server.url, content=b"q"))

    with Misbehaving([STALL]) as server, tracefork.record() as run:
        wait = 0.05
        kind.run(agent)
    wait = 30
    began = time.monotonic()
    with pytest.raises(Stalled), tracefork.replay(run.tape, patience=0.3):
        kind.run(agent)

    assert time.monotonic() - began < 5


# -- interrupting ------------------------------------------------------------------------------


@contextmanager
def interrupted(seconds):
    """Ctrl-C in so many seconds, to the main thread, as a terminal would do it."""
    main = threading.main_thread().ident
    done = threading.Event()

    def press():
        if not done.wait(seconds):
            signal.pthread_kill(main, signal.SIGINT)

    hand = threading.Thread(target=press)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    hand.start()
    try:
        yield
    finally:
        done.set()
        hand.join()
        signal.signal(signal.SIGINT, before)


@pytest.mark.slow
@sync_kinds
@pytest.mark.parametrize("play", [[STALL], HANGS], ids=["before the head", "amid the body"])
def test_an_interrupt_while_the_agent_waits(kind, play, tmp_path):
    async def agent(client):
        got = []
        try:
            with interrupted(0.25):
                async with client.stream("POST", server.url) as response:
                    async for chunk in response.aiter_raw():
                        got.append(chunk)
        except KeyboardInterrupt:
            got.append("interrupted")
        return got

    with Misbehaving(play) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    if play is HANGS:
        assert got == [b"one\n", b"two\n", "interrupted"]
        assert tape[0].response.end == "cancelled"
    else:
        assert got == ["interrupted"]
        assert tape[0].answer == CANCELLED


@sync_kinds
def test_an_interrupt_that_leaves_the_run(kind):
    async def agent(client):
        async with client.stream("POST", server.url) as response:
            async for _ in response.aiter_raw():
                raise KeyboardInterrupt

    with Misbehaving(HANGS) as server:
        with pytest.raises(KeyboardInterrupt), tracefork.record() as run:
            kind.run(agent)
    with pytest.raises(KeyboardInterrupt), tracefork.replay(run.tape, patience=5) as again:
        kind.run(agent)

    assert run.tape.outcome.type == "KeyboardInterrupt"
    assert run.tape[0].response.chunks == (b"one\n",)
    assert again.tape.digest() == run.tape.digest()


# -- reading twice, and too late -----------------------------------------------------------------


@all_kinds
def test_a_stream_that_is_read_twice(kind, tmp_path):
    async def agent(client):
        async with client.stream("POST", server.url) as response:
            got = [chunk async for chunk in response.aiter_raw()]
            for again in (response.aiter_raw, response.aiter_bytes):
                try:
                    async for chunk in again():
                        got.append(chunk)
                except Exception as exc:
                    got.append(raised(exc))
        return got

    with Misbehaving(WHOLE) as server:
        got, _ = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[:2] == [b"one\n", b"two\n"]
    assert [exc[0] for exc in got[2:]] == [kind.lib.StreamConsumed] * 2


@all_kinds
def test_a_body_that_is_asked_for_too_early_or_too_late(kind, tmp_path):
    async def agent(client):
        got = []
        async with client.stream("POST", server.url) as response:
            try:
                got.append(response.content)
            except Exception as exc:
                got.append(raised(exc))
        try:
            async for chunk in response.aiter_bytes():
                got.append(chunk)
        except Exception as exc:
            got.append(raised(exc))
        return got

    with Misbehaving(WHOLE) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert [exc[0] for exc in got] == [kind.lib.ResponseNotRead, kind.lib.StreamClosed]
    assert tape[0].response.end == "closed"
