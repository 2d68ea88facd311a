"""Connections in memory to a recorded server: a transport of asyncio's, and a socket."""

from __future__ import annotations

import asyncio
import queue
import socket
import threading
from contextlib import suppress
from typing import Any

from ._web_socket_peer import Peer


class Pipe(asyncio.Transport):
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


class Socket:
    """A socket to a `Peer`. It has a file, which can be read as long as there is something to receive."""

    family = 0
    """None of those of the network."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._bytes: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        self._rest = b""
        self._lock = threading.Lock()
        self._near, self._far = socket.socketpair()  # a byte is in it for each of `_bytes`

    def give(self, data: bytes) -> None:
        if data:
            self._put(data)
        if self._peer.ended:
            self._put(b"")

    def recv(self, size: int) -> bytes:
        data = self._rest or self._bytes.get()
        self._rest = data[size:]
        if not self._rest:
            with suppress(OSError):  # it is closed
                self._near.recv(1)
        return data[:size]

    def sendall(self, data: Any) -> None:
        with self._lock:
            self.give(self._peer.receive(bytes(data)))

    def shutdown(self, _: int) -> None:
        self._put(b"")

    def close(self) -> None:
        self._put(b"")
        self._near.close()
        self._far.close()

    def fileno(self) -> int:
        return self._near.fileno()

    def _put(self, data: bytes) -> None:
        self._bytes.put(data)
        with suppress(OSError):
            self._far.send(b"x")

    def settimeout(self, _: float | None) -> None:
        pass

    def setsockopt(self, *_: Any) -> None:
        pass

    def getsockname(self) -> Any:
        return None

    getpeername = getsockname


class NoTLS:
    """What makes a socket in memory out of one: it is not encrypted."""

    def wrap_socket(self, sock: Socket, **_: Any) -> Socket:
        return sock
