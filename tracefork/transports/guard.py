"""Nothing may connect while a run answers from its tape: not even a client that we do not know.

`socket.connect`, `connect_ex` and `getaddrinfo` are guarded, for every address, and
so is sending on a connection that was open before. Unix sockets are exempt, and so
is whatever a live call or a tool does. uvloop and clients written in C bypass
Python's sockets, and so the guard; other processes are not looked at.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from .. import lanes
from ..callsite import callsite
from ..errors import Refused
from ..patching import Patches, Target
from ..session import Session, current


def hold() -> None:
    """Start guarding; each call wants one `release`."""
    _patches.hold()


def release() -> None:
    """Stop guarding; the last call leaves no trace."""
    _patches.release()


def _targets() -> Iterator[Target]:
    yield socket.socket, "connect", _connect
    yield socket.socket, "connect_ex", _connect_ex
    yield socket, "getaddrinfo", _getaddrinfo
    for name in ("send", "sendall", "sendto", "sendmsg"):
        yield socket.socket, name, _send
    for name in ("send", "sendall", "write"):
        yield ssl.SSLSocket, name, _send


_patches = Patches(_targets)


def _connect(original: Any, sock: Any, address: Any) -> Any:
    if run := _guarding(sock):
        _refuse(run, _target(address))
    return original(sock, address)


def _connect_ex(original: Any, sock: Any, address: Any) -> Any:
    if run := _guarding(sock):
        try:
            _refuse(run, _target(address))
        except OSError as exc:
            return exc.errno
    return original(sock, address)


def _send(original: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
    run = _guarding(sock)
    if run and sock.family in (socket.AF_INET, socket.AF_INET6):
        try:
            ends = [_target(sock.getpeername()), _target(sock.getsockname())]
        except OSError:  # not connected: sendto says where
            ends = [_target(args[-1])]
        if not any(map(run.allows, ends)):
            _refuse(run, ends[0])
    return original(sock, *args, **kwargs)


def _getaddrinfo(original: Any, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    if host is not None and (run := _guarding(None)):
        _refuse(run, _target((host.decode() if isinstance(host, bytes) else host, port)))
    return original(host, port, *args, **kwargs)


def _guarding(sock: Any) -> Session | None:
    """The run that forbids a connection here, if one does."""
    strand = lanes.current()
    if (
        strand is None
        or strand.aside
        or (sock is not None and sock.family == getattr(socket, "AF_UNIX", None))
    ):
        return None
    run = current()
    return None if run is None or run.live else run


def _target(address: Any) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)


def _refuse(run: Session, target: str) -> None:
    host = target.rpartition(":")[0]
    if run.allows(target):
        return
    if run.passes(host):  # telemetry: as if nobody listened
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED), target)
    raise run.port.fail(Refused(target, callsite()))
