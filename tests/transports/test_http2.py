"""HTTP/2 of both libraries: many streams on one connection, and streams that are reset."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from contextlib import suppress

import anyio
import pytest
from clients import all_kinds, async_kinds, fault, kinds, proves, read
from hypercorns import PATIENCE, Hypercorn
from misbehaving import Misbehaving, Move

import tracefork

h2_events = pytest.importorskip("h2.events")
h2_exceptions = pytest.importorskip("h2.exceptions")
h2_config = pytest.importorskip("h2.config")
h2_connection = pytest.importorskip("h2.connection")


# -- a server of somebody else's: hypercorn, over TLS ------------------------------------------


async def app(scope, receive, send):
    """Echoes what it was sent, in as many pieces as the target says, and from which port."""
    if scope["type"] != "http":
        return
    body, more = b"", True
    while more:
        event = await receive()
        body, more = body + event.get("body", b""), event.get("more_body", False)
    said = json.dumps([scope["http_version"], scope["method"], scope["path"], len(body)]).encode()
    PORTS.add(scope["client"])
    headers = [(b"content-type", b"text/plain"), (b"vary", b"a"), (b"vary", b"b")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    for n in range(int(scope["query_string"] or b"1")):
        await send({"type": "http.response.body", "body": b"%d %b\n" % (n, said), "more_body": True})
        await asyncio.sleep(0.002)
    await send({"type": "http.response.body", "body": body[::-1], "more_body": False})


PORTS = set()


@pytest.fixture
def server():
    PORTS.clear()
    with Hypercorn(app) as server:
        yield server


@pytest.fixture
def options(server):
    return {"http2": True, "verify": server.trust}


def facts(response):
    return (
        response.status_code,
        response.http_version,
        response.reason_phrase,
        response.headers.raw,
        response.extensions["http_version"],
        response.extensions.get("reason_phrase"),
    )


def undated(answer):
    status, version, reason, headers, *rest = answer
    return status, version, reason, [pair for pair in headers if pair[0] != b"date"], *rest


@all_kinds
def test_answers_of_a_server(kind, server, options, tmp_path):
    async def agent(client):
        answers = [await client.post(server.url + path, content=b"\0\xff" * 9) for path in ("/a", "/b?3")]
        head = await client.request("HEAD", server.url)
        return [(undated(facts(a)), a.content) for a in (*answers, head)]

    got, tape = proves(lambda: kind.run(agent, **options), server, tmp_path)

    assert [facts[:3] for facts, _ in got] == [(200, "HTTP/2", "OK")] * 3
    assert got[1][1].startswith(b'0 ["2", "POST", "/b", 18]\n1 ')
    assert [x.response.http_version for x in tape] == ["HTTP/2"] * 3
    assert [name for name, _ in tape[0].response.headers if name != name.lower()] == []
    assert len(PORTS) == 2  # one connection bare, one recorded


@kinds
def test_streams_within_each_other_on_one_connection(kind, server, options, tmp_path):
    async def agent(client):
        got = []
        async with client.stream("GET", server.url + "/outer?4") as outer:
            pieces = outer.aiter_lines()
            got.append(await anext(pieces))
            async with client.stream("GET", server.url + "/inner?3") as inner:
                async for line in inner.aiter_lines():
                    got.append(line)
                    got.append(await anext(pieces))
        return got

    got, tape = proves(lambda: kind.run(agent, **options), server, tmp_path)

    assert ["outer" in line for line in got] == [True, False, True, False, True, False, True]
    assert len(PORTS) == 2
    assert [x.request.url.rpartition("/")[2] for x in tape] == ["outer?4", "inner?3"]


@async_kinds
def test_streams_side_by_side_on_one_connection(kind, server, options, tmp_path):
    async def agent(client):
        order = []

        async def listen(n):
            async with client.stream("POST", f"{server.url}/{n}?{n + 1}", content=bytes([n]) * n) as response:
                async for line in response.aiter_lines():
                    order.append((n, line, response.http_version))

        async with anyio.create_task_group() as group:
            for n in range(8):
                group.start_soon(listen, n)
        return sorted(order) if kind.how == "trio" else order

    with tracefork.record(tmp_path / "runs.db") as run:
        live = kind.run(agent, **options)
    assert len(PORTS) == 1
    server.close()
    for _ in range(5):
        with tracefork.replay(run.tape, patience=5) as again:
            replayed = kind.run(agent, **options)
        assert sorted(replayed) == sorted(live)
        assert again.tape.digest() == run.tape.digest()

    assert {version for *_, version in live} == {"HTTP/2"}
    assert len(run.tape) == 8


# -- a server that resets ---------------------------------------------------------------------


class Resetting:
    """HTTP/2 in the clear: answers each stream with `moves`, methods of h2's connection by name."""

    def __init__(self, *moves):
        self._moves = moves
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def close(self):
        for sock in (self._listener, *self._open):
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            sock.close()
        for thread in self._threads:
            thread.join(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _accept(self):
        with suppress(OSError):
            while True:
                sock, _ = self._listener.accept()
                self._open.append(sock)
                self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
                self._threads[-1].start()

    def _serve(self, sock):
        connection = h2_connection.H2Connection(h2_config.H2Configuration(client_side=False))
        connection.initiate_connection()
        with suppress(
            OSError, h2_exceptions.ProtocolError
        ):  # the client may leave, and the server has said goodbye
            sock.sendall(connection.data_to_send())
            while data := sock.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2_events.StreamEnded):
                        for name, *args in self._moves:
                            getattr(connection, name)(
                                *([event.stream_id] if name != "close_connection" else []), *args
                            )
                sock.sendall(connection.data_to_send())


