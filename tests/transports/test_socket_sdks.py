"""Vendors' SDKs over web sockets, unmodified: OpenAI's Responses and Realtime, Google's Live."""

from __future__ import annotations

import asyncio
import json
import ssl

import pytest
from clients import proves
from talkers import DIRECT, Server

pytestmark = [pytest.mark.sdk, pytest.mark.slow]

WORDS = ("It left ", "Lisbon ", "on Monday.")


def responses(socket):
    """Responses over a socket: events of one response for each `response.create`."""
    for number, heard in enumerate(socket):
        asked = json.loads(heard)
        assert asked["type"] == "response.create"
        made = {"id": f"resp_{number}", "object": "response", "status": "completed", "output": []}
        for n, word in enumerate(WORDS):
            event = {"type": "response.output_text.delta", "delta": word, "sequence_number": n}
            place = {"item_id": "i", "output_index": 0, "content_index": 0, "logprobs": []}
            socket.send(json.dumps({**event, **place}))
        socket.send(json.dumps({"type": "response.completed", "sequence_number": 9, "response": made}))


def realtime(socket):
    """Realtime: greets, and answers each `response.create` with words."""
    socket.send(json.dumps({"type": "session.created", "event_id": "e", "session": {"type": "realtime"}}))
    for heard in socket:
        if json.loads(heard)["type"] != "response.create":
            continue
        place = {"item_id": "i", "output_index": 0, "content_index": 0, "response_id": "r", "event_id": "e"}
        for word in WORDS:
            socket.send(json.dumps({"type": "response.output_text.delta", "delta": word, **place}))
        socket.send(json.dumps({"type": "response.output_text.done", "text": "".join(WORDS), **place}))


def live(socket):
    """Gemini Live: confirms its setup, then answers each turn."""
    for heard in socket:
        if "setup" in json.loads(heard):
            socket.send(json.dumps({"setupComplete": {}}).encode())
            continue
        for word in WORDS:
            turn = {"modelTurn": {"parts": [{"text": word}]}}
            socket.send(json.dumps({"serverContent": turn}).encode())
        socket.send(json.dumps({"serverContent": {"turnComplete": True}}).encode())


def openai_client(url, *, sync=False):
    openai = pytest.importorskip("openai")
    kind = openai.OpenAI if sync else openai.AsyncOpenAI
    return kind(api_key="not-a-real-key", base_url=f"{url}/v1")


def responses_sync(url):
    with openai_client(url, sync=True) as client, client.responses.connect() as socket:
        heard = []
        for question in ("Where is it?", "And now?"):
            socket.response.create(model="m", input=question)
            while True:
                event = socket.recv()
                heard.append(event.to_dict())
                if event.type == "response.completed":
                    break
        return heard


async def responses_async(url):
    async with openai_client(url) as client, client.responses.connect() as socket:
        heard = []
        for question in ("Where is it?", "And now?"):
            await socket.response.create(model="m", input=question)
            async for event in socket:
                heard.append(event.to_dict())
                if event.type == "response.completed":
                    break
        return heard


def realtime_sync(url):
    with openai_client(url, sync=True) as client, client.realtime.connect(model="m") as socket:
        heard = [socket.recv().to_dict()]
        socket.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        socket.response.create()
        for event in socket:
            heard.append(event.to_dict())
            if event.type == "response.output_text.done":
                break
        return heard


async def realtime_async(url):
    async with openai_client(url) as client, client.realtime.connect(model="m") as socket:
        heard = [(await socket.recv()).to_dict()]
        await socket.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        await socket.response.create()
        async for event in socket:
            heard.append(event.to_dict())
            if event.type == "response.output_text.done":
                break
        return heard


CASES = [
    (responses, responses_sync, 3),
    (responses, responses_async, 3),
    (realtime, realtime_sync, 3),
    (realtime, realtime_async, 3),
]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("serve", "agent", "steps"), CASES, ids=[agent.__name__ for _, agent, _ in CASES])
def test_an_sdk_over_a_socket_gets_the_same_from_the_tape(serve, agent, steps, tmp_path):
    def act():
        result = agent(server.url)
        return asyncio.run(result) if asyncio.iscoroutine(result) else result

    with Server(serve) as server:
        got, tape = proves(act, server, tmp_path)

    assert WORDS[1] in str(got)
    assert [x.request.method for x in tape] == ["GET"] + ["SEND"] * (steps - 1)
    assert not tape.escaped


# -- Gemini Live, which is over TLS alone ------------------------------------------------------------


@pytest.fixture
def trust():
    """What a server on this machine shows, and what its clients trust."""
    authority = pytest.importorskip("trustme").CA()
    shown, trusted = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(shown)
    authority.configure_trust(trusted)
    return shown, trusted


async def gemini_live(url, trusted):
    genai = pytest.importorskip("google.genai")
    options = genai.types.HttpOptions(base_url=url, async_client_args={"ssl": trusted})
    client = genai.Client(api_key="not-a-real-key", http_options=options)
    async with client.aio.live.connect(model="m", config={"response_modalities": ["TEXT"]}) as session:
        await session.send_client_content(turns={"role": "user", "parts": [{"text": "Where is it?"}]})
        return [message.text async for message in session.receive()]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_gemini_live_gets_the_same_from_the_tape(trust, tmp_path):
    with Server(live, ssl=trust[0]) as server:
        url = f"https://localhost:{server.port}"
        got, tape = proves(lambda: asyncio.run(gemini_live(url, trust[1])), server, tmp_path)

    assert [word for word in got if word] == list(WORDS)
    assert len(tape) == 3 and not tape.escaped


def test_over_tls_nothing_escapes(trust, tmp_path):
    from websockets.sync.client import connect

    def act():
        with connect(f"wss://localhost:{server.port}", ssl=trust[1], **DIRECT) as socket:
            socket.send('{"setup": {}}')
            return socket.recv()

    with Server(live, ssl=trust[0]) as server:
        got, tape = proves(act, server, tmp_path)

    assert got == b'{"setupComplete": {}}' and not tape.escaped
