"""Listening on loopback, in a thread of its own or until interrupted."""

from __future__ import annotations

import errno
import os
import secrets
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import uvicorn
from attrs import field, frozen
from starlette.types import ASGIApp

from ..attribution.findings.saved import Blames, find_none
from ..errors import StoreError
from ..host import clocks
from ..providers.prices import Prices
from ..storage.store import TapeStore
from .access import Door, Tickets
from .app import app
from .filling import Filling
from .request_timeout import HURRY, protocol

_READY = 10.0  # seconds until a server that does not listen has failed
_PORTS = 65_535
_GRACE = 2  # seconds for answers that are under way when it ends


@frozen
class Serving:
    """A server that runs: `url` has the token, and opens it."""

    url: str
    door: Door
    _tickets: Tickets = field(repr=False)

    def ticket(self) -> str:
        """An address that opens it once, within a minute; then it is worth nothing to whoever saw it."""
        return _address(self.door, ticket=self._tickets.issue())


@contextmanager
def serving(
    store: TapeStore,
    port: int = 0,
    *,
    token: str | None = None,
    hurry: float = HURRY,
    prices: Prices | None = None,
    blames: Blames = find_none,
) -> Iterator[Serving]:
    """Serve `store` on 127.0.0.1 while the block runs; port 0 is any that is free.

    A connection on which no whole request comes within `hurry` seconds is closed.
    `prices` are what tokens cost, by default those of `providers.prices.listed()`; `blames` gives
    the report of a run's blame, or None.

    Raises:
        StoreError: the port is taken, or there is no such port.
    """
    try:
        if not 0 <= port <= _PORTS:
            raise OSError(errno.EINVAL, "no such port")
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as exc:
        reason = os.strerror(exc.errno or 0)
        raise StoreError(f"cannot listen on 127.0.0.1:{port}: {reason}; choose another --port") from exc
    with listener:
        door = Door(listener.getsockname()[1], token or secrets.token_urlsafe(24))
        tickets = Tickets()
        filling = Filling(store, prices, lambda: server.should_exit)
        site = app(
            store,
            door,
            ending=lambda: server.should_exit,
            tickets=tickets,
            prices=prices,
            blames=blames,
            filling=filling,
        )
        server = uvicorn.Server(_config(site, hurry))
        listening = {"sockets": [listener]}
        thread = threading.Thread(target=server.run, kwargs=listening, name="tracefork-serve", daemon=True)
        thread.start()
        try:
            deadline = clocks.monotonic() + _READY
            while not server.started:
                if clocks.monotonic() > deadline or not thread.is_alive():
                    raise StoreError("the server did not start")
                clocks.sleep(0.01)
            filling.start()
            yield Serving(_address(door, token=door.token), door, tickets)
        finally:
            server.should_exit = True
            thread.join()
            filling.stop()


def _address(door: Door, **query: str) -> str:
    return f"http://127.0.0.1:{door.port}/?{urlencode(query)}"


def _config(site: ASGIApp, hurry: float) -> uvicorn.Config:
    """One parser, no websockets, nothing believed that a proxy says; loggers are left as they are."""
    return uvicorn.Config(
        site,
        http=protocol(hurry),
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_graceful_shutdown=_GRACE,
    )