HEAD = ("send_headers", [(":status", "200"), ("content-type", "text/plain")])
ONE = ("send_data", b"one")
PLAINLY = {"http1": False, "http2": True}


@kinds
@pytest.mark.parametrize("code", [0, 2, 7, 8], ids=["no error", "internal error", "refused stream", "cancel"])
@pytest.mark.parametrize(
    "moves", [[], [HEAD], [HEAD, ONE]], ids=["at once", "after the head", "amid the body"]
)
def test_a_stream_that_is_reset(kind, moves, code, tmp_path):
    with Resetting(*moves, ("reset_stream", code)) as server:
        got, tape = proves(lambda: kind.run(lambda c: read(c, server.url), **PLAINLY), server, tmp_path)

    assert got[-1][0] is kind.lib.RemoteProtocolError
    assert got[:-1] == [200, b"one"][: len(moves)]
    assert fault(tape) == "RemoteProtocolError"


@kinds
@pytest.mark.parametrize("moves", [[], [HEAD, ONE]], ids=["at once", "amid the body"])
def test_a_connection_that_says_goodbye(kind, moves, tmp_path):
    with Resetting(*moves, ("close_connection", 2)) as server:
        got, tape = proves(
            lambda: kind.run(lambda c: read(c, server.url), **PLAINLY), server, tmp_path, twice=False
        )

    assert issubclass(got[-1][0], kind.lib.TransportError)


@kinds
def test_a_reset_stream_leaves_its_neighbour_whole(kind, tmp_path):
    async def agent(client):
        async with client.stream("GET", whole.url + "/outer?2") as outer:
            lines = outer.aiter_lines()
            first = await anext(lines)
            broken = await read(client, server.url)
            return first, broken[-1][0], [line async for line in lines]

    with Resetting(HEAD, ONE, ("reset_stream", 2)) as server, Resetting(HEAD, ONE, ("end_stream",)) as whole:
        got, tape = proves(lambda: kind.run(agent, **PLAINLY), server, tmp_path)

    assert got[1] is kind.lib.RemoteProtocolError
    assert [x.response.http_version for x in tape] == ["HTTP/2"] * 2


@kinds
def test_something_else_than_http2(kind, tmp_path):
    """Which fault it is, of reading, writing or the protocol, depends on how far both had come."""
    with Misbehaving([b"HTTP/1.1 400 Bad Request\r\n\r\n", Move.CUT], early=True) as server:
        got, tape = proves(
            lambda: kind.run(lambda c: read(c, server.url), **PLAINLY), server, tmp_path, twice=False
        )

    assert issubclass(got[-1][0], kind.lib.TransportError)
    assert fault(tape) == got[-1][0].__name__
