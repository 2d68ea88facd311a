"""Web sockets over the network streams of httpx and httpx2: messages are read out of the bytes.

Libraries such as httpx-ws upgrade a connection, and write frames to it. What comes counts as received when
it comes: they read ahead.
"""

from __future__ import annotations

import os
import re
import sys
from typing import Any

from ..core.values import Fault, Response
from ..runtime import lanes
from ..session.asking import Call
from ..session.faults import DOTTED
from ..session.session import Session
from ._web_socket import Conversation, Ended
from ._web_socket_frames import BINARY, CLOSE, TEXT, Frame, Messages, write_frame
from ._web_socket_peer import Peer

_SAID = re.compile(r"(?s)(\d+) ?(.*)")
CLOSED = "websocket.close"
"""The kind of fault that is a server's closing: its code and reason are the message."""


class _Over(Exception):
    """A socket was closed by its server, or nothing more comes of it."""


class _Faults:
    def of(self, exc: Exception) -> Fault:
        return Fault(CLOSED, str(exc)) if isinstance(exc, _Over) else DOTTED.of(exc)

    def make(self, fault: Fault) -> Exception:
        return DOTTED.make(fault)


def is_handshake(headers: Any) -> bool:
    """True for the headers of a request that opens a web socket."""
    return str(headers.get("upgrade", "")).lower() == "websocket"


class _Base:
    """A stream after its handshake; without `inner` it is a recorded one."""

    def __init__(self, run: Session, call: Call, head: Response, inner: Any, lib: str) -> None:
        self._talk = talk = Conversation(run, call, _Faults())
        talk.by_arrival = True
        self._inner, self._lib = inner, lib
        self._peer = Peer(head, greeted=True)
        self._heard, self._told = Messages(), Messages()
        self._ready = bytearray()

    def get_extra_info(self, info: str) -> Any:
        return None if self._inner is None else self._inner.get_extra_info(info)

    def _hear(self, data: bytes) -> None:
        """Note what comes from a live server."""
        if not data:
            self._talk.fail(_Over(""))
        for message in self._heard.feed(data):
            if not isinstance(message, Frame):
                self._talk.note(message)
            elif message.opcode == CLOSE:
                code, reason = message.closing
                self._talk.fail(_Over(f"{code} {reason}".rstrip()))

    def _fail(self, exc: Exception) -> None:
        self._talk.fail(exc)

    def _list_messages(self, data: bytes) -> list[str | bytes]:
        """The messages that are whole with `data`, of the agent; it may close the socket, too."""
        found = list(self._told.feed(data))
        if any(isinstance(one, Frame) and one.opcode == CLOSE for one in found) and not self._talk.passes:
            self._talk.close()
        return [one for one in found if not isinstance(one, Frame)]

    def _answer(self, data: bytes) -> None:
        """Let the recorded server hear `data`."""
        self._ready += self._peer.receive(data)
        self._talk.wake()

    def _give(self, taken: bytes | Ended | None, size: int) -> bytes:
        """What a read of at most `size` bytes gets of a recorded server."""
        if isinstance(taken, Ended):
            closed = _SAID.fullmatch(taken.fault.message) if taken.fault.kind == CLOSED else None
            if closed is None and taken.fault.kind != CLOSED:
                raise DOTTED.make(taken.fault)
            self._ready += self._peer.close(int(closed[1]), closed[2]) if closed else self._peer.close(None)
        elif taken is not None:
            self._ready += self._peer.say(taken)
        data = bytes(self._ready[:size])
        del self._ready[:size]
        return data

    def _late(self) -> Exception:
        error: Exception = sys.modules[self._lib].ReadTimeout("timed out")
        return error

    @property
    def _has_more(self) -> bool:
        return bool(self._ready) or self._peer.ended

    def _frame(self, data: bytes, message: str | bytes, true: str | bytes) -> bytes:
        """What leaves: `data`, or a frame of what is put in the place of `message`."""
        if true is message:
            return data
        payload = true.encode() if isinstance(true, str) else true
        return write_frame(TEXT if isinstance(true, str) else BINARY, payload, os.urandom(4))


class Stream(_Base):
    """What a synchronous client reads and writes."""

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        if self._inner is None:
            taken = None if self._has_more else self._talk.wait_next(timeout, lambda: self._has_more)
            data = self._give(taken, max_bytes)
            if not data and timeout is not None and not (self._has_more or self._talk.closing):
                raise self._late()
            return data
        with lanes.aside():
            try:
                data = bytes(self._inner.read(max_bytes, timeout))
            except Exception as exc:
                if not isinstance(exc, sys.modules[self._lib].ReadTimeout):
                    self._fail(exc)
                raise
        if not self._talk.passes:
            self._hear(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        data = bytes(buffer)
        messages = [] if self._talk.passes else self._list_messages(data)
        for message in messages:

            def send(true: str | bytes, message: str | bytes = message) -> None:
                self._send(self._frame(data, message, true), timeout)

            self._talk.say(message, send)
        if not messages:
            with lanes.aside():
                self._send(data, timeout)
        elif self._inner is None:
            self._answer(data)

    def _send(self, data: bytes, timeout: float | None) -> None:
        if self._inner is None:
            self._answer(data)
        else:
            self._inner.write(data, timeout)

    def close(self) -> None:
        if not (self._talk.closing or self._talk.passes):
            self._talk.close()
        if self._inner is not None:
            with lanes.aside():
                self._inner.close()


class AsyncStream(_Base):
    """What a client in an event loop reads and writes."""

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        if self._inner is None:
            taken = None if self._has_more else await self._talk.await_next(lambda: self._has_more)
            return self._give(taken, max_bytes)
        with lanes.aside():
            try:
                data = bytes(await self._inner.read(max_bytes, timeout))
            except Exception as exc:
                if not isinstance(exc, sys.modules[self._lib].ReadTimeout):
                    self._fail(exc)
                raise
        if not self._talk.passes:
            self._hear(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        data = bytes(buffer)
        messages = [] if self._talk.passes else self._list_messages(data)
        for message in messages:

            async def send(true: str | bytes, message: str | bytes = message) -> None:
                await self._send(self._frame(data, message, true), timeout)

            await self._talk.asay(message, send)
        if not messages:
            with lanes.aside():
                await self._send(data, timeout)
        elif self._inner is None:
            self._answer(data)

    async def _send(self, data: bytes, timeout: float | None) -> None:  # noqa: ASYNC109
        if self._inner is None:
            self._answer(data)
        else:
            await self._inner.write(data, timeout)

    async def aclose(self) -> None:
        if not (self._talk.closing or self._talk.passes):
            self._talk.close()
        if self._inner is not None:
            with lanes.aside():
                await self._inner.aclose()
