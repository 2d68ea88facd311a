"""An agent on aiohttp sees the same bare, recorded and replayed with its server gone."""

from __future__ import annotations

import asyncio
import gzip
import io
import zlib

import pytest
from aiohttps import aiohttp, at, echoing, pieces, proved, run, told
from misbehaving import LAST, Misbehaving, Move, chunked, response

import tracefork
from tracefork import Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.slow

BREATHE = Move.BREATHE

# -- requests ------------------------------------------------------------------------------------


def form(aiohttp=aiohttp):
    made = aiohttp.FormData()
    made.add_field("note", "hello")
    made.add_field("file", io.BytesIO(b"bytes of a file"), filename="a.txt", content_type="text/plain")
    return made


BODIES = {
    "nothing": dict,
    "bytes": lambda: {"data": b"bytes"},
    "text": lambda: {"data": "für"},
    "json": lambda: {"json": {"a": [1, 2]}},
    "fields": lambda: {"data": {"a": "1", "b": "2"}},
    "a form with a file": lambda: {"data": form()},
    "a file": lambda: {"data": io.BytesIO(b"bytes of a file")},
    "an async generator": lambda: {"data": pieces()},
    "compressed": lambda: {"data": b"squeeze" * 100, "compress": True},
    "chunked": lambda: {"data": b"bytes", "chunked": True},
    "expecting": lambda: {"data": b"bytes", "expect100": True},
    "cookies and auth": lambda: {"cookies": {"a": "b"}, "headers": {"Authorization": "Bearer 1"}},
    "params": lambda: {"params": {"q": "a b", "r": "ü"}},
}


@pytest.mark.parametrize("name", BODIES)
def test_whatever_is_asked_arrives_and_is_kept(name, tmp_path):
    async def agent(session):
        async with session.post(f"{server.url}/a", **BODIES[name]()) as response:
            return len(await response.read())  # the boundary of a form is another each time

    with echoing() as server:
        _, tape = proved(agent, server, tmp_path)
        sent = server.requests[-1]

    assert tape[0].request.url == sent.url
    if name == "compressed":
        assert zlib.decompress(sent.body) == tape[0].request.body
        assert dict(sent.headers)["Content-Encoding"] == "deflate"
    else:
        assert tape[0].request.body == sent.body
    assert [n for n, _ in tape[0].request.headers if n == "Cookie"] == [
        n for n, _ in sent.headers if n == "Cookie"
    ]


def test_a_body_that_is_longer_than_is_kept_leaves_whole(tmp_path):
    async def long():
        for _ in range(100):
            yield b"x" * 1000

    async def agent(session):
        async with session.post(server.url, data=long()) as response:
            return len(await response.read())

    with echoing() as server:
        with tracefork.record(max_body=5000) as recorded:
            assert run(agent) == 100_000
        assert len(server.requests[0].body) == 100_000

    assert recorded.tape[0].request.omitted.length == 100_000
    assert recorded.tape[0].response.omitted.length == 100_000


def test_a_generator_that_fails_fails_the_request_as_it_does(tmp_path):
    async def broken():
        yield b"so far"
        raise ValueError("no more")

    async def agent(session):
        got = await told(session.post(server.url, data=broken()))
        return got[0], "no more" in got[1]

    with echoing() as server:
        (kind, _), tape = proved(agent, server, tmp_path)

    assert kind is aiohttp.ClientConnectionError
    assert tape[0].request.body == b"so far"


# -- answers -------------------------------------------------------------------------------------

HEAD = [b"X-Twice: 1", b"x-twice: 2", b"Set-Cookie: a=1", b"Set-Cookie: b=2", "X-U: ü".encode()]


def test_a_head_is_the_same_to_its_last_byte(tmp_path):
    async def agent(session):
        async with session.get(server.url) as got:
            await got.read()
        cookies = sorted((cookie.key, cookie.value) for cookie in session.cookie_jar)
        seen = got.status, got.reason, got.version, got.raw_headers, list(got.headers.items())
        return *seen, cookies, got.method, str(got.url), got.connection, got.closed, got.ok, got.history

    with Misbehaving([response(b"body", *HEAD, status=b"207 Quite Multi")]) as server:
        got, tape = proved(agent, server, tmp_path)

    assert got[1] == "Quite Multi" and got[5] == [("a", "1"), ("b", "2")]
    assert tape[0].response.headers[1:3] == (("X-Twice", "1"), ("x-twice", "2"))


def test_an_old_version_of_http_and_no_reason(tmp_path):
    async def agent(session):
        async with session.get(server.url) as got:
            return got.version, got.reason, await got.text()

    with Misbehaving([b"HTTP/1.0 200\r\n\r\nuntil it closes", Move.CUT]) as server:
        got, tape = proved(agent, server, tmp_path)

    assert got == ((1, 0), "", "until it closes")
    assert tape[0].response.http_version == "HTTP/1.0"


@pytest.mark.parametrize("method", ["HEAD", "GET"])
@pytest.mark.parametrize("status", [b"200 OK", b"204 No Content", b"304 Not Modified"])
def test_an_answer_without_a_body(method, status, tmp_path):
    async def agent(session):
        first = await session.request(method, server.url)
        second = await session.request(method, server.url)
        return [(got.status, await got.read(), got.closed, got.content.at_eof()) for got in (first, second)]

    with Misbehaving([response(status=status)]) as server:
        _, tape = proved(agent, server, tmp_path)

    assert [x.response.end for x in tape] == ["eof", "eof"]


