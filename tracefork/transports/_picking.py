"""How clients of httpx and httpx2 that nobody changed get our transports.

`Client._transport_for_url` is private, but the same in both libraries, below
redirects and authentication, and reached by clients that were built earlier.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

from ..host.patching import Target
from ._seam import Seam


def targets_of(lib: Any, transport: Any, async_transport: Any) -> Iterator[Target]:
    """Return where clients of `lib` pick their transports, each with what gives them ours instead."""
    yield lib.Client, "_transport_for_url", _picking(lib, transport)
    yield lib.AsyncClient, "_transport_for_url", _picking(lib, async_transport)


def _picking(lib: Any, adapter: Any) -> Any:
    def picked(original: Any, client: Any, url: Any) -> Any:
        transport = original(client, url)
        if isinstance(transport, Seam) or _in_process(lib, transport):
            return transport
        return adapter(None, transport)

    return picked


def _in_process(lib: Any, transport: object) -> bool:
    """True for applications served within this process: what they ask is recorded, they are not."""
    kinds = [lib.ASGITransport, lib.WSGITransport]
    if starlette := sys.modules.get("starlette.testclient"):
        kinds.append(starlette._TestClientTransport)  # noqa: SLF001  its only name
    return isinstance(transport, tuple(kinds))
