"""Connections of aiohttp's: a live one that is closed aside, and one to nowhere."""

from __future__ import annotations

import asyncio
from typing import Any

from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection

from ..runtime import lanes
from ._web_socket_peer import Peer


class Live(Connection):
    """A connection that is closed aside: over TLS that sends something."""

    def close(self) -> None:
        with lanes.aside():
            super().close()

    def release(self) -> None:
        with lanes.aside():
            super().release()


class Nowhere(Connection):
    """A connection that takes what is written, and is in no pool; over a web socket a `Peer` hears it."""

    def __init__(self, connector: Any, request: Any) -> None:
        self._at = asyncio.get_running_loop()
        protocol = ResponseHandler(self._at)
        self._far = protocol.transport = _NoTransport(self)
        self.peer: Peer | None = None
        self._hears = protocol
        super().__init__(connector, request.connection_key, protocol, self._at)

    def listen(self, peer: Peer) -> None:
        """Let `peer` hear what is written from now on, and answer."""
        self.peer = peer

    def hear(self, data: bytes) -> None:
        """Take what the client writes."""
        if self.peer is not None:
            self.give(self.peer.receive(data))

    def give(self, data: bytes) -> None:
        """Let the client read `data`, and then that its peer has hung up, if it has."""
        self._at.call_soon(self._give, data)

    def _give(self, data: bytes) -> None:
        if data and not self._far.is_closing():
            self._hears.data_received(data)
        if self.peer is not None and self.peer.ended and not self._far.is_closing():
            self._far.close()
            self._hears.connection_lost(None)

    def close(self) -> None:
        self._notify_release()
        self._protocol = None

    release = close

    def __del__(self, *_: Any) -> None:
        pass


class _NoTransport(asyncio.Transport):
    """Where nothing is sent."""

    def __init__(self, connection: Nowhere) -> None:
        super().__init__()
        self._connection = connection
        self._closed = False

    def write(self, data: Any) -> None:
        if self._connection.peer is not None:
            self._connection.hear(bytes(data))

    def writelines(self, list_of_data: Any) -> None:
        if self._connection.peer is not None:
            self.write(b"".join(list_of_data))

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass
