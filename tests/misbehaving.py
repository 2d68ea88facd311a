"""A server that sends the bytes it is told to and then does what servers should not: cut, reset, stall.

`LoopbackServer` speaks HTTP and sends what is well-formed; this one knows no more of
HTTP than where a request ends.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from enum import Enum
from types import TracebackType
from typing import Self, TypeAlias

PATIENCE = 5.0
"""Seconds; the most that anything here waits."""


class Move(Enum):
    """What to do beside sending bytes; all but BREATHE end the connection."""

    BREATHE = "let the client take what was sent, so that it is a read of its own"
    CUT = "close in good order"
    RESET = "close with RST instead of FIN"
    STALL = "say nothing more until the server closes"


Play: TypeAlias = "Iterable[bytes | Move]"
"""What one request is answered: moves in order. If none ends the connection, the next request is read."""

Answer: TypeAlias = "Play | Callable[[bytes], Play]"
"""A play, or a function from all bytes of the request to one."""


class Misbehaving:
    """Answers every request with `answer`, at `url`, from construction until `close`.

    Args:
        answer: what to do about each request.
        early: answer when the head of the request is there, and leave its body unread.
    """

    def __init__(self, answer: Answer, *, early: bool = False) -> None:
        self._answer = answer
        self._early = early
        self._closed = threading.Event()
        self._lock = threading.Lock()
        self._requests: list[bytes] = []
        self._open: dict[threading.Thread, socket.socket] = {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="misbehaving", daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def requests(self) -> tuple[bytes, ...]:
        """The requests so far, each as all of its bytes that were read."""
        with self._lock:
            return tuple(self._requests)

    def close(self) -> None:
        """Refuse new connections, end the open ones, join the threads; harmless when repeated."""
        self._closed.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join(PATIENCE)
        self._listener.close()
        with self._lock:
            connections = dict(self._open)
        for thread, sock in connections.items():
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
            thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    # -- on the server's own threads ---------------------------------------------

    def _accept(self) -> None:
        while not self._closed.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return  # closed
            thread = threading.Thread(target=self._serve, args=(sock,), daemon=True)
            with self._lock:
                self._open[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        sock.settimeout(PATIENCE)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with sock, contextlib.suppress(OSError):  # a client may leave at any time
            while (request := self._request(sock)) and self._play(sock, request):
                pass
        with self._lock:
            del self._open[threading.current_thread()]

    def _request(self, sock: socket.socket) -> bytes:
        """All bytes of the next request, or of its head alone; none when the client has left."""
        data = b""
        while not self._is_whole(data):
            if not (more := sock.recv(65536)):
                return b""
            data += more
        with self._lock:
            self._requests.append(data)
        return data

    def _is_whole(self, data: bytes) -> bool:
        head, found, body = data.partition(b"\r\n\r\n")
        if not found or self._early:
            return bool(found)
        fields = [line.partition(b":") for line in head.lower().split(b"\r\n")[1:]]
        said = {name.strip(): value.strip() for name, _, value in fields}
        if said.get(b"transfer-encoding") == b"chunked":
            return body.endswith(b"0\r\n\r\n")
        return len(body) >= int(said.get(b"content-length", b"0"))

    def _play(self, sock: socket.socket, request: bytes) -> bool:
        """Make the moves; True if another request may follow."""
        for move in self._answer(request) if callable(self._answer) else self._answer:
            match move:
                case bytes():
                    sock.sendall(move)
                case Move.BREATHE:
                    self._closed.wait(0.02)
                case Move.CUT:
                    return False
                case Move.RESET:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return False
                case Move.STALL:
                    self._closed.wait(PATIENCE)
                    return False
        return True


def response(
    body: bytes = b"", *headers: bytes, status: bytes = b"200 OK", length: int | None = None
) -> bytes:
    """A response in one piece, with a content-length: that of `body`, or `length`."""
    size = b"Content-Length: %d" % (len(body) if length is None else length)
    return b"\r\n".join([b"HTTP/1.1 " + status, size, *headers, b"", body])


def chunked(*chunks: bytes, headers: Iterable[bytes] = (), status: bytes = b"200 OK") -> bytes:
    """A response in the chunked coding, without the last chunk: `LAST` ends it."""
    head = [b"HTTP/1.1 " + status, b"Transfer-Encoding: chunked", *headers, b"", b""]
    return b"\r\n".join(head) + b"".join(b"%x\r\n%b\r\n" % (len(c), c) for c in chunks)


LAST = b"0\r\n\r\n"
