"""While it is recorded, a stream reaches the agent chunk by chunk; in a replay, in the same chunks."""

from __future__ import annotations

import asyncio

import httpx
import httpx2
import pytest

import tracefork
from tracefork import Response
from tracefork.testing.scripted import Script
from tracefork.testing.server import LoopbackServer

CHUNKS = tuple(b"data: %d\n\n" % n for n in range(20))
STREAM = Response(200, (("content-type", "text/event-stream"),), CHUNKS)


def read(lib, url, consumed):
    with lib.Client() as client, client.stream("POST", url, content=b"q") as response:
        return [(chunk, consumed())[0] for chunk in response.iter_raw()]


async def aread(lib, url, consumed):
    got = []
    async with lib.AsyncClient() as client, client.stream("POST", url, content=b"q") as response:
        async for chunk in response.aiter_raw():
            got.append(chunk)
            consumed()
    return got


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_each_chunk_is_sent_only_after_the_one_before_was_consumed(lib, how):
    def agent():
        return read(lib, url, consumed) if how == "sync" else asyncio.run(aread(lib, url, consumed))

    with LoopbackServer(Script(STREAM), lockstep=True) as server, tracefork.record() as run:
        url, consumed = server.url, server.consumed
        live = agent()
        assert server.errors == ()
    consumed = lambda: None
    with tracefork.replay(run.tape) as again:
        replayed = agent()

    assert live == replayed == list(CHUNKS)
    assert again.tape[0].response.chunks == CHUNKS
    assert len(run.tape[0].timing.chunks) == len(CHUNKS)


def test_the_first_chunk_is_on_the_tape_before_the_agent_has_it():
    with LoopbackServer(Script(STREAM)) as server, tracefork.record() as run:
        with httpx.stream("POST", server.url) as response:
            chunk = next(response.iter_raw())

    assert run.tape[0].response.chunks == (chunk,)
    assert run.tape[0].response.end == "closed"


def test_a_body_that_nobody_closes_is_committed_when_the_run_is_left():
    client = httpx.Client()
    with LoopbackServer(Script(STREAM)) as server, tracefork.record() as run:
        response = client.send(client.build_request("GET", server.url), stream=True)
        next(response.iter_raw())
        assert len(run.tape) == 0
        assert len(run.tape.pending) == 1
    response.close()
    client.close()

    assert run.tape[0].response.end == "closed"
    assert run.tape.pending == ()


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_changed_body_is_served_with_its_own_length(lib):
    sent = Response(200, (("Content-Length", "5"), ("X-Request-Id", "r")), (b"12345",))

    def agent():
        response = lib.post(url, content=b"q")
        return response.text, response.headers["content-length"]

    with LoopbackServer(Script(sent)) as server, tracefork.record() as run:
        url = server.url
        agent()
    with tracefork.fork(run.tape, 0, lambda x: x.response.with_body(b"123456789")) as branch:
        got = agent()

    assert got == ("123456789", "9")
    assert ("Content-Length", "5") in branch.tape[0].response.headers


class Breaking(httpx.BaseTransport, httpx.AsyncBaseTransport, httpx.SyncByteStream, httpx.AsyncByteStream):
    """Breaks with an exception that has a cause and more to it than its text, at once or in mid-body."""

    def __init__(self, *, late):
        self.late = late
        self.error = OSError(5, "broken", "a file")
        self.error.__cause__ = KeyError("why")

    def handle_request(self, request):
        if not self.late:
            raise self.error
        return httpx.Response(200, stream=self)

    async def handle_async_request(self, request):
        return self.handle_request(request)

    def __iter__(self):
        yield b"some"
        raise self.error

    async def __aiter__(self):
        yield b"some"
        raise self.error


@pytest.mark.parametrize("late", [False, True], ids=["at once", "in mid-body"])
@pytest.mark.parametrize("how", ["sync", "async"])
def test_while_recording_the_agent_gets_the_very_exception_that_the_transport_raised(how, late):
    def agent():
        if how == "sync":
            with httpx.Client(transport=broken) as client:
                client.get("http://model/")

        async def main():
            async with httpx.AsyncClient(transport=broken) as client:
                await client.get("http://model/")

        asyncio.run(main())

    broken = Breaking(late=late)
    with tracefork.record() as run, pytest.raises(OSError) as live:
        agent()
    with tracefork.replay(run.tape) as again, pytest.raises(OSError) as replayed:
        agent()

    assert live.value is broken.error
    assert (live.value.errno, repr(live.value.__cause__)) == (5, "KeyError('why')")
    assert str(replayed.value) == str(live.value)
    assert again.tape.digest() == run.tape.digest()


@pytest.mark.xfail(strict=True, reason="between its head and its end, a stream has no ticks")
@pytest.mark.parametrize("leaving", [False, True], ids=["to the end", "at the first chunk"])
def test_chunks_of_streams_that_are_read_side_by_side_come_in_their_recorded_order(leaving):
    class Slow(httpx.AsyncByteStream):
        def __init__(self, wait):
            self.wait = wait

        async def __aiter__(self):
            await asyncio.sleep(self.wait)
            yield b"first"
            yield b"last"

    async def answer(request):
        return httpx.Response(200, stream=Slow(float(request.content)))

    def agent():
        came = []

        async def read(client, wait):
            async with client.stream("POST", "http://model/", content=wait) as response:
                async for chunk in response.aiter_raw():
                    came.append((wait, chunk))
                    if leaving:
                        break

        async def main():
            async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
                await asyncio.gather(*(read(client, wait) for wait in ("0.06", "0.03", "0")))

        asyncio.run(main())
        return came

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape):
        replayed = agent()

    assert live[0][0] == "0"
    assert replayed == live
