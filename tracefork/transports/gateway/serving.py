"""The gateway on a port of this machine, in a thread of its own."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from attrs import evolve, frozen

from ...errors import MissingPart, StoreError
from ...host import clocks
from ...runtime import lanes
from .app import Beside, FindPlace, Gateway
from .tunnel import Tunnel

if TYPE_CHECKING:
    import uvicorn

_READY = 10.0  # seconds until a server that does not listen has failed
_IDLE = 3600  # seconds for which a client may keep a connection that it does not use
_GRACE = 2  # seconds for answers that are under way when it ends


@frozen
class Opened:
    """Where a gateway listens: the URL below which addresses are, and that of the forward proxy, if any."""

    base: str
    proxy: str = ""


@contextmanager
def open_gateway(
    find_place: FindPlace,
    port: int = 0,
    tunnel: Callable[[str], Tunnel] | None = None,
    *,
    is_keyed: bool = True,
) -> Iterator[Opened]:
    """Listen on 127.0.0.1 while the block runs, and say where; port 0 is any that is free.

    `tunnel` makes the forward proxy that is to be beside it, given the gateway's base. Where it is not keyed,
    pages in a browser are let in by no name.

    Raises:
        MissingPart: uvicorn is not installed.
        StoreError: the port is taken, or there is no such port.
    """
    try:
        import uvicorn  # noqa: PLC0415  an extra
    except ImportError:
        raise MissingPart("the gateway", "uvicorn", "server") from None
    with ExitStack() as listening:
        listener = listening.enter_context(_listen(port))
        opened = Opened(f"http://127.0.0.1:{listener.getsockname()[1]}")
        beside: Beside = nullcontext
        if tunnel is not None:
            other = listening.enter_context(_listen(0))
            opened = evolve(opened, proxy=f"http://127.0.0.1:{other.getsockname()[1]}")
            beside = partial(tunnel(opened.base).serve, other)
        server = uvicorn.Server(_configure(find_place, beside, is_keyed=is_keyed))
        thread = threading.Thread(
            target=server.run, kwargs={"sockets": [listener]}, name="tracefork-gateway", daemon=True
        )
        lanes.outside(thread.start)  # it serves a run, and is no strand of it
        try:
            _wait_until_started(server, thread)
            yield opened
        finally:
            server.should_exit = True
            thread.join()


def _listen(port: int) -> socket.socket:
    try:
        if not 0 <= port < 2**16:
            raise OSError(errno.EINVAL, "no such port")
        return socket.create_server(("127.0.0.1", port))
    except OSError as exc:
        reason = os.strerror(exc.errno or 0)
        raise StoreError(f"cannot listen on 127.0.0.1:{port}: {reason}; choose another --port") from exc


def _wait_until_started(server: uvicorn.Server, thread: threading.Thread) -> None:
    deadline = clocks.monotonic() + _READY
    while not server.started:
        if clocks.monotonic() > deadline or not thread.is_alive():
            raise StoreError("the gateway did not start")
        clocks.sleep(0.005)


def _configure(find_place: FindPlace, beside: Beside, *, is_keyed: bool) -> uvicorn.Config:
    """One parser, no headers of its own, no web sockets; loggers are left as they are."""
    import uvicorn  # noqa: PLC0415  an extra
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415

    transports: dict[Any, Any] = {}

    class Protocol(H11Protocol):
        """uvicorn's, which knows its connections by who is at their other end."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            transports[self.client] = transport

        def connection_lost(self, exc: Exception | None) -> None:
            transports.pop(self.client, None)
            super().connection_lost(exc)

    def end(scope: Any) -> None:
        if transport := transports.get(tuple(scope["client"])):
            transport.close()

    return uvicorn.Config(
        Gateway(find_place, end, beside, is_keyed=is_keyed),
        http=Protocol,
        ws="none",
        lifespan="on",
        proxy_headers=False,
        server_header=False,
        date_header=False,
        access_log=False,
        log_config=None,
        log_level="critical",
        timeout_keep_alive=_IDLE,
        timeout_graceful_shutdown=_GRACE,
        h11_max_incomplete_event_size=2**20,
    )
