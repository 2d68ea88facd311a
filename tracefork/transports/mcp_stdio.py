"""`mcp.client.stdio.stdio_client` itself: servers that frameworks start are recorded as if they were wrapped.

The code of the function is exchanged, so that it does not matter under which name somebody holds it. A
transport that is wrapped in `mcp.recorded` by hand, and a server that a tool starts, are what they are.
"""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from ..host.codes import Owner
from ..host.imports import find_loaded
from ..host.patching import Target
from ..session.current import current
from ..session.session import Session
from .mcp import Transport, recorded
from .mcp_names import BY_HAND, name_program


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress.

    Raises:
        AttributeError: `stdio_client` is no asynchronous generator any more.
    """
    function = inspect.unwrap(find_loaded("mcp.client.stdio").stdio_client)
    if not inspect.isasyncgenfunction(function) or function.__code__.co_freevars:
        raise AttributeError(
            "mcp.client.stdio.stdio_client is none that tracefork knows: pass intercept=False"
        )
    yield _own(function), "call", _open


async def _stdio_client(server: Any, errlog: Any, *, _tracefork: Any = None) -> AsyncIterator[Any]:
    """The code that the function has while a run is in progress."""
    async with _tracefork(server, errlog) as streams:
        yield streams


@cache
def _own(function: Any) -> Owner:
    return Owner(function, _stdio_client)


def _open(original: Any, server: Any, errlog: Any) -> Transport:
    transport: Transport = asynccontextmanager(original)(server, errlog)
    run = current()
    if run is None or run.is_aside():
        return transport
    return recorded(transport, name=_name(run, server), session=run)


_named: WeakKeyDictionary[Session, dict[object, str]] = WeakKeyDictionary()
"""For each run, how the servers are called that were started in it."""


def _name(run: Session, server: Any) -> str:
    """What to call `server`: by its program, and a number if there is another one of that by then.

    A run that follows a tape on which servers go by the name that `recorded` gives has them by that name.
    """
    program = name_program(server.command, server.args)
    if _goes_by_hand(run, program):
        return BY_HAND
    named = _named.setdefault(run, {})
    same = server.command, tuple(server.args), str(server.cwd or "")
    if same not in named:
        count = sum(name.partition("#")[0] == program for name in named.values())
        named[same] = f"{program}#{count + 1}" if count else program
    return named[same]


def _goes_by_hand(run: Session, program: str) -> bool:
    called = [effect.call.name for effect in run.followed.effects] if run.followed else []
    if any(name.startswith((f"{program}:", f"{program}#")) for name in called):
        return False
    return any(name.startswith(f"{BY_HAND}:") for name in called)
