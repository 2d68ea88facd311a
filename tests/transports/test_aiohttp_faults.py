"""What fails over aiohttp fails again as the library's own, with the same text, and takes no time."""

from __future__ import annotations

import asyncio
import socket

import pytest
from aiohttps import VERSION, aiohttp, app, at, proved, run, told, whole
from clients import fault, proves
from hypercorns import Hypercorn
from misbehaving import Misbehaving, Move, chunked, response

import tracefork

pytestmark = pytest.mark.slow

BREATHE = Move.BREATHE

# -- what goes wrong -----------------------------------------------------------------------------


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
