"""Forks of conversations over web sockets, secrets in them, and whose they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from talkers import (
    CLIENTS,
    Server,
    by_aiohttp,
    by_websockets,
    by_websockets_sync,
    clients,
    greet,
    talk,
)

import tracefork
from tracefork import Response
from tracefork.edits import Set
from tracefork.errors import SocketLost, Stalled
from tracefork.runs.api import cut
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.slow

TOKEN = "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5"


def ask(client, url, *messages):
    async def agent(talker):
        heard = [await talker.hear()]
        for message in messages:
            await talker.say(message)
            heard += [await talker.hear(), await talker.hear()]
        return heard

    return talk(client, url, agent)


@clients
def test_a_fork_answers_a_message_otherwise(client):
    with Server(greet) as server:
        with tracefork.record() as recorded:
            ask(client, server.url, "one")
        with tracefork.fork(recorded.tape, 1, lambda step: Response(200, (), (b"ONE", b"MORE"))) as branch:
            assert ask(client, server.url, "one") == ["hello", "ONE", "MORE"]
            assert ask(client, server.url, "live")[1] == "live"

    assert len(branch.tape) == 4


@clients
def test_a_conversation_that_would_go_live_in_its_middle_is_refused(client):
    """Its server does not know what was said before."""
    with Server(greet) as server:
        with tracefork.record() as recorded:
            ask(client, server.url, "one", "two")
        with pytest.raises(SocketLost, match="partly on the tape"):
            with tracefork.fork(recorded.tape, 1, lambda step: Response(200, (), (b"ONE", b"MORE"))):
                ask(client, server.url, "one", "another")


@clients
def test_a_fork_before_the_handshake_is_live(client):
    with Server(greet) as server:
        with tracefork.record() as recorded:
            ask(client, server.url, "one")
            ask(client, server.url, "two")
        with cut(recorded.tape, 2) as branch:
            ask(client, server.url, "one")
            assert ask(client, server.url, "other")[1] == "other"

    assert branch.forwarded == 2


@clients
def test_a_secret_is_not_kept_and_leaves_as_it_is(client, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    told = []

    def serve(socket):
        for heard in socket:
            told.append(heard)
            socket.send(TOKEN)

    async def agent(talker):
        await talker.say(f"with {TOKEN}")
        return await talker.hear()

    with Server(serve) as server:
        with tracefork.record() as recorded:
            assert talk(client, server.url, agent) == TOKEN
        with tracefork.replay(recorded.tape):
            talk(client, server.url, agent)

    assert told == [f"with {TOKEN}"]
    assert TOKEN.encode() not in recorded.tape[1].request.body + recorded.tape[1].response.body


@clients
def test_a_surrogate_is_the_secret_again_where_it_leaves(client, monkeypatch):
    import httpx

    monkeypatch.setenv("SHOP_TOKEN", TOKEN)
    told = []

    def serve(socket):
        for heard in socket:
            told.append(heard)
            socket.send("ok")

    def agent():
        given = httpx.get(shop.url).text

        async def tell(talker):
            await talker.say(f"with {given}")
            return await talker.hear()

        return given, talk(client, server.url, tell)

    rule = by_rule(lambda _: Response(200, (), (TOKEN.encode(),)))
    with Server(serve) as server, LoopbackServer(rule) as shop:
        with tracefork.record() as recorded:
            agent()
        with cut(recorded.tape, 1):
            given, _ = agent()

    assert given != TOKEN
    assert told == [f"with {TOKEN}"] * 2


@clients
def test_an_edited_message_is_what_is_sent_and_kept(client):
    told = []

    def serve(socket):
        for heard in socket:
            told.append(heard)
            socket.send("ok")

    async def agent(talker):
        await talker.say('{"a": 1}')
        return await talker.hear()

    with Server(serve) as server, tracefork.record(edits=Set("$.a", "longer")) as recorded:
        talk(client, server.url, agent)

    assert [json.loads(one) for one in told] == [{"a": "longer"}]
    assert json.loads(recorded.tape[1].request.body) == {"a": "longer"}


@clients
def test_what_is_said_in_a_tool_or_passed_over_is_not_recorded(client):
    with Server(greet) as server:
        with tracefork.record() as recorded:
            assert recorded.call("tool", lambda: ask(client, server.url, "one")[1]) == "one"
        with tracefork.record(passthrough=("127.0.0.1/*",)) as passed:
            assert ask(client, server.url, "one")[1] == "one"

    assert len(recorded.tape) == len(passed.tape) == 0
    assert not passed.tape.escaped and not recorded.tape.escaped


@pytest.mark.parametrize("client", [by_websockets, by_websockets_sync, by_aiohttp])
def test_another_message_diverges(client):
    with Server(greet) as server, tracefork.record() as recorded:
        ask(client, server.url, "one")
    with pytest.raises(tracefork.Divergence), tracefork.replay(recorded.tape, patience=1):
        ask(client, server.url, "another")


@pytest.mark.parametrize("client", [by_websockets, by_websockets_sync, by_aiohttp])
def test_who_waits_for_more_than_there_was_stalls(client):
    async def agent(talker):
        return [await talker.hear() for _ in range(2)]

    with Server(greet) as server, tracefork.record() as recorded:
        talk(client, server.url, lambda talker: talker.hear())
    with pytest.raises(Stalled), tracefork.replay(recorded.tape, patience=0.5):
        talk(client, server.url, agent)


def test_the_function_that_connects_is_put_back():
    from websockets.sync.client import connect

    before = connect.__code__
    with tracefork.record():
        assert connect.__code__ is not before

    assert connect.__code__ is before


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_library_that_is_first_imported_inside_the_run_is_recorded(client):
    """Each adapter comes with its library alone: one that imports another's would wait for itself."""
    script = f"""
import faulthandler, sys
faulthandler.dump_traceback_later(20, exit=True)
import talkers, tracefork
from talkers import greet
for name in ("websockets.asyncio.client", "aiohttp"):
    assert name not in sys.modules, name

async def agent(talker):
    return await talker.hear()

with talkers.Server(greet) as server, tracefork.record() as run:
    assert talkers.talk(talkers.{client.__name__}, server.url, agent) == "hello"
print(len(run.tape), run.tape.escaped)
"""
    root = Path(__file__).parents[2]
    path = os.pathsep.join([str(root), str(root / "tests")])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
        env={**os.environ, "PYTHONPATH": path},
    )

    assert done.stdout == "1 ()\n", done.stderr
