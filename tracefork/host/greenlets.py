"""gevent's greenlets: who spawned the one that runs. Nothing here imports gevent.

A greenlet begins with an empty context. Those made by `gevent.spawn` and by pools are given their
strand where they are spawned (`runtime/spawning.py`); of others gevent itself knows who created them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextvars import Context
from typing import Any

_DEEP = 100  # greenlets that spawned each other; beyond, nobody is looked for


def list_spawners() -> Iterator[tuple[Any, Context]]:
    """Give the greenlet that runs here and those that spawned it, each with the context of its spawner."""
    if "gevent" not in sys.modules or (library := sys.modules.get("greenlet")) is None:
        return
    at: Any = library.getcurrent()
    for _ in range(_DEEP):
        known = getattr(at, "spawning_greenlet", None)
        spawner = known() if known else None
        context = _find_context(spawner)
        if context is None:
            return
        yield at, context
        at = spawner


def _find_context(greenlet: Any) -> Context | None:
    try:
        found = getattr(greenlet, "gr_context", None)
    except ValueError:  # it runs on another thread at this moment
        return None
    return found if isinstance(found, Context) else None
