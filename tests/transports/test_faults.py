"""Everything that goes wrong on a wire is recorded as it was and replayed as it was, with the server gone."""

from __future__ import annotations

import socket

import httpx
import httpx2
import pytest
from clients import fault, kinds, proves, read
from misbehaving import Misbehaving, Move, chunked, response

import tracefork

BREATHE, CUT, RESET, STALL = Move.BREATHE, Move.CUT, Move.RESET, Move.STALL
TWO = chunked(b"one", b"two")
SHORT = {"timeout": 0.3}  # only where it is to run out: a busy machine is late as well


# -- faults before the head, and in mid-body ------------------------------------------------

BEFORE = {
    "reset": ([RESET], "ReadError"),
    "closed": ([CUT], "RemoteProtocolError"),
    "closed in the status line": ([b"HTTP/1.1 20", CUT], "RemoteProtocolError"),
    "closed in the headers": ([b"HTTP/1.1 200 OK\r\nServer: x\r\n", CUT], "RemoteProtocolError"),
    "status line": ([b"HTTP/1.1 abc OK\r\n\r\n", CUT], "RemoteProtocolError"),
    "another protocol": ([b"SSH-2.0-OpenSSH_9.9\r\n", CUT], "RemoteProtocolError"),
    "header without a colon": ([b"HTTP/1.1 200 OK\r\nnonsense\r\n\r\n", CUT], "RemoteProtocolError"),
    "header with a NUL": ([b"HTTP/1.1 200 OK\r\nServer: \0\r\n\r\n", CUT], "RemoteProtocolError"),
    "endless header": ([b"HTTP/1.1 200 OK\r\nServer: " + b"x" * 200_000, CUT], "RemoteProtocolError"),
    "length that is no number": (
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1e3\r\n\r\n", CUT],
        "RemoteProtocolError",
    ),
    "two lengths": (
        [b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", CUT],
        "RemoteProtocolError",
    ),
    "unknown coding": ([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: zip\r\n\r\n", CUT], "RemoteProtocolError"),
    "silence": ([STALL], "ReadTimeout"),
    "silence in the headers": ([b"HTTP/1.1 200 OK\r\nServer:", STALL], "ReadTimeout"),
}

AMID = {
    "reset": ([TWO, BREATHE, RESET], [b"one", b"two"], "ReadError"),
    "reset after the head": ([chunked(), BREATHE, RESET], [], "ReadError"),
    "no last chunk": ([TWO, CUT], [b"one", b"two"], "RemoteProtocolError"),
    "cut in a chunk": ([TWO, b"9\r\nth", CUT], None, "RemoteProtocolError"),
    "short of its length": ([response(b"one", length=9), CUT], [b"one"], "RemoteProtocolError"),
    "nothing of its length": ([response(length=9), CUT], [], "RemoteProtocolError"),
    "chunk size": ([TWO, BREATHE, b"zz\r\nthree\r\n", STALL], [b"one", b"two"], "RemoteProtocolError"),
    "negative chunk size": ([TWO, BREATHE, b"-1\r\nx\r\n", STALL], [b"one", b"two"], "RemoteProtocolError"),
    "endless chunk size": (
        [TWO, BREATHE, b"0" * 30 + b"\r\n", STALL],
        [b"one", b"two"],
        "RemoteProtocolError",
    ),
    "chunk longer than it says": ([TWO, BREATHE, b"1\r\nthree", STALL], None, "RemoteProtocolError"),
    "silence": ([TWO, STALL], [b"one", b"two"], "ReadTimeout"),
    "silence in a chunk": ([TWO, BREATHE, b"9\r\nth", STALL], [b"one", b"two", b"th"], "ReadTimeout"),
    "silence before the last chunk": ([response(b"one", length=9), STALL], [b"one"], "ReadTimeout"),
}


@kinds
@pytest.mark.parametrize("name", BEFORE)
def test_a_fault_before_the_head(kind, name, tmp_path):
    play, expected = BEFORE[name]
    options = SHORT if expected == "ReadTimeout" else {}
    with Misbehaving(play) as server:
        got, tape = proves(lambda: kind.run(lambda c: read(c, server.url), **options), server, tmp_path)

    [(exception, text, method, url)] = got
    assert exception is getattr(kind.lib, expected)
    assert (method, url.rstrip("/")) == ("POST", server.url)
    assert tape[0].answer == tracefork.Fault(expected, text)


@kinds
@pytest.mark.parametrize("name", AMID)
def test_a_fault_amid_the_body(kind, name, tmp_path):
    play, chunks, expected = AMID[name]
    options = SHORT if expected == "ReadTimeout" else {}
    with Misbehaving(play) as server:
        got, tape = proves(lambda: kind.run(lambda c: read(c, server.url), **options), server, tmp_path)

    status, *before, (exception, text, method, url) = got
    assert exception is getattr(kind.lib, expected)
    assert (status, method, url.rstrip("/")) == (200, "POST", server.url)
    assert tuple(before) == tape[0].response.chunks
    assert chunks is None or b"".join(before) == b"".join(chunks)
    assert tape[0].response.end == tracefork.Fault(expected, text)


@kinds
def test_a_refused_connection(kind, tmp_path):
    with Misbehaving([]) as server:
        server.close()
        [(exception, *_)], tape = proves(lambda: kind.run(lambda c: read(c, server.url)), server, tmp_path)

    assert exception is kind.lib.ConnectError
    assert fault(tape) == "ConnectError"


@kinds
def test_a_name_that_does_not_resolve(kind, tmp_path):
    with Misbehaving([]) as server:
        [(exception, *_)], tape = proves(
            lambda: kind.run(lambda c: read(c, "http://nowhere.invalid/")), server, tmp_path
        )

    assert exception is kind.lib.ConnectError
    assert fault(tape) == "ConnectError"


class Full:
    """A listener whose queue is full: to connect takes for ever."""

    def __init__(self):
        self._listener = socket.socket()
        self._listener.bind(("127.0.0.1", 0))
        self._listener.listen(0)
        self._first = socket.create_connection(self._listener.getsockname(), timeout=5)
        self.url = "http://{}:{}".format(*self._listener.getsockname())

    def close(self):
        self._first.close()
        self._listener.close()


@kinds
def test_a_connection_that_takes_too_long(kind, tmp_path):
    full = Full()
    try:
        [(exception, *_)], tape = proves(
            lambda: kind.run(lambda c: read(c, full.url), **SHORT), full, tmp_path
        )
    finally:
        full.close()

    assert exception is kind.lib.ConnectTimeout
    assert fault(tape) == "ConnectTimeout"


@kinds
def test_a_pool_without_room(kind, tmp_path):
    async def agent(client):
        async with client.stream("POST", server.url) as response:
            return response.status_code, await read(client, server.url)

    limits = kind.lib.Limits(max_connections=1)
    with Misbehaving([TWO, STALL]) as server:
        (_, [(exception, *_)]), tape = proves(
            lambda: kind.run(agent, limits=limits, **SHORT), server, tmp_path
        )

    assert exception is kind.lib.PoolTimeout
    assert fault(tape, 1) == "PoolTimeout"
    assert tape[0].response.end == "closed"


SMALL = [(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)]
LARGE = b"x" * 2_000_000


@kinds
def test_a_server_that_does_not_read(kind, tmp_path):
    def act():
        transport = kind.transport(socket_options=SMALL)
        return kind.run(lambda c: read(c, server.url, content=LARGE), transport=transport, **SHORT)

    with Misbehaving([STALL], early=True) as server:
        [(exception, *_)], tape = proves(act, server, tmp_path)

    assert exception is kind.lib.WriteTimeout
    assert fault(tape) == "WriteTimeout"
    assert tape[0].request.body == LARGE


@kinds
def test_a_reset_while_the_request_is_sent(kind, tmp_path):
    def act():
        transport = kind.transport(socket_options=SMALL)
        return kind.run(lambda c: read(c, server.url, content=LARGE), transport=transport)

    with Misbehaving([RESET], early=True) as server:
        [(exception, *_)], tape = proves(act, server, tmp_path, twice=False)

    assert issubclass(exception, kind.lib.TransportError)  # which one depends on how far both had come
    assert fault(tape) == exception.__name__


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])
@pytest.mark.parametrize("name", ["HTTPStatusError", "InvalidURL", "StreamConsumed", "DecodingError"])
def test_a_transport_that_raises_whatever_the_library_has_replays_it(lib, name):
    """Some transports call `raise_for_status` by themselves, as tenacity's do."""

    def network(request):
        if name == "HTTPStatusError":
            lib.Response(500, request=request).raise_for_status()
        raise lib.StreamConsumed if name == "StreamConsumed" else getattr(lib, name)("broken")

    def agent():
        with lib.Client(transport=lib.MockTransport(network)) as client, pytest.raises(Exception) as caught:
            client.get("http://server/")
        return caught.type, str(caught.value)

    with tracefork.record() as run:
        live = agent()
    with tracefork.replay(run.tape):
        assert agent() == live
    assert live[0] is getattr(lib, name)


@kinds
def test_an_exception_that_leaves_the_run_is_its_outcome(kind):
    async def agent(client):
        return (await client.post(server.url, content=b"q")).status_code

    with Misbehaving([TWO, CUT]) as server:
        with pytest.raises(kind.lib.RemoteProtocolError), tracefork.record() as run:
            kind.run(agent)
    verdict = tracefork.verify(run.tape, lambda: kind.run(agent), patience=5)

    assert verdict.ok, verdict
    assert isinstance(verdict.error, kind.lib.RemoteProtocolError)
    assert run.tape.outcome.type.endswith(".RemoteProtocolError")


@kinds
@pytest.mark.parametrize("play", [[RESET], [TWO, BREATHE, RESET]], ids=["before", "amid"])
def test_while_recorded_an_exception_has_its_causes(kind, play):
    async def agent(client):
        try:
            await client.post(server.url, content=b"q")
        except kind.lib.ReadError as exc:
            causes, cause = [], exc
            while cause := cause.__cause__:
                causes.append(type(cause))
            return causes

    with Misbehaving(play) as server:
        bare = kind.run(agent)
        with tracefork.record():
            live = kind.run(agent)

    assert live == bare
    assert len(bare) >= 1
