"""What stands between an agent and its socket of `websockets`: all that it sends and receives."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from functools import partial
from typing import Any

from websockets.exceptions import ConnectionClosed

from ..runtime import lanes
from ._web_socket import Conversation, Ended
from ._web_socket_peer import Peer
from ._websockets_faults import read_closing


class AsyncSocket:
    """What stands between an agent and a connection of asyncio's."""

    def __init__(self, connection: Any, talk: Conversation, peer: Peer | None = None) -> None:
        self._talk, self._peer = talk, peer
        self._transport = connection.transport
        self._send, self._recv, self._stream = connection.send, connection.recv, connection.recv_streaming
        self._close = connection.close
        connection.send, connection.recv, connection.close = self.send, self.recv, self.close
        connection.recv_streaming = self.recv_streaming
        for name in ("ping", "pong"):
            setattr(connection, name, partial(_aside_async, getattr(connection, name)))

    async def send(self, message: Any, text: bool | None = None) -> None:
        talk = self._talk
        how = {} if text is None else {"text": text}
        if talk.passes or isinstance(message, Mapping):
            await self._send(message, **how)
            return
        if isinstance(message, AsyncIterator) or hasattr(message, "__aiter__"):
            message = [part async for part in message]
        whole, parts = _join(message, text)

        async def send(true: str | bytes) -> None:
            await (self._send(parts, **how) if true is whole else self._send(true))

        await talk.asay(whole, send)

    async def recv(self, decode: bool | None = None) -> Any:
        talk = self._talk
        if talk.passes:
            return await self._recv(decode)
        if not talk.live:
            await self._feed()
            message = await self._recv(decode)
            talk.waiting -= 1
            return message
        try:
            message = await self._recv()
        except ConnectionClosed as exc:
            talk.fail(exc)
            raise
        talk.note(message)
        return _decode(message, decode)

    async def recv_streaming(self, decode: bool | None = None) -> AsyncIterator[Any]:
        talk = self._talk
        parts: list[Any] = []
        if not (talk.passes or talk.live):
            await self._feed()
            talk.waiting -= 1
        try:
            async for part in self._stream(decode if talk.passes or not talk.live else None):
                parts.append(part)
                if talk.passes or not talk.live:
                    yield part
                    continue
                yield _decode(part, decode)
        except ConnectionClosed as exc:
            if talk.live and not talk.passes:
                talk.fail(exc)
            raise
        if talk.live and not talk.passes:
            talk.note((parts[0][:0] if parts else "").join(parts))

    async def close(self, *args: Any, **kwargs: Any) -> None:
        if not self._talk.passes:
            self._talk.close()
        with lanes.aside():
            await self._close(*args, **kwargs)

    async def _feed(self) -> None:
        """Give the library the next recorded message, or the recorded end."""
        talk, peer = self._talk, self._peer
        if talk.waiting > 0 or talk.closing or peer is None:
            talk.waiting = max(1, talk.waiting)
            return
        taken = await talk.await_next()
        talk.waiting += 1
        if isinstance(taken, Ended):
            self._transport.give(_end(peer, taken))
        elif taken is not None:
            self._transport.give(peer.say(taken))


class SyncSocket:
    """What stands between an agent and a connection of threads'."""

    def __init__(self, connection: Any, talk: Conversation, peer: Peer | None) -> None:
        self._talk, self._peer, self._sock = talk, peer, connection.socket
        self._send, self._recv, self._stream = connection.send, connection.recv, connection.recv_streaming
        self._close = connection.close
        connection.send, connection.recv, connection.close = self.send, self.recv, self.close
        connection.recv_streaming = self.recv_streaming
        for name in ("ping", "pong"):
            setattr(connection, name, partial(_aside, getattr(connection, name)))

    def send(self, message: Any, text: bool | None = None) -> None:
        talk = self._talk
        how = {} if text is None else {"text": text}
        if talk.passes or isinstance(message, Mapping):
            self._send(message, **how)
            return
        whole, parts = _join(message, text)
        talk.say(whole, lambda true: self._send(parts, **how) if true is whole else self._send(true))

    def recv(self, timeout: float | None = None, decode: bool | None = None) -> Any:
        talk = self._talk
        if talk.passes:
            return self._recv(timeout, decode)
        if not talk.live:
            if not self._feed(timeout):
                raise TimeoutError(f"timed out in {timeout:.1f}s")  # as the library says it
            message = self._recv(None, decode)
            talk.waiting -= 1
            return message
        try:
            message = self._recv(timeout)
        except ConnectionClosed as exc:
            talk.fail(exc)
            raise
        talk.note(message)
        return _decode(message, decode)

    def recv_streaming(self, decode: bool | None = None) -> Iterator[Any]:
        talk = self._talk
        if talk.passes or not talk.live:
            if not talk.passes:
                self._feed(None)
                talk.waiting -= 1
            yield from self._stream(decode)
            return
        parts: list[Any] = []
        try:
            for part in self._stream():
                parts.append(part)
                yield _decode(part, decode)
        except ConnectionClosed as exc:
            talk.fail(exc)
            raise
        talk.note((parts[0][:0] if parts else "").join(parts))

    def close(self, *args: Any, **kwargs: Any) -> None:
        if not self._talk.passes:
            self._talk.close()
        with lanes.aside():
            self._close(*args, **kwargs)

    def _feed(self, timeout: float | None) -> bool:
        """Give the library the next recorded message, or the recorded end; False if none came in time."""
        talk, peer = self._talk, self._peer
        if talk.waiting > 0 or talk.closing or peer is None:
            talk.waiting = max(1, talk.waiting)
            return True
        taken = talk.wait_next(timeout)
        if taken is None and not talk.closing:
            return False
        talk.waiting += 1
        if isinstance(taken, Ended):
            self._sock.give(_end(peer, taken))
        elif taken is not None:
            self._sock.give(peer.say(taken))
        return True


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


def _aside(original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    with lanes.aside():
        return original(*args, **kwargs)
