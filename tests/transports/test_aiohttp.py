"""An agent on aiohttp sees the same bare, recorded and replayed with its server gone."""

from __future__ import annotations

import asyncio
import gzip
import io
import socket
import zlib
from contextlib import asynccontextmanager

import pytest
from clients import fault, proves
from hypercorns import Hypercorn
from misbehaving import LAST, Misbehaving, Move, chunked, response

import tracefork
from tracefork import Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

aiohttp = pytest.importorskip("aiohttp")

BREATHE = Move.BREATHE
VERSION = tuple(int(part) for part in aiohttp.__version__.split(".")[:2])


def run(scenario, **options):
    """What `scenario` comes to with a session that is made with `options`."""

    async def main():
        jar = aiohttp.CookieJar(unsafe=True)  # else it takes none of an address
        async with aiohttp.ClientSession(cookie_jar=jar, **options) as session:
            return await scenario(session)

    return asyncio.run(main())


def proved(scenario, server, tmp_path, **options):
    return proves(lambda: run(scenario, **options), server, tmp_path)


async def told(doing):
    """What an agent can tell of how `doing` failed."""
    try:
        return await doing
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        said = [type(exc), str(exc)]
        for name in ("errno", "host", "port", "status", "message", "headers", "os_error"):
            value = getattr(exc, name, None)
            said.append(value if isinstance(value, int) else str(value))
        return said


