"""What aiohttp does around one exchange: redirects, retries, signals, connections; and whose call it is."""

from __future__ import annotations

import asyncio
import gzip
import socket
from contextlib import asynccontextmanager

import pytest
from aiohttps import VERSION, aiohttp, app, at, echoing, pieces, proved, run, told, whole
from clients import proves
from hypercorns import Hypercorn
from misbehaving import Misbehaving, Move, response

import tracefork
from tracefork import Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.slow

BREATHE = Move.BREATHE

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
