"""Sockets of `websockets`, of its asyncio and of its synchronous client.

The library makes the handshake, and frames and closes, live and in a replay: there over a connection in
memory, whose far end is a `Peer`. What the agent sends and receives is a `Conversation`.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any

import websockets.asyncio.client as aio
import websockets.sync.client as sync
from websockets.client import ClientProtocol
from websockets.exceptions import ConnectionClosed
from websockets.uri import parse_uri

from ..core.values import Headers, Request, Response
from ..host.patching import Target
from ..runtime import lanes
from ..session.asking import Call
from ..session.session import Session
from ._seam import Seam, past
from ._web_socket import Conversation, Ended
from ._web_socket_peer import Peer
from ._websockets_faults import FAULTS, read_closing

SWITCHED = 101


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield aio.connect, "create_connection", _connect_async
    yield aio.connect, "__await_impl__", _open_async
    yield ENTRY, "call", _connect


class _Entry:
    """The function `websockets.sync.client.connect` as an attribute, `call`.

    Whoever has imported it holds the function itself: while something else stands here, that is what the
    function does.
    """

    call: Any

    def __init__(self, function: FunctionType) -> None:
        made = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
        made.__kwdefaults__ = function.__kwdefaults__
        vars(self).update(_function=function, _code=function.__code__, _made=made, call=made)

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = value
        code: CodeType = self._code if value is self._made else _stand_in.__code__
        self._function.__code__ = code

    _function: Any
    _code: Any
    _made: Any


def _stand_in(*args: Any, **kwargs: Any) -> Any:
    from tracefork.transports.websockets import ENTRY as entry  # noqa: N811, PLC0415  it runs elsewhere

    return entry.call(*args, **kwargs)


ENTRY = _Entry(sync.connect)


class _Door(Seam):
    """Where a handshake goes, in terms of the seam."""

    def find(self, url: str) -> tuple[Any, Any]:
        asked = SimpleNamespace(method="GET", url=url)
        return self._way(asked), asked

    def ask(self, way: Any, url: str, headers: Headers) -> Call:
        run: Session = way.run
        asked = Request("GET", url, headers)
        if way.stranger and not run.port.has_answer(asked):
            raise run.refuse(f"GET {url}", "thread")
        return Call(run, asked, FAULTS, switches=True)

    def _unreachable(self, request: Any) -> Exception:  # noqa: ARG002
        return ConnectionRefusedError("not recorded, and refused in a replay")


_DOOR = _Door(None, None)


def _list_headers(
    url: str, additional: Any, user_agent: str | None, origin: Any, subprotocols: Any
) -> Headers:
    """The headers that the library asks with, but for a key of its own."""
    request = ClientProtocol(parse_uri(url), origin=origin, subprotocols=subprotocols).connect()
    if additional is not None:
        request.headers.update(additional)
    if user_agent is not None:
        request.headers.setdefault("User-Agent", user_agent)
    return tuple((n, v) for n, v in request.headers.raw_items() if n.lower() != "sec-websocket-key")


def _head_of(response: Any) -> Response:
    pairs = tuple((str(n), str(v)) for n, v in response.headers.raw_items())
    body = bytes(response.body or b"")
    return Response(response.status_code, pairs, (body,) if body else (), "eof", response.reason_phrase)


# -- asyncio -------------------------------------------------------------------------------------


async def _connect_async(original: Any, connecting: Any) -> Any:
    """A connection whose handshake is asked of the run."""
    way, asked = _DOOR.find(connecting.uri)
    if way.run is None:
        with past(way, asked):
            return await original(connecting)
    sample = connecting.protocol_factory(parse_uri(connecting.uri)).protocol
    headers = _list_headers(
        connecting.uri,
        connecting.additional_headers,
        connecting.user_agent_header,
        sample.origin,
        sample.available_subprotocols,
    )
    call = _DOOR.ask(way, connecting.uri, headers)
    await call.abegin()
    connecting.pending = call
    try:
        if call.served is None:
            with call.aside():
                _refill(connecting, call)
                connection = await original(connecting)
            connection.handshake = partial(_shake_hands, connection, call, way.run, connection.handshake)
        else:
            head = await call.ahead()
            connection = connecting.protocol_factory(parse_uri(connecting.uri))
            body = b"".join([data async for data in call.athrough()]) if head.status != SWITCHED else b""
            with call.aside():
                connection.connection_made(_Pipe(Peer(head, body), connection))
            if head.status == SWITCHED:
                _AsyncSocket(connection, Conversation(way.run, call, FAULTS), connection.transport.peer)
    except Exception as exc:
        await call.aleave(exc)
        raise
    return connection


def _refill(connecting: Any, call: Call) -> None:
    """Let the handshake leave as it must."""
    if call.is_refilled:
        connecting.uri = call.outgoing.url
        given = {name.lower() for name, _ in _pairs_of(connecting.additional_headers)}
        connecting.additional_headers = [(n, v) for n, v in call.outgoing.headers if n.lower() in given]


def _pairs_of(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


async def _shake_hands(connection: Any, call: Call, run: Session, original: Any, *args: Any) -> None:
    del connection.handshake
    try:
        with call.aside():
            await original(*args)
    except Exception as exc:
        await _record_refusal(call, connection.response, exc)
        raise
    await call.ahead(_head_of(connection.response))
    _AsyncSocket(connection, Conversation(run, call, FAULTS))


async def _record_refusal(call: Call, response: Any, exc: Exception) -> None:
    if response is None:
        await call.aleave(exc)
        return
    head = _head_of(response)
    await call.ahead(head)
    for data in head.chunks:
        call.chunk(data)
    if head.status == SWITCHED:  # the library does not like it
        call.drop("closed")
    else:
        await call.afinish()


async def _open_async(original: Any, connecting: Any) -> Any:
    """Open a socket, and end the handshake that was interrupted as it is told."""
    try:
        return await original(connecting)
    except BaseException as exc:
        pending = vars(connecting).get("pending")
        if pending is not None:
            await pending.aleave(exc)
        raise
    finally:
        vars(connecting).pop("pending", None)


class _AsyncSocket:
    """What stands between an agent and a connection of asyncio's."""

    def __init__(self, connection: Any, said: Conversation, peer: Peer | None = None) -> None:
        self._said, self._peer = said, peer
        self._transport = connection.transport
        self._send, self._recv, self._stream = connection.send, connection.recv, connection.recv_streaming
        self._close = connection.close
        connection.send, connection.recv, connection.close = self.send, self.recv, self.close
        connection.recv_streaming = self.recv_streaming
        for name in ("ping", "pong"):
            setattr(connection, name, partial(_aside_async, getattr(connection, name)))

    async def send(self, message: Any, text: bool | None = None) -> None:
        said = self._said
        how = {} if text is None else {"text": text}
        if said.passes or isinstance(message, Mapping):
            await self._send(message, **how)
            return
        if isinstance(message, AsyncIterator) or hasattr(message, "__aiter__"):
            message = [part async for part in message]
        whole, message = _join(message, text)
        call = said.question(whole)
        await call.abegin()
        said.put(call)
        try:
            if said.live:
                true = said.true(call, whole)
                with call.aside():
                    await self._send(message if true is whole else true, **(how if true is whole else {}))
            await said.agive_head(call)
        except BaseException as exc:
            await call.aleave(exc)
            raise

    async def recv(self, decode: bool | None = None) -> Any:
        said = self._said
        if said.passes:
            return await self._recv(decode)
        if not said.live:
            await self._feed()
            message = await self._recv(decode)
            said.waiting -= 1
            return message
        try:
            message = await self._recv()
        except ConnectionClosed as exc:
            await said.afail(exc)
            raise
        said.note(message)
        return _decode(message, decode)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Any]:
        said = self._said
        parts: list[Any] = []
        if not (said.passes or said.live):
            await self._feed()
            said.waiting -= 1
        try:
            async for part in self._stream(decode if said.passes or not said.live else None):
                parts.append(part)
                if said.passes or not said.live:
                    yield part
                    continue
                yield _decode(part, decode)
        except ConnectionClosed as exc:
            if said.live and not said.passes:
                await said.afail(exc)
            raise
        if said.live and not said.passes:
            said.note((parts[0][:0] if parts else "").join(parts))

    async def close(self, *args: Any, **kwargs: Any) -> None:
        if not self._said.passes:
            self._said.close()
        with lanes.aside():
            await self._close(*args, **kwargs)

    async def _feed(self) -> None:
        """Give the library the next recorded message, or the recorded end."""
        said, peer = self._said, self._peer
        if said.waiting > 0 or said.closing or peer is None:
            said.waiting = max(1, said.waiting)
            return
        taken = await said.await_next()
        said.waiting += 1
        if isinstance(taken, Ended):
            self._transport.give(_end(peer, taken))
        elif taken is not None:
            self._transport.give(peer.say(taken))


