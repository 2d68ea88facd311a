"""Listening on loopback, in a thread of its own or until interrupted."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlencode

import uvicorn
from attrs import frozen

from ..errors import StoreError
from ..store import TapeStore
from .app import app
from .guard import Door

_READY = 10.0  # seconds until a server that does not listen has failed
_GRACE = 2  # seconds for answers that are under way when it ends


@frozen
class Serving:
    """A server that runs: `url` has the token, and opens it."""

    url: str
    door: Door


@contextmanager
def serving(store: TapeStore, port: int = 0, *, token: str | None = None) -> Iterator[Serving]:
    """Serve `store` on 127.0.0.1 while the block runs; port 0 is any that is free.

    Raises:
        StoreError: the port is taken.
    """
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) else exc
        raise StoreError(f"cannot listen on 127.0.0.1:{port}: {reason}; choose another --port") from exc
    door = Door(listener.getsockname()[1], token or secrets.token_urlsafe(24))
    server = uvicorn.Server(_config(store, door, lambda: server.should_exit))
    listening = {"sockets": [listener]}
    thread = threading.Thread(target=server.run, kwargs=listening, name="tracefork-serve", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _READY
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise StoreError("the server did not start")
            time.sleep(0.01)
        yield Serving(f"http://127.0.0.1:{door.port}/?{urlencode({'token': door.token})}", door)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


def _config(store: TapeStore, door: Door, ending: Callable[[], bool]) -> uvicorn.Config:
    """One parser, no websockets, nothing believed that a proxy says; loggers are left as they are."""
    return uvicorn.Config(
        app(store, door, ending=ending),
        http="h11",
        ws="none",
        lifespan="off",
        proxy_headers=False,
        server_header=False,
        access_log=False,
        log_config=None,
        log_level="error",
        timeout_graceful_shutdown=_GRACE,
    )
