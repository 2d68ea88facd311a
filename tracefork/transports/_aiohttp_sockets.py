"""What stands between an agent and its web socket of `aiohttp`: all that it sends and receives."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import WSCloseCode, WSMessage, WSMsgType

from ..core.values import Fault
from ..runtime import lanes
from ..session.faults import DOTTED
from ._web_socket import Conversation, Ended
from ._web_socket_peer import Peer

_SAID = re.compile(r"(?s)CLOSE (\d+) ?(.*)")
_CARRIED = (WSMsgType.TEXT, WSMsgType.BINARY)
_ALONGSIDE = (WSMsgType.PING, WSMsgType.PONG, WSMsgType.CONTINUATION)


class _Over(Exception):
    """How the library tells that a socket is over: by a message."""

    def __init__(self, message: WSMessage) -> None:
        code = message.data if isinstance(message.data, int) else ""
        super().__init__(f"{message.type.name} {code} {message.extra or ''}".rstrip())


class SocketFaults:
    """Faults as they are kept by default; the end of a socket is kept as what the library says of it."""

    def of(self, exc: Exception) -> Fault:
        return Fault("aiohttp.WSMessage", str(exc)) if isinstance(exc, _Over) else DOTTED.of(exc)

    def make(self, fault: Fault) -> Exception:
        return DOTTED.make(fault)


class Socket:
    """An agent's `socket`, whose conversation is `talk`; in a replay with the `peer` that `give` is for."""

    def __init__(
        self, socket: Any, talk: Conversation, peer: Peer | None = None, give: Callable[[bytes], object] = len
    ) -> None:
        self._socket, self._talk, self._peer, self._give = socket, talk, peer, give
        self._receive, self._close = socket.receive, socket.close
        self._reader: asyncio.Task[Any] | None = None
        socket.receive, socket.close = self.receive, self.close
        for name in ("send_str", "send_bytes"):
            setattr(socket, name, partial(self.send, getattr(socket, name)))
        for name in ("ping", "pong"):
            setattr(socket, name, partial(_aside, getattr(socket, name)))
        if hasattr(socket, "send_frame"):
            socket.send_frame = partial(self.send_frame, socket.send_frame)
        if getattr(socket, "_heartbeat_cb", None) is not None:  # beat aside from now on
            socket._heartbeat_cb.cancel()  # noqa: SLF001
            socket._heartbeat_cb = None  # noqa: SLF001
            with lanes.aside():
                socket._reset_heartbeat()  # noqa: SLF001

    async def send(self, original: Any, data: Any, *args: Any, **how: Any) -> None:
        if self._talk.passes or not isinstance(data, str | bytes | bytearray | memoryview):
            await original(data, *args, **how)
            return
        message = data if isinstance(data, str) else bytes(data)
        await self._talk.asay(message, lambda true: original(true, *args, **how))

    async def send_frame(self, original: Any, message: Any, opcode: Any, *args: Any, **how: Any) -> None:
        if self._talk.passes or opcode not in _CARRIED:
            await _aside(original, message, opcode, *args, **how)
            return
        data = bytes(message)

        async def send(true: str | bytes) -> None:
            await original(true.encode() if isinstance(true, str) else true, opcode, *args, **how)

        await self._talk.asay(data.decode() if opcode is WSMsgType.TEXT else data, send)

    async def receive(self, timeout: float | None = None) -> Any:  # noqa: ASYNC109  the library's own
        talk = self._talk
        if talk.passes:
            return await self._receive(timeout)
        if not talk.live:
            await self._feed(timeout)
        self._reader = asyncio.current_task()
        try:
            message = await _aside(self._receive, timeout)
        finally:
            self._reader = None
        if not talk.live:
            talk.waiting = max(0, talk.waiting - 1)
        elif message.type in _CARRIED:
            text = message.type is WSMsgType.TEXT and isinstance(message.data, bytes)
            talk.note(message.data.decode() if text else message.data)
        elif message.type not in _ALONGSIDE:
            talk.fail(_Over(message))
        return message

    async def close(self, *args: Any, **how: Any) -> Any:
        """Close it; the library does so itself when the server has closed, within `receive`."""
        if self._reader is not asyncio.current_task() and not self._talk.passes:
            self._talk.close()
        return await _aside(self._close, *args, **how)

    async def _feed(self, timeout: float | None) -> None:  # noqa: ASYNC109
        """Give the library the next recorded message, or the recorded end."""
        talk, peer, socket = self._talk, self._peer, self._socket
        if talk.waiting > 0 or talk.closing or peer is None or socket.closed:
            return
        limit = timeout or getattr(socket._timeout, "ws_receive", None)  # noqa: SLF001  the library's own
        try:
            async with asyncio.timeout(limit):
                taken = await talk.await_next()
        except (asyncio.CancelledError, TimeoutError):
            socket._close_code = WSCloseCode.ABNORMAL_CLOSURE  # noqa: SLF001  as the library has it then
            raise
        talk.waiting += 1
        if isinstance(taken, Ended):
            closed = _SAID.fullmatch(taken.fault.message)
            self._give(peer.close(int(closed[1]), closed[2]) if closed else peer.close(None))
        elif taken is not None:
            self._give(peer.say(taken))


async def _aside(original: Callable[..., Awaitable[Any]], *args: Any, **how: Any) -> Any:
    with lanes.aside():
        return await original(*args, **how)
