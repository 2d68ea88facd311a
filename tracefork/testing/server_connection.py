"""One connection of the loopback server: read requests, write answers, break where told to."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler
from typing import TypeAlias

from tracefork.core.values import Fault, Request, Response
from tracefork.host import clocks

PATIENCE = 5.0
"""Seconds; the most that anything here waits for the client or the test."""

_Answers: TypeAlias = "Callable[[Request], Response | Fault]"


class Turn:
    """Whose turn it is: the server's to send, or the client's to consume."""

    def __init__(self, *, lockstep: bool) -> None:
        self._lockstep = lockstep
        self._consumed = 0
        self._closed = threading.Event()
        self._changed = threading.Condition()

    @property
    def closed(self) -> bool:
        return self._closed.is_set()

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()

    def consumed(self) -> None:
        with self._changed:
            self._consumed += 1
            self._changed.notify_all()

    def sleep(self, seconds: float) -> None:
        """Wait `seconds`, or until the server closes."""
        self._closed.wait(seconds)

    def hold(self) -> None:
        """Wait until the server closes."""
        self._closed.wait()

    def await_gate(self, gate: threading.Event) -> None:
        """Wait until `gate` is set or the server closes.

        Raises:
            TimeoutError: neither happened in time.
        """
        deadline = clocks.monotonic() + PATIENCE
        while not (gate.wait(_POLL) or self.closed):
            if clocks.monotonic() > deadline:
                raise TimeoutError(f"the gate stayed shut for {PATIENCE:g} s")

    def await_client(self) -> None:
        """Wait until one more chunk is consumed or the server closes.

        Raises:
            TimeoutError: neither happened in time.
        """
        if not self._lockstep:
            return
        with self._changed:
            if not self._changed.wait_for(lambda: self._consumed or self.closed, PATIENCE):
                raise TimeoutError(f"no chunk was consumed within {PATIENCE:g} s")
            self._consumed -= not self.closed


_POLL = 0.02  # seconds; a gate and a closing cannot be awaited as one


_ADDRESS = ("127.0.0.1", 0)


class _Broken(Exception):
    """The connection was broken on purpose."""


class Connection(BaseHTTPRequestHandler):
    """Serves one socket until it ends; the constructor does all the work, as in its base."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(
        self, sock: socket.socket, answers: _Answers, turn: Turn, keep: Callable[[Exception], None]
    ) -> None:
        self._answers = answers
        self._turn = turn
        try:
            super().__init__(sock, _ADDRESS, None)  # type: ignore[arg-type]
        except TimeoutError as error:
            keep(error)
        except (OSError, _Broken):
            pass  # a client may leave at any time
        except Exception as error:  # noqa: BLE001 - it must reach the test, not this thread's stderr
            keep(error)

    def handle_one_request(self) -> None:
        """Read a request of any method, and answer it."""
        self.close_connection = True
        self.raw_requestline = self.rfile.readline(65537)
        if not self.raw_requestline or not self.parse_request():
            return
        body = b"".join(self._body())
        url = f"http://{self.headers.get('host', '')}{self.path}"
        match self._answers(Request(self.command, url, tuple(self.headers.items()), body)):
            case Response() as answer:
                self._respond(answer)
            case Fault() as fault:
                self._break(fault)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its base's word
        """Say nothing."""

    # -- the request ---------------------------------------------------------------

    def _body(self) -> Iterator[bytes]:
        if "chunked" not in self.headers.get("transfer-encoding", "").lower():
            yield self._read(int(self.headers.get("content-length", "0")))
            return
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self._read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            pass  # trailers

    def _read(self, size: int) -> bytes:
        data = self.rfile.read(size)
        if len(data) < size:
            raise ConnectionError("the client left in the middle of its request")
        return data

    # -- the answer ----------------------------------------------------------------

    def _respond(self, answer: Response) -> None:
        given = {key.lower(): value.lower() for key, value in answer.headers}
        headers = answer.headers
        bodiless = self.command == "HEAD" or answer.status in {204, 304}
        chunked = not bodiless and "content-length" not in given and self.request_version != "HTTP/1.0"
        if chunked and "transfer-encoding" not in given:
            headers += (("transfer-encoding", "chunked"),)
        self._head(answer, headers)
        if not bodiless:
            self._chunks(answer, chunked=chunked)
        whole = bodiless or chunked or given.get("content-length") == str(len(answer.body))
        self.close_connection |= not whole or given.get("connection") == "close"

    def _head(self, answer: Response, headers: tuple[tuple[str, str], ...]) -> None:
        lines = [f"HTTP/1.1 {answer.status} {answer.reason}", *(f"{key}: {value}" for key, value in headers)]
        self.wfile.write(("\r\n".join(lines) + "\r\n\r\n").encode("latin-1"))

    def _chunks(self, answer: Response, *, chunked: bool) -> None:
        for chunk in filter(None, answer.chunks):  # an empty one would end the body
            self.wfile.write(b"%x\r\n%b\r\n" % (len(chunk), chunk) if chunked else chunk)
            self._turn.await_client()
        if isinstance(answer.end, Fault):
            self._break(answer.end)
        if chunked:
            self.wfile.write(b"0\r\n\r\n")

    # -- the break -----------------------------------------------------------------

    def _break(self, fault: Fault) -> None:
        if fault.kind.endswith("Timeout"):
            self._turn.hold()
        elif not fault.kind.endswith("RemoteProtocolError"):
            self._reset()
        raise _Broken

    def _reset(self) -> None:
        """Send RST instead of FIN, after the client's side has taken what was sent."""
        self._drain()
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        raise _Broken

    def _drain(self) -> None:
        try:
            import fcntl  # noqa: PLC0415 - not on Windows, where a reset may overtake the last chunks
            import termios  # noqa: PLC0415
        except ImportError:
            return
        deadline = clocks.monotonic() + PATIENCE
        queued = struct.pack("i", 1)
        while struct.unpack("i", queued)[0] and clocks.monotonic() < deadline:
            queued = fcntl.ioctl(self.request, termios.TIOCOUTQ, queued)
            clocks.sleep(0.001)
