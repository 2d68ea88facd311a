"""Both libraries under trio, on real sockets: what their clients come to, side by side and given up."""

from __future__ import annotations

import pytest
from clients import ASYNC, fault, proves, raised, read
from misbehaving import LAST, Misbehaving, Move, chunked, response

import tracefork
from tracefork.core.values import CANCELLED

trio = pytest.importorskip("trio")
kinds = pytest.mark.parametrize("kind", [k for k in ASYNC if k.how == "trio"], ids=str)
TWO = chunked(b"one\n", b"two\n")


@kinds
def test_an_answer(kind, tmp_path):
    async def agent(client):
        answer = await client.post(server.url, json={"a": 1})
        return answer.status_code, answer.json(), answer.reason_phrase, answer.headers.raw

    with Misbehaving([response(b'{"b": 2}', b"Vary: a")]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got[:2] == (200, {"b": 2})
    assert len(tape) == 1


@kinds
@pytest.mark.parametrize("reader", ["aiter_raw", "aiter_lines", "aiter_text"])
def test_a_stream(kind, reader, tmp_path):
    async def agent(client):
        async with client.stream("POST", server.url) as response:
            return [piece async for piece in getattr(response, reader)()]

    with Misbehaving([TWO, Move.BREATHE, LAST]) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert len(got) == 2
    assert tape[0].response.chunks == (b"one\n", b"two\n")


@kinds
@pytest.mark.parametrize(
    ("play", "error"),
    [
        ([Move.RESET], "ReadError"),
        ([Move.CUT], "RemoteProtocolError"),
        ([Move.STALL], "ReadTimeout"),
        ([TWO, Move.BREATHE, Move.RESET], "ReadError"),
        ([TWO, Move.CUT], "RemoteProtocolError"),
        ([TWO, Move.STALL], "ReadTimeout"),
    ],
)
def test_a_fault(kind, play, error, tmp_path):
    timeout = 0.3 if error == "ReadTimeout" else 5
    with Misbehaving(play) as server:
        got, tape = proves(lambda: kind.run(lambda c: read(c, server.url), timeout=timeout), server, tmp_path)

    assert got[-1][0] is getattr(kind.lib, error)
    assert got[:-1] == ([200, b"one\n", b"two\n"] if TWO in play else [])
    assert fault(tape) == error


@kinds
def test_a_refused_connection(kind, tmp_path):
    with Misbehaving([]) as server:
        server.close()
        [(exception, *_)], tape = proves(lambda: kind.run(lambda c: read(c, server.url)), server, tmp_path)

    assert exception is kind.lib.ConnectError
    assert fault(tape) == "ConnectError"


@kinds
def test_a_nursery_of_streams(kind, tmp_path):
    async def agent(client):
        got = {}

        async def listen(name):
            async with client.stream("POST", server.url, content=name) as response:
                got[name] = [line async for line in response.aiter_lines()]

        async with trio.open_nursery() as nursery:
            for name in "abcd":
                nursery.start_soon(listen, name)
        return dict(sorted(got.items()))

    def echo(request):
        name = request[-1:]
        for part in (chunked(name + b"1\n"), b"3\r\n" + name + b"2\n\r\n", LAST):
            yield part
            yield Move.BREATHE

    with Misbehaving(echo) as server:
        with tracefork.record() as run:
            live = kind.run(agent)
    for _ in range(5):
        with tracefork.replay(run.tape, patience=5) as again:
            assert kind.run(agent) == live
        assert again.tape.digest() == run.tape.digest()

    assert live == {name: [f"{name}1", f"{name}2"] for name in "abcd"}


@kinds
def test_a_failure_in_a_nursery_cancels_the_other_calls(kind, tmp_path):
    async def agent(client):
        got = []

        async def ask(name):
            try:
                await client.post(server.url, content=name)
            except trio.Cancelled:
                got.append((name, "cancelled"))
                raise
            except kind.lib.TransportError as exc:
                got.append((name, *raised(exc)[:1]))
                raise

        try:
            async with trio.open_nursery() as nursery:
                for name in "ab":
                    nursery.start_soon(ask, name)
        except BaseExceptionGroup as group:
            return sorted(got), [type(exc) for exc in group.exceptions]

    def answer(request):
        yield from [Move.BREATHE] * 5 + [Move.CUT] if request.endswith(b"a") else [Move.STALL]

    with Misbehaving(answer) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == ([("a", kind.lib.RemoteProtocolError), ("b", "cancelled")], [kind.lib.RemoteProtocolError])
    assert {x.request.body: x.answer for x in tape}[b"b"] == CANCELLED


@kinds
def test_whoever_is_first_is_first_again(kind, tmp_path):
    async def agent(client):
        send, receive = trio.open_memory_channel(0)

        async def ask(name):
            await send.send((await client.post(server.url, content=name)).text)

        async with trio.open_nursery() as nursery:
            for name in ("slow", "fast"):
                nursery.start_soon(ask, name)
            first = await receive.receive()
            nursery.cancel_scope.cancel()
        return first

    def answer(request):
        yield from [response(b"fast")] if request.endswith(b"fast") else [Move.STALL]

    with Misbehaving(answer) as server:
        got, tape = proves(lambda: kind.run(agent), server, tmp_path)

    assert got == "fast"
    assert {x.request.body: x.answer for x in tape}[b"slow"] == CANCELLED


def test_tasks_that_trio_begins_in_another_order_are_served_what_each_asks():
    """Where answers come at once, nothing on the tape shows that several tasks share a lane."""
    httpx = pytest.importorskip("httpx")
    transport = httpx.MockTransport(lambda request: httpx.Response(200, content=request.content))

    async def agent():
        said = {}

        async def ask(client, name):
            said[name] = (await client.post("http://h/", content=name)).text

        async with httpx.AsyncClient(transport=transport) as client, trio.open_nursery() as nursery:
            for name in "abcdefgh":
                nursery.start_soon(ask, client, name)
        return said

    with tracefork.record() as run:
        trio.run(agent)
    for _ in range(5):
        said = []
        verdict = tracefork.verify(run.tape, lambda: said.append(trio.run(agent)), patience=5)

        assert verdict.ok, verdict
        assert said == [{name: name for name in "abcdefgh"}]
