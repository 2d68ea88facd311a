"""Unmodified agents: the clients of every library that is imported meet the current run.

An adapter is a module of this package with a function `targets`, which gives what of its library is to be
replaced while a run is in progress; it is imported once its library is, and not before. Outside of a
run's context what stands there does nothing.
"""

from __future__ import annotations

import logging
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

    A library that is no longer as its adapter knows it is left alone, and a warning logged, once.
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
            targets = list(ours.targets())
            if all(hasattr(owner, name) for owner, name, _ in targets):
                yield from targets
            elif library not in _unknown:
                _unknown.add(library)
                _log.warning("this version of %s is not known here: its clients are not recorded", library)


def _prepare(library: str) -> None:
    import_module(f"{__package__}.{ADAPTERS[library]}")


_log = logging.getLogger("tracefork")
_unknown = set[str]()
"""Libraries that are of a version whose names an adapter does not find."""

_patches = Patches(_targets, late=frozenset(ADAPTERS), prepare=_prepare)
