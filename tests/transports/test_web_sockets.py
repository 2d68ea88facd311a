"""A conversation over a web socket is the same bare, recorded and replayed with its server gone."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from clients import proves
from talkers import (
    CLIENTS,
    DIRECT,
    Closed,
    Server,
    by_aiohttp,
    by_websockets,
    by_websockets_sync,
    clients,
    greet,
    talk,
)
from talkers import websockets as library

pytestmark = pytest.mark.slow

TOKEN = "ghp_aB3dE5gH7jK9mN1pQ3sT5vW7xY9zA1cD3eF5"


@clients
def test_a_conversation_comes_back_word_for_word(client, tmp_path):
    said = ["a question", b"bytes \x00\xff", "", b"", "für", "x" * 70_000, b"y" * 10_000]
    if client.__name__ == "by_httpx2":
        said[5] = "x" * 60_000  # it takes no longer ones

    async def agent(talker):
        heard = [await talker.hear()]
        for message in said:
            await talker.say(message)
            heard += [await talker.hear(), await talker.hear()]
        return heard

    with Server(greet) as server:
        got, tape = proves(lambda: talk(client, server.url, agent), server, tmp_path)

    assert got == ["hello", *[one for message in said for one in (message, message[::-1])]]
    assert [x.request.method for x in tape] == ["GET"] + ["SEND"] * len(said)
    assert (tape[0].response.status, tape[0].response.chunks) == (101, (b"hello",))
    assert tape[1].request.body == b"a question"
    assert tape[2].request.body == b"\xffbytes \x00\xff"
    assert tape[2].response.chunks == (b"\xffbytes \x00\xff", b"\xff\xff\x00 setyb")
    assert [x.response.end for x in tape] == ["eof"] * len(said) + ["closed"]
    assert not tape.escaped


@clients
@pytest.mark.parametrize("word", ["bye", "fail", "vanish"])
def test_how_the_server_ends_it_is_told_again(client, word, tmp_path):
    async def agent(talker):
        await talker.hear()
        await talker.say(word)
        ends = []
        for _ in range(1 if "httpx" in client.__name__ else 2):
            try:
                await talker.hear()
            except Closed as exc:
                ends.append(exc.args)
        return ends

    with Server(greet) as server:
        got, tape = proves(lambda: talk(client, server.url, agent), server, tmp_path)

    assert got and (word == "vanish" or any("1000" in str(one) or "4001" in str(one) for one in got))
    assert tape[1].response.end not in ("eof", "closed")


@clients
def test_who_waits_in_vain_goes_on(client, tmp_path):
    async def agent(talker):
        heard = [await talker.hear()]
        with pytest.raises(TimeoutError):
            await talker.hear(0.1)
        await talker.say("still there?")
        return [*heard, await talker.hear()]

    with Server(greet) as server:
        got, tape = proves(lambda: talk(client, server.url, agent), server, tmp_path)

    assert got == ["hello", "still there?"]
    if "httpx" not in client.__name__:  # these read ahead
        assert tape[1].response.chunks == (b"still there?",)


@pytest.mark.parametrize("client", [by_websockets, by_aiohttp], ids=lambda client: client.__name__)
def test_a_sender_and_a_receiver_speak_at_once(client, tmp_path):
    """Each message belongs to the newest question that was asked when it was received."""

    async def agent(talker):
        heard = []

        async def receive():
            while len(heard) < 9:
                heard.append(await talker.hear())

        receiving = asyncio.create_task(receive())
        for n in range(4):
            await talker.say(f"say {n}")
            await asyncio.sleep(0.01 * (n % 2))
        await receiving
        return heard

    with Server(greet) as server:
        got, tape = proves(lambda: talk(client, server.url, agent), server, tmp_path)

    assert got == ["hello", *[one for n in range(4) for one in (f"say {n}", f"say {n}"[::-1])]]
    assert sum(len(x.response.chunks) for x in tape) == 9


def test_threads_may_share_a_socket(tmp_path):
    from websockets.sync.client import connect

    def act():
        with connect(server.url.replace("http", "ws"), **DIRECT) as socket:
            heard = []

            def receive():
                while len(heard) < 7:
                    heard.append(socket.recv())

            receiving = threading.Thread(target=receive)
            receiving.start()
            for n in range(3):
                socket.send(f"say {n}")
                time.sleep(0.005)
            receiving.join()
            return heard

    with Server(greet) as server:
        got, _ = proves(act, server, tmp_path)

    assert len(got) == 7


@pytest.mark.parametrize("client", [by_websockets, by_aiohttp], ids=lambda client: client.__name__)
def test_several_sockets_side_by_side(client, tmp_path):
    async def one(n):
        async with client(server.url + f"/{n}") as talker:
            heard = [await talker.hear()]
            for m in range(3):
                await talker.say(f"{n}.{m}")
                heard += [await talker.hear(), await talker.hear()]
            return heard

    async def main():
        return await asyncio.gather(*(one(n) for n in range(4)))

    with Server(greet) as server:
        got, tape = proves(lambda: asyncio.run(main()), server, tmp_path)

    assert len(got) == 4 and len(tape) == 16


@clients
def test_the_handshake_has_its_headers(client, tmp_path):
    async def agent(talker):
        return await talker.hear()

    def serve(socket):
        socket.send(str([socket.request.path, socket.request.headers["X-Who"]]))

    headers = {"additional_headers": {"X-Who": "me"}}
    with Server(serve) as server:
        got, tape = proves(lambda: talk(client, server.url + "/a?b=c", agent, **headers), server, tmp_path)

    assert got == "['/a?b=c', 'me']"
    assert tape[0].request.url.endswith("/a?b=c")
    assert ("x-who", "me") in [(n.lower(), v) for n, v in tape[0].request.headers]


@pytest.mark.parametrize("client", [by_websockets, by_websockets_sync, by_aiohttp])
def test_a_subprotocol_is_agreed_on_again(client, tmp_path):
    async def agent(talker):
        return await talker.hear()

    def serve(socket):
        socket.send(str(socket.subprotocol))

    options = {"subprotocols": ["chat", "other"]}
    with Server(serve, subprotocols=["other"]) as server:
        got, tape = proves(lambda: talk(client, server.url, agent, **options), server, tmp_path)

    assert got == "other"
    assert ("Sec-WebSocket-Protocol", "other") in tape[0].response.headers


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)
def test_a_handshake_that_is_declined_is_an_exchange(client, tmp_path):
    def decline(connection, request):
        return connection.respond(403, "not you")

    def act():
        try:
            return talk(client, server.url, lambda talker: talker.hear())
        except Exception as exc:
            return type(exc).__name__, str(exc).replace(server.url, "")

    with Server(greet, process_request=decline) as server:
        got, tape = proves(act, server, tmp_path)

    assert got[0] in ("InvalidStatus", "WSServerHandshakeError", "WebSocketUpgradeError")
    assert tape[0].response.status == 403


@pytest.mark.parametrize("client", [by_websockets, by_websockets_sync, by_aiohttp])
def test_nobody_listens(client, tmp_path):
    def act():
        try:
            return talk(client, server.url, lambda talker: talker.hear())
        except OSError as exc:
            return type(exc).__name__, str(exc)

    with Server(greet) as server:
        pass
    got, tape = proves(act, server, tmp_path)

    assert "Connect" in got[0] and "rror" in str(tape[0].answer)


def test_a_loop_that_opens_it_again_goes_on(tmp_path):
    from websockets.asyncio.client import connect

    async def main():
        heard = []
        async for socket in connect(server.url.replace("http", "ws"), **DIRECT):
            try:
                heard.append(await socket.recv())
                if len(heard) == 3:
                    break
                await socket.send("vanish")
                await socket.recv()
            except library.ConnectionClosed:
                continue
        return heard

    with Server(greet) as server:
        got, tape = proves(lambda: asyncio.run(main()), server, tmp_path)

    assert got == ["hello"] * 3
    assert [x.request.method for x in tape] == ["GET", "SEND"] * 2 + ["GET"]


def test_fragments_are_one_message(tmp_path):
    from websockets.asyncio.client import connect

    def serve(socket):
        for heard in socket:
            socket.send([heard[:3], heard[3:]])

    async def main():
        async with connect(server.url.replace("http", "ws"), **DIRECT) as socket:
            await socket.send(["frag", "mented"])
            whole = await socket.recv(decode=False)
            await socket.send(b"again")
            return whole, b"".join([part async for part in socket.recv_streaming()])

    with Server(serve) as server:
        got, tape = proves(lambda: asyncio.run(main()), server, tmp_path)

    assert got == (b"fragmented", b"again")
    assert tape[1].request.body == b"fragmented"