def at(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def echo(request):
    return Response(200, (("X-Method", request.method),), (request.body,))


def echoing():
    return LoopbackServer(by_rule(echo))


# -- requests ------------------------------------------------------------------------------------


async def pieces():
    for piece in (b"one, ", b"two, ", b"", b"three"):
        yield piece


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
        BREATHE,
        b"two\nx",
        BREATHE,
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


# -- hops, retries and what the library adds ------------------------------------------------------


def moving(request):
    hop = int(request.url.rpartition("/")[2] or 0)
    if hop < 3:
        status = (302, 307, 303)[hop]
        return Response(status, (("Location", f"/{hop + 1}"), ("Set-Cookie", f"hop={hop}")), (b"moved",))
    return Response(200, (), (f"{request.method} {dict(request.headers).get('Cookie')}".encode(),))


def test_each_redirect_is_an_exchange(tmp_path):
    async def agent(session):
        async with session.put(f"{server.url}/0", data=b"body") as got:
            return await got.text(), [(h.status, str(h.url), h.headers["Location"]) for h in got.history]

    with LoopbackServer(by_rule(moving)) as server:
        got, tape = proved(agent, server, tmp_path)

    assert [x.response.status for x in tape] == [302, 307, 303, 200]
    assert [x.request.body for x in tape] == [b"body", b"body", b"body", b""]


def test_a_stream_that_cannot_be_sent_twice_is_not(tmp_path):
    async def agent(session):
        async def ask():
            async with session.post(f"{server.url}/1", data=pieces()) as got:
                return [got.status]

        return await told(ask())

    with LoopbackServer(by_rule(moving)) as server:
        got, tape = proved(agent, server, tmp_path)

    assert tape[0].request.body == b"one, two, three"
    assert got[0] is (200 if VERSION < (3, 14) else aiohttp.ClientPayloadError)


def test_a_circle_ends_as_the_library_ends_it(tmp_path):
    async def agent(session):
        return await told(session.get(server.url, max_redirects=3))

    with Misbehaving([response(b"", b"Location: /", status=b"302 Found")]) as server:
        got, tape = proved(agent, server, tmp_path)

    assert got[0] is aiohttp.TooManyRedirects
    assert len(tape) == 3


@pytest.mark.skipif(VERSION < (3, 10), reason="it asks once")
def test_an_idle_connection_that_was_closed_is_asked_anew(tmp_path):
    """The library asks a second time where nothing was answered: that is an exchange, too."""
    plays = iter([[response(b"one")], [Move.CUT], [response(b"two")]])

    async def agent(session):
        said = []
        for _ in range(2):
            async with session.get(server.url) as got:
                said.append(await got.text())
        return said

    with Misbehaving(lambda _: next(plays)) as server:
        got, tape = proves(lambda: run(agent), server, tmp_path, twice=False)

    assert got == ["one", "two"]
    assert [type(x.answer).__name__ for x in tape] == ["Response", "Fault", "Response"]


def test_an_error_status_is_raised_where_the_agent_asks_for_that(tmp_path):
    async def agent(session):
        return await told(session.get(server.url))

    with Misbehaving([response(b"slow down", b"Retry-After: 0", status=b"429 Slow Down")]) as server:
        got, tape = proved(agent, server, tmp_path, raise_for_status=True)

    assert got[0] is aiohttp.ClientResponseError and got[5] == 429
    assert tape[0].response.status == 429


def test_signals_tell_the_same_but_for_connections(tmp_path):
    """In a replay nothing connects, so nothing tells of it."""
    names = """on_request_start on_request_chunk_sent on_response_chunk_received on_request_end
        on_request_exception on_request_redirect on_request_headers_sent""".split()
    connecting = ["on_connection_create_start", "on_connection_reuseconn"]

    def traced(heard):
        config = aiohttp.TraceConfig()
        for name in [*names, *connecting]:

            async def tell(session, context, params, name=name):
                heard.append((name, getattr(params, "chunk", None), getattr(params, "method", None)))

            getattr(config, name).append(tell)
        return config

    def act():
        heard = []

        async def agent(session):
            async with session.post(f"{server.url}/0", data=b"body") as got:
                return await got.read()

        run(agent, trace_configs=[traced(heard)])
        return [one for one in heard if one[0] not in connecting], heard

    with LoopbackServer(by_rule(moving)) as server:
        plain, all_of_them = act()
        with tracefork.record() as recorded:
            live = act()
    with tracefork.replay(recorded.tape):
        again = act()

    assert plain == live[0] == again[0] == again[1]
    assert len(live[1]) == len(all_of_them) == len(plain) + 4


@pytest.mark.skipif(VERSION < (3, 12), reason="middlewares came with 3.12")
def test_a_middleware_that_asks_again_makes_exchanges(tmp_path):
    async def insist(request, handler):
        while True:
            got = await handler(request)
            if got.status != 503:
                return got
            got.release()

    plays = iter([*[[response(b"", status=b"503 No")]] * 2, [response(b"yes")]])

    async def agent(session):
        async with session.get(server.url) as got:
            return await got.text()

    with Misbehaving(lambda _: next(plays)) as server:
        got, tape = proves(lambda: run(agent, middlewares=(insist,)), server, tmp_path, twice=False)

    assert got == "yes" and [x.response.status for x in tape] == [503, 503, 200]


# -- connections ---------------------------------------------------------------------------------


def test_connections_are_kept_alive_as_they_are(tmp_path):
    async def agent(session):
        for n in range(3):
            async with session.post(server.url, data=b"%d" % n) as got:
                await got.read()
        return len(session.connector._conns)

    with echoing() as server, tracefork.record() as recorded:
        assert run(agent) == 1
        assert len({id(one) for one in server.requests}) == 3
    with tracefork.replay(recorded.tape) as again:
        assert run(agent) == 0  # nothing was connected

    assert again.tape.digest() == recorded.tape.digest() and not recorded.tape.escaped


def test_in_a_replay_no_place_of_a_bounded_pool_is_taken(tmp_path):
    async def agent(session):
        held = [await session.post(server.url, data=b"%d" % n) for n in range(3)]
        return [await got.read() for got in held]

    async def main(limit):
        connector = aiohttp.TCPConnector(limit=limit)
        async with aiohttp.ClientSession(connector=connector) as session:
            return await asyncio.wait_for(agent(session), 5), len(connector._acquired)

    with echoing() as server, tracefork.record() as recorded:
        live = asyncio.run(main(3))
    with tracefork.replay(recorded.tape):
        assert asyncio.run(main(1)) == live


def test_nothing_is_looked_up_in_a_replay(monkeypatch):
    async def agent(session):
        async with session.get("http://somewhere.invalid/a") as got:
            return await got.text()

    async def resolve(self, host, port=0, family=socket.AF_INET):
        looked_up.append(host)
        return [
            {
                "hostname": host,
                "host": "127.0.0.1",
                "port": server.port,
                "family": socket.AF_INET,
                "proto": 0,
                "flags": 0,
            }
        ]

    looked_up = []
    monkeypatch.setattr(aiohttp.ThreadedResolver, "resolve", resolve)
    with Misbehaving([response(b"here")]) as server, tracefork.record() as recorded:
        assert run(agent, connector=None) == "here"
    with tracefork.replay(recorded.tape) as again:
        assert run(agent) == "here"

    assert looked_up == ["somewhere.invalid"] and not again.refused


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})


