"""A scripted provider behind a real socket: HTTP/1.1 on 127.0.0.1, for what only sockets do.

One thread accepts, one serves each connection; all are daemons, and `close` joins
them. Every wait is bounded by `PATIENCE`, so that a test that goes wrong ends.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tracefork.core.values import Fault, Request, Response
from tracefork.errors import Exhausted

from .scripted import Script
from .server_connection import PATIENCE, Connection, Turn

__all__ = ["PATIENCE", "LoopbackServer"]


class LoopbackServer:
    """Serves `script` at `url` from construction until `close`.

    A Response is sent with its headers as they are; each chunk is flushed as a chunk
    of the chunked coding, unless the headers give a content-length. A Fault whose
    kind ends in "Timeout" holds the request until the server closes;
    "RemoteProtocolError" closes without an answer; any other resets the connection.
    As the `end` of a Response the same happens in mid-body, after its chunks. So a
    "ConnectError" reaches the client as a read error: for a true one, `close` first.

    Args:
        script: what to answer; `Exhausted` becomes a 500 that names it.
        delay: seconds before the head of each answer.
        gate: if given, each answer waits until it is set, or breaks the connection after `PATIENCE`.
        lockstep: send each chunk, and the end of the body, only after the client has
            called `consumed()` for the chunk before.
        port: where to listen; by default wherever there is room.

    Raises:
        OSError: the port is taken.
    """

    def __init__(
        self,
        script: Script,
        *,
        delay: float = 0.0,
        gate: threading.Event | None = None,
        lockstep: bool = False,
        port: int = 0,
    ) -> None:
        self._script = script
        self._delay = delay
        self._gate = gate
        self._turn = Turn(lockstep=lockstep)
        self._lock = threading.Lock()
        self._errors: list[Exception] = []
        self._open: dict[threading.Thread, socket.socket] = {}
        self._listener = socket.create_server(("127.0.0.1", port), backlog=128)
        self._listener.settimeout(_POLL)
        self._port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name="loopback", daemon=True)
        self._acceptor.start()

    @property
    def url(self) -> str:
        """`http://127.0.0.1:PORT`, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def requests(self) -> tuple[Request, ...]:
        """What the script was asked so far; URLs are made of the Host header and the target."""
        return self._script.requests

    @property
    def errors(self) -> tuple[Exception, ...]:
        """What went wrong on this side: `Exhausted`, what a builder raised, a wait that ran out."""
        with self._lock:
            return tuple(self._errors)

    def consumed(self) -> None:
        """Tell a `lockstep` server that the client has read one more chunk."""
        self._turn.consumed()

    def close(self) -> None:
        """Refuse new connections, cut the open ones, join the threads; harmless when repeated."""
        self._turn.close()
        with contextlib.suppress(OSError):  # not connected, says macOS, and wakes up by the poll
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
        while not self._turn.closed:
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            except OSError:
                return  # closed
            thread = threading.Thread(
                target=self._serve, args=(sock,), name="loopback-connection", daemon=True
            )
            with self._lock:
                self._open[thread] = sock
            thread.start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            Connection(sock, self._answer, self._turn, self._keep)
        with self._lock:
            del self._open[threading.current_thread()]

    def _answer(self, asked: Request) -> Response | Fault:
        answer = _guard(self._script, asked, self._keep)
        if self._delay:
            self._turn.sleep(self._delay)
        if self._gate:
            self._turn.await_gate(self._gate)
        return answer

    def _keep(self, error: Exception) -> None:
        with self._lock:
            self._errors.append(error)


_POLL = 0.2  # seconds; only where a shutdown does not wake `accept`


def _guard(
    script: Callable[[Request], Response | Fault], asked: Request, keep: Callable[[Exception], None]
) -> Response | Fault:
    try:
        return script(asked)
    except Exhausted as error:
        keep(error)
        return _refusal("exhausted", str(error))
    except Exception as error:  # noqa: BLE001 - whatever a builder raises must reach the test, not the stderr
        keep(error)
        return _refusal("script", f"{type(error).__name__}: {error}")


def _refusal(name: str, sentence: str) -> Response:
    """A 500 that SDKs do not retry."""
    body = sentence.encode()
    headers = (
        ("content-type", "text/plain; charset=utf-8"),
        ("content-length", str(len(body))),
        ("x-should-retry", "false"),
        ("x-tracefork-error", name),
    )
    return Response(500, headers, (body,), reason="Internal Server Error")
