"""
The machine's own clocks, whatever the agent's test has made of them.

Tests freeze and mock clocks: freezegun puts its own functions into every module that has the real ones
by name, time-machine replaces what the real ones do, and mocks stand in `time` itself. A run that
went by those would wait for ever, or date its tape in another year. So the functions are held where
nobody looks, in an object, from when this module is first imported; and asked of time-machine
while it travels. `run.now()` is not for here: what the agent takes for the time is the agent's.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from threading import Event
from types import BuiltinFunctionType


class _Held:
    """The functions themselves; each takes another way where it was a stand-in already at import."""

    __slots__ = ("monotonic", "perf_counter", "sleep", "time")

    def __init__(self) -> None:
        self.time = _genuine("time", "CLOCK_REALTIME")
        self.monotonic = _genuine("monotonic", "CLOCK_MONOTONIC")
        self.perf_counter = _genuine("perf_counter", "CLOCK_MONOTONIC")
        self.sleep: Callable[[float], object] = partial(time.sleep) if _is_genuine("sleep") else _wait


def _genuine(name: str, clock: str) -> Callable[[], float]:
    found: Callable[[], float] = getattr(time, name)
    if _is_genuine(name) or not hasattr(time, clock):
        return partial(found)  # a partial is none of the functions that are looked for
    return partial(time.clock_gettime, getattr(time, clock))


def _is_genuine(name: str) -> bool:
    found = getattr(time, name)
    return isinstance(found, BuiltinFunctionType) and found.__name__ == name


def _wait(seconds: float) -> object:
    return Event().wait(seconds)


_held = _Held()


def now() -> float:
    """Seconds since the epoch."""
    traveller = sys.modules.get("time_machine")
    if traveller is not None and traveller.escape_hatch.is_travelling():
        return float(traveller.escape_hatch.time.time())
    return _held.time()


def monotonic() -> float:
    """Seconds since some moment; they never go back."""
    return _held.monotonic()


def perf_counter() -> float:
    """As `monotonic`, as finely as this machine can."""
    return _held.perf_counter()


def sleep(seconds: float) -> None:
    """Block this thread for so many real seconds."""
    _held.sleep(seconds)


def are_steered() -> bool:
    """True while somebody else's clock stands in `time`: event loops go by it, and their timers with them."""
    return not _is_genuine("monotonic")
