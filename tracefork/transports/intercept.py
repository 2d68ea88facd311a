"""Unmodified agents: the clients of every library that is imported meet the current run.

An adapter is a module of this package with a function `targets`, which gives what of its library is to be
replaced while a run is in progress; it is imported once its library is, and not before. Outside of a
run's context what stands there does nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from ..host.imports import find_loaded
from ..host.patching import Patches, Target

ADAPTERS = {
    "aiohttp": "aiohttp",
    "httpx": "httpx",
    "httpx2": "httpx2",
    "mcp.client.stdio": "mcp_stdio",
    "http.client": "http_client",
    "urllib3": "urllib3",
    "botocore.client": "botocore",
    "websockets.asyncio.client": "websockets",
    "websockets.sync.client": "websockets_sync",
}
"""The module of a library that is waited for, and the module of this package that adapts it."""


def hold(run: object) -> None:
    """Start intercepting for `run`; doing it twice is harmless.

    Raises:
        AttributeError: a library is no longer as its adapter knows it.
    """
    for library in ADAPTERS:
        if find_loaded(library) is not None:
            _prepare(library)
    _patches.hold(run)


def release(run: object) -> None:
    """Stop intercepting for `run`; the last one leaves no trace."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    for library, adapter in ADAPTERS.items():
        ours = find_loaded(f"{__package__}.{adapter}")  # whoever is importing it yet comes back with it
        if ours is not None and find_loaded(library) is not None:
            yield from ours.targets()


def _prepare(library: str) -> None:
    import_module(f"{__package__}.{ADAPTERS[library]}")


_patches = Patches(_targets, late=frozenset(ADAPTERS), prepare=_prepare)
