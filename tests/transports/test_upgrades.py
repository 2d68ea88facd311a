"""What leaves HTTP and is no web socket is refused; a proxy on the way is recorded away."""

from __future__ import annotations

import json
import select
import socket
import threading
import time
from contextlib import suppress

import pytest
from clients import fault, kinds, proves, read
from hypercorns import Hypercorn
from misbehaving import Misbehaving, Move, response

import tracefork
from tracefork.errors import Refused

# -- upgrades -------------------------------------------------------------------------------


def switching(request):
    """Switches to something of its own."""
    if b"upgrade: own" not in request.lower():
        yield response(b"plain")
        return
    yield b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: own\r\nConnection: Upgrade\r\n\r\nhello"
    yield Move.STALL


def switches(kind, url):
    async def agent(client):
        async with client.stream("GET", url, headers={"Upgrade": "own", "Connection": "upgrade"}) as answer:
            return answer.status_code

    return kind.run(agent)


@kinds
def test_what_switches_to_something_else_is_refused_in_recording_and_in_replay(kind, tmp_path):
    with Misbehaving(switching) as server:
        assert switches(kind, server.url) == 101
        with pytest.raises(Refused, match="switched protocols"):
            with tracefork.record(tmp_path / "runs.db", run_id="one") as run:
                switches(kind, server.url)
    began = time.monotonic()
    with pytest.raises(Refused, match="switched protocols"), tracefork.replay(run.tape, patience=30) as again:
        switches(kind, server.url)

    assert time.monotonic() - began < 5
    assert run.tape[0].response.status == 101
    assert run.tape[0].response.end == "closed"
    assert again.tape.digest() == run.tape.digest()
    assert not tracefork.verify(run.tape, lambda: switches(kind, server.url), patience=30).ok


@kinds
def test_a_refusal_of_an_upgrade_is_not_swallowed(kind):
    def swallows():
        with suppress(Exception):
            switches(kind, server.url)

    with Misbehaving(switching) as server:
        with pytest.raises(Refused), tracefork.record() as run:
            swallows()
    with pytest.raises(Refused), tracefork.replay(run.tape, patience=5):
        swallows()


# -- proxies ----------------------------------------------------------------------------------


class Proxy:
    """An HTTP proxy on loopback: CONNECT makes a tunnel, any other request is answered from here."""

    def __init__(self, refusal=b""):
        self._refusal = refusal
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(0.05)
        self._over = threading.Event()
        self._threads = []
        self.lines = []
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._start(self._accept)

    def close(self):
        self._over.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _start(self, serve, *args):
        self._threads.append(threading.Thread(target=serve, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self):
        while not self._over.is_set():
            with suppress(TimeoutError):
                self._start(self._serve, self._listener.accept()[0])

    def _serve(self, sock):
        with sock, suppress(OSError):
            sock.settimeout(5)
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                if not (more := sock.recv(1)):
                    return
                head += more
            self.lines.append(head.split(b"\r\n")[0].decode())
            method, target, _ = self.lines[-1].split(" ")
            if self._refusal:
                sock.sendall(self._refusal)
            elif method != "CONNECT":
                sock.sendall(response(b"by proxy: " + target.encode(), b"Via: proxy"))
            else:
                host, _, port = target.rpartition(":")
                with socket.create_connection((host, int(port)), timeout=5) as there:
                    sock.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
                    self._pump(sock, there)

    def _pump(self, one, other):
        ends = {one: other, other: one}
        while not self._over.is_set():
            for ready in select.select(list(ends), [], [], 0.05)[0]:
                if not (data := ready.recv(65536)):
                    return
                ends[ready].sendall(data)


async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    said = json.dumps([scope["method"], scope["path"], scope["http_version"]]).encode()
    headers = [(b"content-length", b"%d" % len(said))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": said})


class Both:
    def __init__(self, *peers):
        self._peers = peers

    def close(self):
        for peer in self._peers:
            peer.close()


@kinds
@pytest.mark.parametrize("http2", [False, True], ids=["http1", "http2"])
def test_a_tunnel_through_a_proxy(kind, http2, tmp_path):
    """CONNECT is the transport's own affair: the tape has what went through, and a replay needs neither."""

    async def agent(client):
        return [(await client.get(f"{server.url}/{n}")).json() for n in range(2)]

    with Hypercorn(app) as server, Proxy() as proxy:
        options = {"proxy": proxy.url, "verify": server.trust, "http2": http2}
        got, tape = proves(lambda: kind.run(agent, **options), Both(proxy, server), tmp_path)
        tunnels = list(proxy.lines)

    assert got == [["GET", f"/{n}", "2" if http2 else "1.1"] for n in range(2)]
    assert tunnels == ["CONNECT {} HTTP/1.1".format(server.url.removeprefix("https://"))] * 2
    assert [x.request.url for x in tape] == [f"{server.url}/{n}" for n in range(2)]


@kinds
def test_a_forwarding_proxy(kind, tmp_path):
    async def agent(client):
        answer = await client.get("http://elsewhere.invalid/a?b")
        return answer.text, answer.headers["via"]

    with Proxy() as proxy:
        got, tape = proves(lambda: kind.run(agent, proxy=proxy.url), proxy, tmp_path)

    assert got == ("by proxy: http://elsewhere.invalid/a?b", "proxy")
    assert tape[0].request.url == "http://elsewhere.invalid/a?b"


@kinds
def test_a_proxy_of_the_environment(kind, tmp_path, monkeypatch):
    async def agent(client):
        return (await client.get("http://elsewhere.invalid/")).text

    with Proxy() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.replace("://", "://bob:hunter22@"))
        got, tape = proves(lambda: kind.run(agent, trust_env=True), proxy, tmp_path)
        monkeypatch.delenv("HTTP_PROXY")
        assert tracefork.verify(tape, lambda: kind.run(agent, trust_env=True)).ok

    assert got == "by proxy: http://elsewhere.invalid/"
    assert "hunter22" not in repr([(x.request, x.request.headers) for x in tape])


@kinds
@pytest.mark.parametrize(
    ("refusal", "error"),
    [
        (b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n", "ProxyError"),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n", "ProxyError"),
        (b"what?\r\n\r\n", "RemoteProtocolError"),
    ],
    ids=["407", "502", "nonsense"],
)
def test_a_proxy_that_makes_no_tunnel(kind, refusal, error, tmp_path):
    with Proxy(refusal) as proxy:
        got, tape = proves(
            lambda: kind.run(lambda c: read(c, "https://elsewhere.invalid/"), proxy=proxy.url),
            proxy,
            tmp_path,
        )

    assert got[0][0] is getattr(kind.lib, error)
    assert fault(tape) == error


@kinds
def test_a_certificate_that_nobody_vouches_for(kind, tmp_path):
    with Hypercorn(app) as server:
        got, tape = proves(lambda: kind.run(lambda c: read(c, server.url)), server, tmp_path)

    assert got[0][0] is kind.lib.ConnectError
    assert "CERTIFICATE_VERIFY_FAILED" in got[0][1]
    assert fault(tape) == "ConnectError"
