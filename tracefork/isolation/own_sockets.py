"""Which connections stay within this process: accepted ones, and pairs whose listener the run opened.

To answer a connection that was accepted is no connection out. Nor is one to a listener of this
process that was opened within the run: so pairs of sockets are made where there is no
`socketpair`. A server that stood before the run is the world.
"""

from __future__ import annotations

import os
import socket
import sys
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import ip_address
from pathlib import PurePath
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from ..host.tables import list_items
from ..session.current import open_runs
from ..session.session import Session

_INTERNET = (socket.AF_INET, socket.AF_INET6)
_MOST = 4_096  # connections that are known by their addresses alone: of sockets that were wrapped since

_listeners: WeakKeyDictionary[socket.socket, WeakSet[Session]] = WeakKeyDictionary()
"""Sockets that listen, and the runs that were in progress when they began to."""

_servers: WeakKeyDictionary[Any, WeakSet[Session]] = WeakKeyDictionary()
"""Servers of loops that do not use Python's sockets, likewise."""

_inner: WeakSet[socket.socket] = WeakSet()
_inner_ends: OrderedDict[tuple[object, object], None] = OrderedDict()


def listening(sock: socket.socket) -> None:
    """Note that `sock` listens, or, of datagrams, is bound, from now on."""
    _listeners[sock] = WeakSet(open_runs())


def serving(server: Any) -> None:
    """Note that `server`, whose `sockets` are known to it alone, listens from now on."""
    _servers[server] = WeakSet(open_runs())


def speaks(sock: socket.socket) -> None:
    """Note that `sock` sends datagrams within this process, where they may be answered."""
    if sock not in _listeners:
        listening(sock)


def keep(sock: socket.socket) -> None:
    """Note that `sock` was accepted, or leads to a listener of this process."""
    _inner.add(sock)
    ends = _ends(sock)
    if ends and all(ends):
        _inner_ends[ends] = None
        if len(_inner_ends) > _MOST:
            _inner_ends.popitem(last=False)


def is_kept(sock: socket.socket) -> bool:
    """True if `sock` is known to stay within this process."""
    return sock in _inner


def is_own_listener(run: Session, address: Any, family: int | None = None) -> bool:
    """True if a listener at `address`, of this family or of any, was opened in this process, within `run`."""
    for listener in _listeners_of(run):
        if listener.fileno() >= 0 and family in (None, listener.family):
            with suppress(OSError):
                if _same(listener.family, listener.getsockname(), address):
                    return True
    return not isinstance(address, tuple) and _is_of_own_processes(address)


def _listeners_of(run: Session) -> Iterator[Any]:
    for listener, runs in list_items(_listeners):
        if run in runs:
            yield listener
    for server, runs in list_items(_servers):
        if run in runs:
            yield from server.sockets


def stays_within(sock: socket.socket) -> bool:
    """True if this connected socket was accepted, or is one of a pair of this process."""
    if sock in _inner:
        return True
    ends = _ends(sock)
    if ends is None:
        return False
    if not any(ends):
        return True  # a socketpair: neither end has a name
    if ends in _inner_ends or _is_listened_at(sock.family, ends[0]):
        keep(sock)
        return True
    return False


def _ends(sock: socket.socket) -> tuple[Any, Any] | None:
    try:
        return sock.getsockname(), sock.getpeername()
    except OSError:
        return None


def _is_listened_at(family: int, address: Any) -> bool:
    """True if some socket of this process listens at `address`, whoever opened it: where that can be seen."""
    if not address:
        return False
    for listener in _descriptors():
        with suppress(OSError, ValueError):
            if (
                listener.family == family
                and listener.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
                and _same(family, listener.getsockname(), address)
            ):
                return True
    return False


def _descriptors() -> Iterator[socket.socket]:
    """The sockets that this process has open."""
    for folder in ("/proc/self/fd", "/dev/fd"):
        with suppress(OSError):
            for name in os.listdir(folder):  # noqa: PTH208  no path is wanted
                with suppress(OSError, ValueError):
                    sock = socket.socket(fileno=int(name))
                    try:
                        yield sock
                    finally:
                        sock.detach()
            return


def _same(family: int, listens: Any, address: Any) -> bool:
    """True if who connects to `address` reaches who listens at `listens`."""
    if isinstance(address, tuple) is not (family in _INTERNET):
        return False
    if family not in _INTERNET:
        return os.fsencode(listens) == os.fsencode(address) if listens and address else False
    (here, port, *_), (host, wanted, *_) = listens, address
    if int(port) != int(wanted):
        return False
    return str(here) == str(host) or (is_loopback(host) and (is_loopback(here) or _is_anywhere(here)))


def is_loopback(host: object) -> bool:
    """True for the names and addresses of this machine to itself."""
    text = host.decode("latin-1") if isinstance(host, bytes) else str(host)
    if text.lower().rstrip(".") in ("localhost", "localhost.localdomain", "ip6-localhost"):
        return True
    address = _address(text)
    return address is not None and address.is_loopback


def is_numeric(host: object) -> bool:
    """True for an address that nobody has to be asked about."""
    return _address(host.decode("latin-1") if isinstance(host, bytes) else str(host)) is not None


def _is_anywhere(host: object) -> bool:
    address = _address(str(host))
    return address is not None and address.is_unspecified


def _address(text: str) -> Any:
    try:
        found = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(found, "ipv4_mapped", None) or found


def _is_of_own_processes(path: Any) -> bool:
    """True for a socket in the folder of its own that `multiprocessing` made for this process."""
    process = sys.modules.get("multiprocessing.process")
    folder: str | None = process.current_process()._config.get("tempdir") if process else None  # noqa: SLF001
    return folder is not None and PurePath(os.fsdecode(path)).is_relative_to(folder)
