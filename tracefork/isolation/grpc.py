"""Counts the channels and calls of gRPC, and refuses them in a replay.

gRPC's sockets are opened in C, so the guard of Python's sockets does not see them. Nothing here imports
gRPC; if it is imported while a run is in progress, it is guarded from then on.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..host.imports import find_loaded
from ..host.patching import Patches, Target
from .network import leave

_CALLS = ("__call__", "with_call", "future")
LATE = frozenset({"grpc._channel", "grpc.aio._channel"})
"""Modules that may be imported after a run has begun."""


def hold(run: object) -> None:
    """Start guarding gRPC for `run`; a second call does nothing."""
    _patches.hold(run)


def release(run: object) -> None:
    """Stop guarding for `run`; the last run to do so puts the originals back."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    for name in sorted(LATE):
        if (module := find_loaded(name)) is None:
            continue
        yield module.Channel, "__init__", _channel
        for kind in [one for one in vars(module).values() if _is_callable(one)]:
            for call in _CALLS:
                if call in vars(kind):
                    yield kind, call, _call


_patches = Patches(_targets, late=LATE)


def _is_callable(value: object) -> bool:
    return isinstance(value, type) and value.__name__.endswith("MultiCallable")


def _channel(original: Any, channel: Any, target: Any, *args: Any, **kwargs: Any) -> None:
    leave(_text(target), client="gRPC")
    original(channel, target, *args, **kwargs)


def _call(original: Any, callable_: Any, *args: Any, **kwargs: Any) -> Any:
    target = getattr(callable_, "_target", None) or getattr(callable_, "_method", "a gRPC channel")
    leave(_text(target), client="gRPC")
    return original(callable_, *args, **kwargs)


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
