"""Unmodified agents: every client of both libraries meets the current run at the place it picks a transport.

`Client._transport_for_url` is private, but the same in both libraries, below
redirects and authentication, and reached by clients that were built earlier.
Outside of a run's context the replacement does nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from ..host.patching import Patches, Target
from ._seam import Seam

LIBRARIES = ("httpx", "httpx2")


def hold(run: object) -> None:
    """Start intercepting for `run`; doing it twice is harmless.

    Raises:
        AttributeError: a library no longer picks its transport where we look.
    """
    _patches.hold(run)


def release(run: object) -> None:
    """Stop intercepting for `run`; the last one leaves no trace."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    """Both libraries, imported here so that an SDK that is imported later meets them patched."""
    for name in LIBRARIES:
        if find_spec(name):
            ours = import_module(f"tracefork.transports.{name}")
            yield ours.lib.Client, "_transport_for_url", _picking(ours.lib, ours.Transport)
            yield ours.lib.AsyncClient, "_transport_for_url", _picking(ours.lib, ours.AsyncTransport)


_patches = Patches(_targets)


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
