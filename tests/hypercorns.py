"""A server of somebody else's behind TLS: hypercorn, on a thread of its own."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self

import pytest

PATIENCE = 5.0
"""Seconds; the most that anything here waits."""


class Hypercorn:
    """Serves the ASGI `app` at `url`, from construction until `close`; who has `trust` trusts it.

    Skips the test where hypercorn or trustme is missing.
    """

    def __init__(self, app: Any) -> None:
        asgi = pytest.importorskip("hypercorn.asyncio")
        config = pytest.importorskip("hypercorn.config").Config()
        authority = _authority()
        self.trust = ssl.create_default_context()
        authority.configure_trust(self.trust)
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://localhost:{listener.getsockname()[1]}"
        config.bind = [f"fd://{listener.detach()}"]
        config.errorlog = config.accesslog = None
        config.graceful_timeout = 0.1
        with TemporaryDirectory() as place:
            config.keyfile, config.certfile = _written(authority.issue_cert("localhost"), Path(place))
            context = config.create_ssl_context()
        config.create_ssl_context = lambda: context  # the files are gone
        self._over = threading.Event()
        self._serving = asgi.serve(app, config, shutdown_trigger=self._shut)
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serving), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop serving; harmless when repeated."""
        self._over.set()
        self._thread.join(PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    async def _shut(self) -> None:
        while not self._over.is_set():
            await asyncio.sleep(0.01)


@cache
def _authority() -> Any:
    return pytest.importorskip("trustme").CA()


def _written(cert: Any, place: Path) -> tuple[str, str]:
    key, chain = place / "key.pem", place / "chain.pem"
    cert.private_key_pem.write_to_path(key)
    for blob in cert.cert_chain_pems:
        blob.write_to_path(chain, append=True)
    return str(key), str(chain)
