"""In a replay nothing connects, whatever the client; the refusal names the line that tried."""

from __future__ import annotations

import asyncio
import errno
import socket

import httpx
import pytest

import tracefork
from tracefork import Response
from tracefork.errors import Refused
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer
from tracefork.transports.httpx import Transport

EMPTY = tracefork.Tape()


@pytest.fixture
def server():
    with LoopbackServer(by_rule(lambda _: Response(200, (), (b"ok",)))) as server:
        yield server


def by_socket(server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.socket() as raw:
        raw.connect((host, int(port)))


def by_name(server):
    socket.getaddrinfo("m.example", 80)


def by_asyncio(server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    asyncio.run(asyncio.open_connection(host, int(port)))


CLIENTS = [by_socket, by_name, by_asyncio]


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_client_that_is_not_recorded_is_refused_by_name_of_its_call_site(client, server):
    with pytest.raises(Refused) as caught, tracefork.replay(EMPTY):
        client(server)

    assert server.requests == ()
    assert "test_guard.py:" in caught.value.site
    assert client.__name__ in caught.value.site or "main" in caught.value.site


def quietly(server):
    try:
        by_socket(server)
    except OSError as exc:
        assert isinstance(exc, Refused)


def test_a_refusal_that_the_agent_swallows_is_told_and_not_held_against_it(server):
    with tracefork.replay(EMPTY) as run:
        quietly(server)

    (refused,) = run.refused
    assert (refused.kind, refused.target) == ("connection", server.url.removeprefix("http://"))
    assert "test_guard.py" in refused.site and server.requests == ()


def test_a_client_that_raises_its_error_later_without_its_cause_is_said_to_be_refused(server):
    class LaterConnectionError(Exception):
        """As botocore, which raises what it kept while it tried again."""

    def client():
        try:
            by_socket(server)
        except OSError:
            pass
        raise LaterConnectionError

    with pytest.raises(Refused) as caught, tracefork.replay(EMPTY):
        client()
    assert isinstance(caught.value.__cause__, LaterConnectionError)


def test_an_exception_of_the_agents_that_has_nothing_to_do_with_it_stays_what_it_is(server):
    with pytest.raises(ValueError), tracefork.replay(EMPTY):
        quietly(server)
        raise ValueError


def test_a_strict_replay_holds_it_against_the_run(server):
    with pytest.raises(Refused), tracefork.replay(EMPTY, strict=True):
        quietly(server)


def test_where_the_agent_then_does_something_else_the_divergence_tells_of_the_refusal(server):
    def agent(run, *, refused):
        if refused:
            quietly(server)
        run.call("tool", len, "b" if refused else "a")

    with tracefork.record() as run:
        agent(run, refused=False)
    with pytest.raises(tracefork.Divergence) as caught, tracefork.replay(run.tape) as again:
        agent(again, refused=True)

    (note,) = caught.value.__notes__
    assert server.url.removeprefix("http://") in note and "test_guard.py" in note


def test_a_client_that_asks_for_an_error_number_gets_one(server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    with tracefork.replay(EMPTY) as run, socket.socket() as raw:
        assert raw.connect_ex((host, int(port))) == errno.ECONNREFUSED
    assert len(run.refused) == 1


def test_an_allowed_address_may_be_connected_to(server):
    address = server.url.removeprefix("http://")
    with tracefork.replay(EMPTY, allow=(address,)):
        by_socket(server)


def test_unix_sockets_and_event_loops_are_exempt(tmp_path):
    async def served(_, writer):
        writer.close()
        await writer.wait_closed()

    async def main():
        listening = await asyncio.start_unix_server(served, str(tmp_path / "s"))
        reader, writer = await asyncio.open_unix_connection(str(tmp_path / "s"))
        await reader.read()
        writer.close()
        await writer.wait_closed()
        listening.close()
        await listening.wait_closed()

    with tracefork.replay(EMPTY):
        asyncio.run(main())
        one, other = socket.socketpair()
        one.close()
        other.close()


def test_while_recording_nothing_is_refused(server):
    with tracefork.record():
        by_socket(server)


def test_outside_of_the_run_nothing_is_refused(server):
    with tracefork.replay(EMPTY):
        pass
    by_socket(server)


def test_a_fork_is_guarded_until_it_is_live(server):
    def agent(early):
        def body():
            if early:
                by_socket(server)
            httpx.post(server.url, content=b"q")
            by_socket(server)

        return body

    with tracefork.record() as run:
        agent(early=False)()
    with tracefork.fork(run.tape, 0, Response(200, (), (b"other",))):
        agent(early=False)()
    with pytest.raises(Refused), tracefork.fork(run.tape, 0, Response(200, (), (b"other",))):
        agent(early=True)()


def test_a_tool_that_runs_live_may_connect(server):
    with tracefork.record() as run:
        run.call("fetch", by_socket_of, server.url)
    with tracefork.fork(run.tape, run.tape.effects[0]) as branch:
        branch.call("fetch", by_socket_of, server.url)

    assert len(branch.tape.effects) == 1


def by_socket_of(url):
    host, _, port = url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))):
        return "connected"


def test_a_client_of_a_replay_that_is_over_does_not_go_live(server):
    with tracefork.replay(EMPTY) as run:
        client = httpx.Client(transport=Transport(run))
    with client, pytest.raises(Refused):
        client.post(server.url)

    assert server.requests == ()


LOOK_UPS = {
    "by address": lambda: socket.gethostbyaddr("192.0.2.1"),
    "by name": lambda: socket.gethostbyname("a.example"),
    "whole": lambda: socket.gethostbyname_ex("a.example"),
    "backwards": lambda: socket.getnameinfo(("192.0.2.1", 80), 0),
    "by uvloop": lambda: uvlooped(lambda loop: loop.getaddrinfo("a.example", 80)),
    "backwards by uvloop": lambda: uvlooped(lambda loop: loop.getnameinfo(("192.0.2.1", 80))),
}


def uvlooped(ask):
    async def main():
        return await ask(asyncio.get_running_loop())

    return pytest.importorskip("uvloop").run(main())


@pytest.mark.parametrize("look_up", LOOK_UPS.values(), ids=LOOK_UPS)
def test_no_name_server_is_asked_in_a_replay(look_up):
    with tracefork.replay(tracefork.Tape()) as run, pytest.raises(Refused):
        look_up()
    assert len(run.refused) == 1
