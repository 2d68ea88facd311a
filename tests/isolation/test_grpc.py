"""gRPC goes past Python's sockets: its calls are counted, and refused under strict and in replays."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

import tracefork
from tracefork.errors import Refused

grpc = pytest.importorskip("grpc")
aio = pytest.importorskip("grpc.aio")


@pytest.fixture
def server():
    heard = []

    def answer(request, _):
        heard.append(request)
        return b"answer"

    class Any(grpc.GenericRpcHandler):
        def service(self, details):
            return grpc.unary_unary_rpc_method_handler(answer)

    made = grpc.server(ThreadPoolExecutor(2), handlers=(Any(),))
    port = made.add_insecure_port("127.0.0.1:0")
    made.start()
    yield f"127.0.0.1:{port}", heard
    made.stop(0).wait()


def asked(channel):
    return channel.unary_unary("/a.B/C")(b"q", timeout=5)


def within(address):
    with grpc.insecure_channel(address) as channel:
        return asked(channel)


def by_future(address):
    with grpc.insecure_channel(address) as channel:
        return channel.unary_unary("/a.B/C").future(b"q", timeout=5).result()


def asynchronously(address):
    async def main():
        async with aio.insecure_channel(address) as channel:
            return await channel.unary_unary("/a.B/C")(b"q", timeout=5)

    return asyncio.run(main())


WAYS = [within, by_future, asynchronously]


@pytest.mark.parametrize("ask", WAYS, ids=lambda ask: ask.__name__)
def test_a_call_is_counted_in_a_recording(ask, server):
    address, heard = server
    with tracefork.record() as run:
        assert ask(address) == b"answer"

    assert run.tape.escaped and {one.kind for one in run.tape.escaped} == {"connection"}
    assert any(address in one.target for one in run.tape.escaped)


def test_it_is_named_and_so_is_what_to_do(server):
    address, _ = server
    with tracefork.record() as run:
        within(address)
    assert {one.target for one in run.tape.escaped} == {f"{address} by gRPC"}

    with pytest.raises(Refused) as told, tracefork.replay(tracefork.Tape()) as again:
        within(address)
    assert told.value.client == "gRPC" and told.value.target == address
    assert "tracefork cannot record gRPC: choose the REST transport" in str(told.value)
    assert f"allow=('{address}',)" in str(told.value) and "test_grpc.py" in str(told.value)
    assert [one.target for one in again.refused] == [f"{address} by gRPC"]


@pytest.mark.parametrize("ask", WAYS, ids=lambda ask: ask.__name__)
def test_it_is_refused_in_a_replay_and_under_strict(ask, server):
    address, heard = server
    with pytest.raises(Refused), tracefork.replay(tracefork.Tape()):
        ask(address)
    with pytest.raises(Refused), tracefork.record(strict=True):
        ask(address)
    assert heard == []


def test_a_channel_that_was_there_before_asks_nobody_either(server):
    address, heard = server
    with grpc.insecure_channel(address) as channel:
        call = channel.unary_unary("/a.B/C")
        with tracefork.replay(tracefork.Tape()) as run, pytest.raises(Refused):
            call(b"q", timeout=5)
        assert len(run.refused) == 1
        assert call(b"q", timeout=5) == b"answer"


def test_it_may_be_allowed(server):
    address, heard = server
    with tracefork.replay(tracefork.Tape(), allow=(address,)):
        assert within(address) == b"answer"


def test_in_a_tool_it_is_the_tools(server):
    address, _ = server
    with tracefork.record(strict=True) as run:
        assert run.call("ask", within, address) == b"answer"
    with tracefork.replay(run.tape) as again:
        assert again.call("ask", within, address) == b"answer"


def test_afterwards_it_is_as_it_was():
    from grpc import _channel

    before = _channel.Channel.__init__, _channel._UnaryUnaryMultiCallable.__call__
    with tracefork.record():
        assert _channel.Channel.__init__ is not before[0]
    assert (_channel.Channel.__init__, _channel._UnaryUnaryMultiCallable.__call__) == before