def _end(peer: Peer, ended: Ended) -> bytes:
    """The bytes with which `peer` ends a conversation that was recorded to end so."""
    closing = read_closing(ended.fault.message)
    received = closing.received if closing is not None and closing.is_by_server else None
    return peer.close(received.code, received.reason) if received is not None else peer.close(None)


def _join(message: Any, text: bool | None) -> tuple[str | bytes, Any]:
    """A message as a whole, and as the library is to send it: in the parts that it has."""
    parts: Any = message
    if isinstance(message, str | bytes | bytearray | memoryview):
        whole: Any = message
    else:
        parts = list(message)
        whole = (parts[0][:0] if parts else "").join(parts)
    data: str | bytes = whole if isinstance(whole, str) else bytes(whole)
    if text is not None and isinstance(data, str) is not text:
        data = data.decode() if isinstance(data, bytes) else data.encode()
    return data, parts


def _decode(message: Any, decode: bool | None) -> Any:
    if decode is False and isinstance(message, str):
        return message.encode()
    return message.decode() if decode and not isinstance(message, str) else message


async def _aside_async(original: Any, *args: Any, **kwargs: Any) -> Any:
    with lanes.aside():
        return await original(*args, **kwargs)


class _Pipe(asyncio.Transport):
    """A transport to a `Peer`, for one protocol."""

    def __init__(self, peer: Peer, protocol: Any) -> None:
        super().__init__()
        self.peer = peer
        self._protocol = protocol
        self._loop = asyncio.get_running_loop()
        self._closing = self._paused = False
        self._held: list[bytes] = []

    def give(self, data: bytes) -> None:
        """Let the client read `data`, and then that the peer has hung up, if it has."""
        if data:
            self._held.append(data)
        if not self._paused:
            self._loop.call_soon(self._flush)

    def _flush(self) -> None:
        while self._held and not (self._paused or self._closing):
            self._protocol.data_received(self._held.pop(0))
        if self.peer.ended and not self._held and not self._closing:
            self._protocol.eof_received()
            self.close()

    def write(self, data: Any) -> None:
        if not self._closing:
            reply = self.peer.receive(bytes(data))
            if reply or self.peer.ended:
                self.give(reply)

    def writelines(self, list_of_data: Any) -> None:
        self.write(b"".join(list_of_data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.peer.ended = True
        self.give(b"")

    def is_closing(self) -> bool:
        return self._closing

    def close(self) -> None:
        if not self._closing:
            self._closing = True
            self._loop.call_soon(self._protocol.connection_lost, None)

    abort = close

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self) -> None:
        self._paused = False
        self.give(b"")

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def get_write_buffer_size(self) -> int:
        return 0


# -- threads -------------------------------------------------------------------------------------


def _connect(original: Any, uri: str, **how: Any) -> Any:
    """A synchronous connection whose handshake is asked of the run."""
    way, asked = _DOOR.find(uri)
    if way.run is None:
        with past(way, asked):
            return original(uri, **how)
    agent = how.get("user_agent_header", sync.USER_AGENT)
    headers = _list_headers(
        uri, how.get("additional_headers"), agent, how.get("origin"), how.get("subprotocols")
    )
    call = _DOOR.ask(way, uri, headers)
    call.begin()
    try:
        if call.served is None:
            connection = _connect_live(original, uri, how, call)
            peer = None
        else:
            head = call.head()
            body = b"".join(call.through()) if head.status != SWITCHED else b""
            peer = Peer(head, body)
            sock = _Socket(peer)
            with call.aside():
                secure = {"ssl": _NoTLS()} if parse_uri(uri).secure else {}
                connection = original(uri, **{**how, **secure, "sock": sock})
    except BaseException as exc:
        call.leave(exc)
        raise
    _SyncSocket(connection, Conversation(way.run, call, FAULTS), peer)
    return connection


def _connect_live(original: Any, uri: str, how: dict[str, Any], call: Call) -> Any:
    if call.is_refilled:
        uri = call.outgoing.url
        given = {name.lower() for name, _ in _pairs_of(how.get("additional_headers"))}
        how = {**how, "additional_headers": [p for p in call.outgoing.headers if p[0].lower() in given]}
    made: list[Any] = []
    factory = how.get("create_connection") or sync.ClientConnection

    def create_connection(*args: Any, **kwargs: Any) -> Any:
        made.append(factory(*args, **kwargs))
        return made[0]

    try:
        with call.aside():
            connection = original(uri, **{**how, "create_connection": create_connection})
    except Exception:
        response = made[0].response if made else None
        if response is not None:
            head = call.head(_head_of(response))
            for data in _head_of(response).chunks:
                call.chunk(data)
            if head.status == SWITCHED:
                call.drop("closed")
            else:
                call.finish()
        raise
    call.head(_head_of(connection.response))
    return connection


class _SyncSocket:
    """What stands between an agent and a connection of threads'."""

    def __init__(self, connection: Any, said: Conversation, peer: Peer | None) -> None:
        self._said, self._peer, self._sock = said, peer, connection.socket
        self._send, self._recv, self._stream = connection.send, connection.recv, connection.recv_streaming
        self._close = connection.close
        connection.send, connection.recv, connection.close = self.send, self.recv, self.close
        connection.recv_streaming = self.recv_streaming
        for name in ("ping", "pong"):
            setattr(connection, name, partial(_aside, getattr(connection, name)))

    def send(self, message: Any, text: bool | None = None) -> None:
        said = self._said
        how = {} if text is None else {"text": text}
        if said.passes or isinstance(message, Mapping):
            self._send(message, **how)
            return
        whole, message = _join(message, text)
        call = said.question(whole)
        call.begin()
        said.put(call)
        try:
            if said.live:
                true = said.true(call, whole)
                with call.aside():
                    self._send(message if true is whole else true, **(how if true is whole else {}))
            said.give_head(call)
        except BaseException as exc:
            call.leave(exc)
            raise

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Any:
        said = self._said
        if said.passes:
            return self._recv(timeout, decode)
        if not said.live:
            if not self._feed(timeout):
                raise TimeoutError(f"timed out in {timeout:.1f}s")  # as the library says it
            message = self._recv(None, decode)
            said.waiting -= 1
            return message
        try:
            message = self._recv(timeout)
        except ConnectionClosed as exc:
            said.fail(exc)
            raise
        said.note(message)
        return _decode(message, decode)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Any]:
        said = self._said
        if said.passes or not said.live:
            if not said.passes:
                self._feed(None)
                said.waiting -= 1
            yield from self._stream(decode)
            return
        parts: list[Any] = []
        try:
            for part in self._stream():
                parts.append(part)
                yield _decode(part, decode)
        except ConnectionClosed as exc:
            said.fail(exc)
            raise
        said.note((parts[0][:0] if parts else "").join(parts))

    def close(self, *args: Any, **kwargs: Any) -> None:
        if not self._said.passes:
            self._said.close()
        with lanes.aside():
            self._close(*args, **kwargs)

    def _feed(self, timeout: float | None) -> bool:
        """Give the library the next recorded message, or the recorded end; False if none came in time."""
        said, peer = self._said, self._peer
        if said.waiting > 0 or said.closing or peer is None:
            said.waiting = max(1, said.waiting)
            return True
        taken = said.wait_next(timeout)
        if taken is None and not said.closing:
            return False
        said.waiting += 1
        if isinstance(taken, Ended):
            self._sock.give(_end(peer, taken))
        elif taken is not None:
            self._sock.give(peer.say(taken))
        return True


def _aside(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with lanes.aside():
        return original(*args, **kwargs)


class _Socket:
    """A socket to a `Peer`."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._bytes: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._lock = threading.Lock()

    def give(self, data: bytes) -> None:
        if data:
            self._bytes.put(data)
        if self._peer.ended:
            self._bytes.put(b"")

    def recv(self, size: int) -> bytes:
        data = self._rest or self._bytes.get()
        self._rest = data[size:]
        return data[:size]

    def sendall(self, data: Any) -> None:
        with self._lock:
            self.give(self._peer.receive(bytes(data)))

    def shutdown(self, _: int) -> None:
        self._bytes.put(b"")

    def close(self) -> None:
        self._bytes.put(b"")

    def settimeout(self, _: float | None) -> None:
        pass

    def setsockopt(self, *_: Any) -> None:
        pass

    def getsockname(self) -> Any:
        return None

    getpeername = getsockname


class _NoTLS:
    """What makes a socket in memory out of one: it is not encrypted."""

    def wrap_socket(self, sock: _Socket, **_: Any) -> _Socket:
        return sock