def test_over_tls_nothing_escapes(tmp_path):
    async def agent(session):
        said = []
        for n in range(2):
            async with session.get(f"{server.url}/{n}", ssl=server.trust) as got:
                said.append(await got.text())
        left = await session.get(f"{server.url}/left", ssl=server.trust)
        left.close()
        return said

    with Hypercorn(app) as server:
        got, tape = proved(agent, server, tmp_path)

    assert got == ["/0", "/1"] and not tape.escaped


# -- what goes wrong -----------------------------------------------------------------------------


async def whole(session, url, **options):
    async with session.get(url, **options) as got:
        return await got.read()


FAILURES = {
    "cut before the head": ([Move.CUT], "ServerDisconnectedError"),
    "reset before the head": ([Move.RESET], "ClientOSError"),
    "nonsense": ([b"what?\r\n\r\n"], "ClientResponseError"),
    "cut in the head": ([b"HTTP/1.1 200 OK\r\nContent-", Move.CUT], "ServerDisconnectedError"),
    "cut in the body": ([response(b"half", length=9), BREATHE, Move.CUT], "ClientPayloadError"),
    "cut in a chunk": ([chunked(b"half") + b"9\r\nha", BREATHE, Move.CUT], "ClientPayloadError"),
    "nonsense in a chunk": ([chunked(b"half") + b"nonsense\r\n"], "ClientResponseError"),
    "reset in the body": ([response(b"half", length=9), BREATHE, Move.RESET], "ClientPayloadError"),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_breaks_breaks_again_as_the_librarys_own(name, tmp_path):
    play, kind = FAILURES[name]
    with Misbehaving(play) as server:
        got, tape = proved(lambda session: told(whole(session, server.url)), server, tmp_path)

    assert got[0].__name__ == kind, got
    assert fault(tape)


def test_nobody_listens(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = at(listener)
    got, tape = proved(lambda session: told(whole(session, url)), listener, tmp_path)

    assert got[0] is aiohttp.ClientConnectorError
    assert got[2] == 111 and "Connect call failed" in got[-1]


def test_no_such_host(tmp_path):
    async def agent(session):
        return (await told(whole(session, "http://nowhere.invalid/")))[:5]

    with socket.create_server(("127.0.0.1", 0)) as listener:
        got, _ = proved(agent, listener, tmp_path)

    assert issubclass(got[0], aiohttp.ClientConnectorError) and got[3:] == ["nowhere.invalid", 80]


def test_a_certificate_that_nobody_vouches_for(tmp_path):
    with Hypercorn(app) as server:
        got, tape = proved(lambda session: told(whole(session, server.url)), server, tmp_path)

    assert got[0] is aiohttp.ClientConnectorCertificateError
    assert "CERTIFICATE_VERIFY_FAILED" in got[1]


TIMEOUTS = {
    "all of it": ({"total": 0.2}, [Move.STALL]),
    "all of it, in the body": ({"total": 0.2}, [response(b"half", length=9), Move.STALL]),
    "a read": ({"sock_read": 0.2}, [Move.STALL]),
    "a read, in the body": ({"sock_read": 0.2}, [response(b"half", length=9), Move.STALL]),
}


@pytest.mark.parametrize("name", TIMEOUTS)
def test_a_timeout_is_one_again_and_takes_no_time(name, tmp_path):
    limits, play = TIMEOUTS[name]

    async def agent(session):
        return await told(whole(session, server.url))

    with Misbehaving(play) as server:
        got, tape = proved(agent, server, tmp_path, timeout=aiohttp.ClientTimeout(**limits))
    later = aiohttp.ClientTimeout(total=1000, sock_read=1000)
    with tracefork.replay(tape):
        assert run(agent, timeout=later) == got

    assert issubclass(got[0], asyncio.TimeoutError)


@pytest.mark.skipif(VERSION < (3, 10), reason="it cancels the connection as an agent does")
def test_a_connection_that_does_not_come_in_time(tmp_path):
    """The pool has one place, and that is taken."""

    async def agent(session):
        async with session.get(server.url) as held:
            return held.status, await told(whole(session, server.url))

    def act():
        async def main():
            connector = aiohttp.TCPConnector(limit=1)
            limits = aiohttp.ClientTimeout(connect=0.2)
            async with aiohttp.ClientSession(connector=connector, timeout=limits) as session:
                return await agent(session)

        return asyncio.run(main())

    with Misbehaving([response(b"half", length=9), Move.STALL]) as server:
        got, tape = proves(act, server, tmp_path)

    assert issubclass(got[1][0], aiohttp.ServerTimeoutError)
    assert got[1][1].startswith("Connection timeout to host")


def test_a_response_that_nobody_reads_is_left(tmp_path):
    async def agent(session):
        got = await session.get(server.url)
        left = [got.status, got.closed]
        got.close()
        return [*left, got.closed, await told(got.read())]

    with Misbehaving([response(b"half", length=9), Move.STALL]) as server:
        got, tape = proved(agent, server, tmp_path)

    assert got[:3] == [200, False, True] and got[3][0] is aiohttp.ClientConnectionError
    assert tape[0].response.end == "closed" and tape[0].response.chunks == ()


# -- whose call it is ----------------------------------------------------------------------------


def test_a_client_outside_of_any_run_is_untouched():
    before = aiohttp.BaseConnector.connect
    with tracefork.record():
        assert aiohttp.BaseConnector.connect is not before

    assert aiohttp.BaseConnector.connect is before


def test_a_request_that_outlives_its_run_is_answered_as_without_it():
    packed = gzip.compress(b"body", mtime=0)

    async def main():
        async with aiohttp.ClientSession() as session:
            with tracefork.record():
                asking = asyncio.create_task(session.get(server.url))
                await asyncio.sleep(0.05)
            release.set()
            return await (await asking).read()

    release = asyncio.Event()

    class server:  # noqa: N801
        url = ""

    async def slow(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        await release.wait()
        writer.write(response(packed, b"Content-Encoding: gzip"))
        await writer.drain()
        writer.close()

    async def all_of_it():
        async with await asyncio.start_server(slow, "127.0.0.1", 0) as listening:
            server.url = at(listening.sockets[0])
            return await main()

    assert asyncio.run(all_of_it()) == b"body"


def test_what_a_replay_does_not_know_is_refused_and_passed_over_calls_fail_as_if_nobody_listened():
    async def agent(session):
        return await told(whole(session, "http://127.0.0.1:9/telemetry"))

    with tracefork.record() as recorded:
        pass
    with tracefork.replay(recorded.tape, passthrough=("127.0.0.1/telemetry",)):
        got = run(agent)
    with pytest.raises(tracefork.Divergence), tracefork.replay(recorded.tape):
        run(agent)

    assert got[0] is aiohttp.ClientConnectorError


def test_what_is_none_of_the_agents_business_passes():
    with echoing() as server, tracefork.record(passthrough=("127.0.0.1/*",)) as recorded:
        assert run(lambda session: whole(session, server.url)) == b""

    assert len(recorded.tape) == 0 and not recorded.tape.escaped


@asynccontextmanager
async def layered(url):
    """A client of httpx over a transport of aiohttp's, as litellm has one."""
    import httpx

    class Over(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request):
            async with aiohttp.ClientSession() as session:
                async with session.request(request.method, str(request.url), data=request.content) as got:
                    return httpx.Response(got.status, content=await got.read())

    async with httpx.AsyncClient(transport=Over()) as client:
        yield client


def test_clients_in_layers_are_recorded_once_and_told_of_once():
    async def agent():
        async with layered(server.url) as client:
            return (await client.post(f"{server.url}/v1/messages", content=b"hi")).content

    with echoing() as server, tracefork.record() as recorded:
        assert asyncio.run(agent()) == b"hi"
        asyncio.run(recorded.acall("tool", agent))

    assert len(recorded.tape) == 1 and not recorded.tape.escaped
    assert recorded.asked_in_tools == {"tool": 1}


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_under_another_loop(loop, tmp_path):
    runner = pytest.importorskip(loop).run

    async def agent():
        async with aiohttp.ClientSession() as session:
            asking = [whole(session, f"{server.url}/{n}") for n in range(8)]
            return await asyncio.gather(*asking)

    with LoopbackServer(by_rule(lambda asked: Response(200, (), (asked.url[-1].encode(),)))) as server:
        got, tape = proves(lambda: runner(agent()), server, tmp_path)

    assert got == [b"%d" % n for n in range(8)] and not tape.escaped
