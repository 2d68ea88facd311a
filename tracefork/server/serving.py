"""Listening on loopback, in a thread of its own or until interrupted."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from attrs import frozen

from ..errors import StoreError
from ..store import TapeStore
from .app import app
from .guard import Door

_READY = 10.0  # seconds until a server that does not listen has failed


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
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
    except OSError as exc:
        listener.close()
        raise StoreError(
            f"cannot listen on 127.0.0.1:{port}: {exc.strerror or exc}; choose another --port"
        ) from exc
    door = Door(listener.getsockname()[1], token or secrets.token_urlsafe(24))
    quiet = uvicorn.Config(
        app(store, door), log_level="warning", access_log=False, lifespan="off", timeout_graceful_shutdown=1
    )
    server = uvicorn.Server(quiet)
    listening = {"sockets": [listener]}
    thread = threading.Thread(target=server.run, kwargs=listening, name="tracefork-serve", daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + _READY
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise StoreError("the server did not start")
            time.sleep(0.01)
        yield Serving(f"http://127.0.0.1:{door.port}/?token={door.token}", door)
    finally:
        server.should_exit = True
        thread.join()
        listener.close()
