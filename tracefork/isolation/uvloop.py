"""Guards the connections, look-ups and datagrams of uvloop, which does not use Python's sockets.

Servers that it opens within a run are the run's own, like those of Python's sockets. Nothing here
imports uvloop; if it is imported while a run is in progress, it is guarded from then on.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from ..host.imports import find_loaded
from ..host.patching import Patches, Target
from . import own_sockets
from .network import ask_about, leave, leave_by, target_of


def hold(run: object) -> None:
    """Start guarding uvloop for `run`; a second call does nothing."""
    _patches.hold(run)


def release(run: object) -> None:
    """Stop guarding for `run`; the last run to do so puts the originals back."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    if uvloop := find_loaded("uvloop"):
        for name, replacement in _LOOP.items():
            yield uvloop.Loop, name, replacement


_patches = Patches(_targets, late=frozenset({"uvloop"}))


async def _connect(
    original: Any, loop: Any, factory: Any, host: Any = None, port: Any = None, **how: Any
) -> Any:
    if how.get("sock") is not None:
        leave_by(how["sock"])
    elif host is not None:
        leave(target_of((host, port)), address=(host, port))
    return await original(loop, factory, host, port, **how)


async def _connect_to_path(original: Any, loop: Any, factory: Any, path: Any = None, **how: Any) -> Any:
    if how.get("sock") is not None:
        leave_by(how["sock"])
    elif path is not None:
        leave(os.fsdecode(path), address=path)
    return await original(loop, factory, path, **how)


async def _serve(original: Any, loop: Any, *args: Any, **how: Any) -> Any:
    server = await original(loop, *args, **how)
    own_sockets.serving(server)
    return server


async def _open_datagrams(original: Any, loop: Any, factory: Any, *args: Any, **how: Any) -> Any:
    remote = how.get("remote_addr", args[1] if len(args) > 1 else None)
    if remote is not None:
        leave(target_of(remote), address=remote)
    transport, protocol = await original(loop, _guard(factory), *args, **how)
    return _Datagrams(transport), protocol


def _guard(factory: Callable[[], Any]) -> Callable[[], Any]:
    """`factory`, but its protocols are given a transport that guards the address of each datagram."""

    def made() -> Any:
        protocol = factory()
        connected = protocol.connection_made
        with suppress(AttributeError):  # a protocol with slots gets the bare transport
            protocol.connection_made = lambda transport: connected(_Datagrams(transport))
        return protocol

    return made


class _Datagrams:
    """Wraps a datagram transport, to guard each datagram that is sent to an address of its own."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport

    def sendto(self, data: Any, addr: Any = None) -> None:
        if addr is not None:
            leave(target_of(addr), address=addr)
        self._transport.sendto(data, addr)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


async def _look_up(original: Any, loop: Any, host: Any, port: Any, **how: Any) -> Any:
    if host is not None and not how.get("flags", 0) & socket.AI_PASSIVE:  # that is an address to listen on
        ask_about(host, port)
    return await original(loop, host, port, **how)


async def _name_of(original: Any, loop: Any, address: Any, flags: int = 0) -> Any:
    if not flags & socket.NI_NUMERICHOST:
        ask_about("", 0, target_of(address))
    return await original(loop, address, flags)


_LOOP: dict[str, Any] = {
    "create_connection": _connect,
    "create_unix_connection": _connect_to_path,
    "create_server": _serve,
    "create_unix_server": _serve,
    "create_datagram_endpoint": _open_datagrams,
    "getaddrinfo": _look_up,
    "getnameinfo": _name_of,
}
