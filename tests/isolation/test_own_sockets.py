"""What stays within the process is no connection out; a server that stood before the run is the world."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
import time

import pytest
from plain import ask

import tracefork
from tracefork.errors import Refused

EMPTY = tracefork.Tape()


def pair(family, address):
    listening = socket.socket(family)
    listening.bind(address)
    listening.listen()
    one = socket.socket(family)
    one.connect(listening.getsockname())
    other, _ = listening.accept()
    one.sendall(b"ping")
    assert other.recv(4) == b"ping"
    other.sendall(b"pong")
    assert one.recv(4) == b"pong"
    for sock in (one, other, listening):
        sock.close()


def by_tcp(tmp_path):
    pair(socket.AF_INET, ("127.0.0.1", 0))


def by_tcp_of_any_address(tmp_path):
    listening = socket.create_server(("0.0.0.0", 0))
    one = socket.create_connection(("localhost", listening.getsockname()[1]))
    one.close()
    listening.close()


def by_path(tmp_path):
    pair(socket.AF_UNIX, str(tmp_path / "s"))


def by_datagrams(tmp_path):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("127.0.0.1", 0))
        one.sendto(b"x", other.getsockname())
        assert other.recv(1) == b"x"


def by_datagrams_that_are_answered(tmp_path):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
    ):
        other.bind(("127.0.0.1", 0))
        one.connect(other.getsockname())
        one.send(b"ping")
        said, back = other.recvfrom(4)
        other.sendto(b"pong", back)
        assert (said, one.recv(4)) == (b"ping", b"pong")


def by_streams(tmp_path, run=asyncio.run):
    async def serve(reader, writer):
        writer.write(await reader.read(4))
        await writer.drain()
        writer.close()

    async def main():
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"ping")
        assert await reader.read(4) == b"ping"
        writer.close()
        await writer.wait_closed()
        server.close()
        await server.wait_closed()

    run(main())


def by_streams_of_uvloop(tmp_path):
    by_streams(tmp_path, pytest.importorskip("uvloop").run)


def by_paths_of_uvloop(tmp_path):
    async def main():
        server = await asyncio.start_unix_server(lambda _, writer: writer.close(), tmp_path / "u")
        reader, writer = await asyncio.open_unix_connection(tmp_path / "u")
        assert await reader.read() == b""
        writer.close()
        server.close()

    pytest.importorskip("uvloop").run(main())
    (tmp_path / "u").unlink(missing_ok=True)


def by_uvicorn(tmp_path):
    uvicorn = pytest.importorskip("uvicorn")

    async def app(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello"})

    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    assert ask(f"127.0.0.1:{port}") == b"hello"
    server.should_exit = True
    thread.join()


PAIRS = [
    by_tcp,
    by_tcp_of_any_address,
    by_path,
    by_datagrams,
    by_datagrams_that_are_answered,
    by_streams,
    by_streams_of_uvloop,
    by_paths_of_uvloop,
    by_uvicorn,
]


@pytest.mark.parametrize("both", PAIRS, ids=lambda both: both.__name__)
def test_a_pair_of_ones_own_is_no_connection_out(both, tmp_path):
    with tracefork.record(strict=True) as run:
        both(tmp_path)
    (tmp_path / "s").unlink(missing_ok=True)
    with tracefork.replay(EMPTY) as replayed:
        both(tmp_path)

    assert run.tape.escaped == () and replayed.refused == ()


def sends(one, other):
    one.sendto(b"out", other)


def sends_though_it_is_connected(one, other):
    own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.bind(("127.0.0.1", 0))
    with own:
        one.connect(own.getsockname())
        one.sendto(b"out", other)


def sends_by_message(one, other):
    one.sendmsg([b"out"], [], 0, other)


@pytest.mark.parametrize("send", [sends, sends_though_it_is_connected, sends_by_message])
def test_a_datagram_goes_where_it_says_whatever_was_sent_before(send):
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as world,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own,
    ):
        world.bind(("127.0.0.1", 0))
        world.setblocking(False)

        def agent():
            own.bind(("127.0.0.1", 0))
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
                one.sendto(b"in", own.getsockname())
                send(one, world.getsockname())

        with tracefork.replay(EMPTY) as replayed, pytest.raises(OSError):
            agent()
        with pytest.raises(BlockingIOError):
            world.recv(3)

    assert len(replayed.refused) == 1


def test_datagrams_to_several_are_counted_each():
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asks,
    ):
        for sock in (one, other):
            sock.bind(("127.0.0.1", 0))
        with tracefork.record() as run:
            for sock in (one, other, one):
                asks.sendto(b"x", sock.getsockname())

    assert len(run.tape.escaped) == 2


@pytest.fixture(params=["tcp", "path"])
def older(request, tmp_path):
    """The address of a server of this process that stood before any run; what it was told."""
    family = socket.AF_INET if request.param == "tcp" else socket.AF_UNIX
    listening = socket.socket(family)
    listening.bind(("127.0.0.1", 0) if request.param == "tcp" else str(tmp_path / "old"))
    listening.listen()
    heard = []

    def serve():
        while True:
            try:
                peer, _ = listening.accept()
            except OSError:
                return
            heard.append(peer.recv(9))
            peer.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    yield family, listening.getsockname(), heard
    listening.shutdown(socket.SHUT_RDWR)
    listening.close()
    thread.join()


def tell(family, address):
    with socket.socket(family) as raw:
        raw.connect(address)
        raw.sendall(b"POST /")
        raw.recv(1)


def named(address):
    return address if isinstance(address, str) else f"{address[0]}:{address[1]}"


def test_a_server_that_stood_before_the_run_is_the_world(older):
    family, address, heard = older
    with tracefork.record() as run:
        tell(family, address)
    with pytest.raises(Refused), tracefork.record(strict=True):
        tell(family, address)
    with pytest.raises(Refused, match="refused to connect"), tracefork.replay(EMPTY):
        tell(family, address)

    assert [(e.kind, e.target) for e in run.tape.escaped] == [("connection", named(address))]
    assert heard == [b"POST /"]


def test_it_may_be_allowed_and_a_replay_of_the_run_need_not_be_told(older):
    family, address, heard = older

    def agent(run):
        run.call("tool", len, "a")
        tell(family, address)

    with tracefork.record(allow=(named(address),), strict=True) as run:
        agent(run)
    verdict = tracefork.verify(run.tape, agent)

    assert run.tape.escaped == () and verdict.ok and verdict.refused == ()
    assert len(heard) == 2


def test_an_agent_that_is_itself_a_server_answers_who_asks_it():
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    ask = "s = socket.create_connection(('127.0.0.1', {})); s.sendall(b'hi'); print(s.recv(9))"
    asking = f"import socket; {ask.format(port)}"

    def agent(run):
        run.call("tool", len, "a")
        child = subprocess.Popen([sys.executable, "-c", asking], stdout=subprocess.PIPE)
        peer, _ = listening.accept()
        peer.recv(9)
        peer.sendall(b"answer")
        peer.close()
        assert b"answer" in child.communicate()[0]

    with tracefork.record() as run:
        agent(run)
    verdict = tracefork.verify(run.tape, agent)
    listening.close()
    assert verdict.error is None and verdict.ok and verdict.refused == ()


def test_so_does_one_whose_connection_was_accepted_before_the_run():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        asking = socket.create_connection(listening.getsockname())
        answering, _ = listening.accept()
        again = socket.socket(fileno=answering.detach())  # nothing is known of it but its address
        with tracefork.replay(EMPTY) as run:
            again.sendall(b"answer")
            with pytest.raises(Refused):
                asking.sendall(b"question")
        assert asking.recv(9) == b"answer" and len(run.refused) == 1
        again.close()
        asking.close()


def test_an_accepted_connection_that_is_wrapped_in_tls_still_is_one(tmp_path):
    import trustme

    authority = trustme.CA()
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(serving)
    asking = ssl.create_default_context()
    authority.configure_trust(asking)

    def client(port):
        with (
            socket.create_connection(("127.0.0.1", port)) as raw,
            asking.wrap_socket(raw, server_hostname="localhost") as wrapped,
        ):
            assert wrapped.recv(9) == b"answer"

    def agent():
        with socket.create_server(("127.0.0.1", 0)) as listening:
            thread = threading.Thread(target=client, args=listening.getsockname()[1:])
            thread.start()
            raw, _ = listening.accept()
            with serving.wrap_socket(raw, server_side=True) as wrapped:
                wrapped.sendall(b"answer")
            thread.join()

    with tracefork.replay(EMPTY) as run:
        agent()
    assert run.refused == ()


# -- uvloop, which does not use Python's sockets ----------------------------------------------


async def by_a_connection_that_was_there(there, address):
    _, writer = await asyncio.open_connection(sock=there)
    writer.write(b"out")
    writer.close()
    await writer.wait_closed()


async def by_an_address(there, address):
    _, writer = await asyncio.open_connection(*address)
    writer.close()
    await writer.wait_closed()


class Sending(asyncio.DatagramProtocol):
    def connection_made(self, transport):
        self.transport = transport


async def by_a_datagram(there, address, *, of_the_protocol=False):
    loop = asyncio.get_running_loop()
    made, protocol = await loop.create_datagram_endpoint(Sending, local_addr=("127.0.0.1", 0))
    try:
        (protocol.transport if of_the_protocol else made).sendto(b"out", address)
    finally:
        made.close()
        await asyncio.sleep(0.01)


async def by_a_datagram_of_the_protocol(there, address):
    await by_a_datagram(there, address, of_the_protocol=True)


OUT = [by_a_connection_that_was_there, by_an_address, by_a_datagram, by_a_datagram_of_the_protocol]


@pytest.mark.parametrize("way", OUT, ids=lambda way: way.__name__)
def test_no_way_of_uvloop_leads_out_of_a_replay_and_each_is_counted(way):
    uvloop = pytest.importorskip("uvloop")
    with socket.create_server(("127.0.0.1", 0)) as world:
        address = world.getsockname()
        with (
            socket.create_connection(address) as there,
            tracefork.replay(EMPTY) as replayed,
            pytest.raises(Refused),
        ):
            uvloop.run(way(there, address))
        with socket.create_connection(address) as there, tracefork.record() as run:
            uvloop.run(way(there, address))

    assert len(replayed.refused) == 1
    assert [one.target for one in run.tape.escaped] == ["{}:{}".format(*address)]