READS = {
    "read": lambda got: got.read(),
    "text": lambda got: got.text(),
    "any": lambda got: listed(got.content.iter_any()),
    "chunked": lambda got: listed(got.content.iter_chunked(7)),
    "chunks": lambda got: listed(got.content.iter_chunks()),
    "lines": lambda got: listed(got.content),
    "until": lambda got: got.content.readuntil(b"two"),
    "exactly": lambda got: got.content.readexactly(12),
    "mixed": lambda got: mixed(got.content),
}


async def listed(items):
    return [item async for item in items]


async def mixed(content):
    line = await content.readline()
    return line, await content.read(3), await content.readany()


BODY = [b"line one\nline ", b"two\n", b"and some more than seven", b"\n"]
SERVED = {
    "counted": [response(b"".join(BODY)[:5], length=len(b"".join(BODY))), BREATHE, b"".join(BODY)[5:]],
    "chunked": [chunked(*BODY[:2]), BREATHE, chunked(*BODY[2:]).partition(b"\r\n\r\n")[2] + LAST],
    "cut amid a chunk": [
        chunked(BODY[0]) + b"8\r\nin ",
        *[BREATHE] * 4,
        b"two\nx",
        *[BREATHE] * 4,
        b"\r\n5\r\nlast\n\r\n" + LAST,
    ],
    "till it closes": [b"HTTP/1.1 200 OK\r\n\r\n" + BODY[0], BREATHE, b"".join(BODY[1:]), Move.CUT],
    "gzip": [response(gzip.compress(b"".join(BODY), mtime=0), b"Content-Encoding: gzip")],
    "gzip in chunks": [
        chunked(gzip.compress(b"".join(BODY), mtime=0)[:20], headers=[b"Content-Encoding: gzip"]),
        BREATHE,
        chunked(gzip.compress(b"".join(BODY), mtime=0)[20:]).partition(b"\r\n\r\n")[2] + LAST,
    ],
}


@pytest.mark.parametrize("reads", READS)
@pytest.mark.parametrize("served", SERVED)
def test_a_body_comes_in_the_same_pieces(reads, served, tmp_path):
    async def agent(session):
        async with session.get(server.url) as got:
            return await READS[reads](got)

    with Misbehaving(SERVED[served]) as server:
        _, tape = proved(agent, server, tmp_path)

    assert tape[0].response.end == "eof" or reads in ("until", "exactly", "mixed")
    if served.startswith("gzip") and reads == "read":
        assert gzip.decompress(tape[0].response.body) == b"".join(BODY)


def test_a_body_is_left_encoded_where_the_agent_wants_it_so(tmp_path):
    async def agent(session):
        async with session.get(server.url) as got:
            return await got.read()

    packed = gzip.compress(b"body", mtime=0)
    with Misbehaving([response(packed, b"Content-Encoding: gzip")]) as server:
        assert proved(agent, server, tmp_path, auto_decompress=False)[0] == packed


def test_a_body_that_cannot_be_decoded(tmp_path):
    async def agent(session):
        got = await session.get(server.url)
        return await told(got.read()), got.closed

    with Misbehaving([response(b"no gzip at all", b"Content-Encoding: gzip")]) as server:
        got, _ = proved(agent, server, tmp_path)

    assert got[0][0] is aiohttp.ClientPayloadError


def test_events_reach_the_agent_as_they_are_sent(tmp_path):
    events = [b"data: %d\n\n" % n for n in range(5)]

    async def agent(session):
        heard = []
        async with session.get(server.url) as got:
            async for line in got.content:
                heard.append(line)
                if line == b"\n":
                    server.consumed()
        return heard

    rule = by_rule(lambda _: Response(200, (("Content-Type", "text/event-stream"),), tuple(events)))
    with LoopbackServer(rule, lockstep=True) as server:
        with tracefork.record() as recorded:
            live = run(agent)
    with tracefork.replay(recorded.tape) as again:
        assert run(agent) == live

    assert recorded.tape[0].response.chunks == tuple(events)
    assert again.tape.digest() == recorded.tape.digest()


def test_a_read_that_gave_up_may_go_on(tmp_path):
    async def agent(session):
        async with session.get(server.url) as got:
            first = await got.content.readany()
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(got.content.readany(), 0.05)
            go_on.set()
            return first, await got.read()

    go_on = asyncio.Event()

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(response(b"one, ", length=8))
        await go_on.wait()
        writer.write(b"two")
        await writer.drain()
        writer.close()

    async def main():
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
            nonlocal server
            server.url = at(listening.sockets[0])
            async with aiohttp.ClientSession() as session:
                return await agent(session)

    class server:  # noqa: N801
        url = ""

    with tracefork.record() as recorded:
        assert asyncio.run(main()) == (b"one, ", b"two")

    assert recorded.tape[0].response.chunks == (b"one, ", b"two")
    assert recorded.tape[0].response.end == "eof"
