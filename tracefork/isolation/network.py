"""The network guard: refuses connections out of a run in replay, and counts them while it is live.

Guarded are `connect` and `connect_ex`, every look-up of a host, and sending, also by `os.write` and
`os.sendfile`, for every address and unix sockets, so that clients we do not know are guarded too.
uvloop is guarded in `uvloop.py`. Exempt are live calls and tools, and connections that stay
within this process (`own_sockets.py`). A call whose strand belongs to no run is refused by every replay
in progress, and counted by every recording (`session/strangers.py`).

A refusal is an OSError to the caller, which telemetry clients usually ignore.
Clients written in C bypass Python's sockets, and so the guard.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
import stat
from collections.abc import Iterator
from operator import index
from typing import Any
from weakref import WeakKeyDictionary

from ..host.patching import Patches, Target
from ..runtime import lanes
from ..session import strangers
from ..session.current import current, open_runs
from ..session.session import Session
from . import own_sockets

_LOCAL = frozenset(
    getattr(socket, name)
    for name in ("AF_NETLINK", "AF_ALG", "AF_ROUTE", "AF_SYSTEM")
    if hasattr(socket, name)
)
"""Families of sockets that connect to this machine's kernel."""

_FLAGS = 3  # the index of `flags` among getaddrinfo's arguments after host and port


def hold(run: object) -> None:
    """Start guarding for `run`; a second call does nothing."""
    _patches.hold(run)


def release(run: object) -> None:
    """Stop guarding for `run`; the last run to do so puts the originals back."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    yield socket.socket, "connect", _connect
    yield socket.socket, "connect_ex", _connect_ex
    yield socket.socket, "accept", _accept
    yield socket.socket, "listen", _listen
    yield socket.socket, "bind", _bind
    for name in ("send", "sendall", "sendto", "sendmsg"):
        yield socket.socket, name, _send
    for name in ("send", "sendall", "write"):
        yield ssl.SSLSocket, name, _send
    for name in ("write", "writev", "sendfile", "pwrite", "pwritev"):
        if hasattr(os, name):
            yield os, name, _write
    if hasattr(os, "splice"):
        yield os, "splice", _splice
    yield socket, "getaddrinfo", _getaddrinfo
    for name in ("gethostbyname", "gethostbyname_ex"):
        yield socket, name, _look_up
    yield socket, "gethostbyaddr", _look_back
    yield socket, "getnameinfo", _name_of


_patches = Patches(_targets)


# -- who leaves which run ---------------------------------------------------------------


def leave(
    target: str, *, sock: Any = None, address: Any = None, look_up: bool = False, client: str = ""
) -> None:
    """Count a connection, datagram or look-up to `target`, or refuse it; by `client`, if it is a known one.

    Raises:
        Refused: it would leave a replay, or a strict run.
        ConnectionRefusedError: it would leave a replay that passes over this host.
    """
    strand = lanes.current()
    if strand is None:
        _leave_as_stranger(target, sock, address, look_up=look_up, client=client)
    elif not strand.aside and (run := current()) is not None and not _stays(run, sock, address):
        if not run.live:
            _hold_back(run, target, client)
        elif run.strict or not look_up:
            _count(run, "connection", target, sock, client=client)


def _leave_as_stranger(target: str, sock: Any, address: Any, *, look_up: bool, client: str) -> None:
    for run in strangers.list_replays():
        if not _stays(run, sock, address):
            _hold_back(run, target, client)
    runs = strangers.list_recordings()
    for run in [] if look_up else runs:
        if not _stays(run, sock, address):
            _count(run, "thread", target, sock, certain=strangers.is_certain(runs), client=client)


def _stays(run: Session, sock: Any, address: Any) -> bool:
    """True if a connection through `sock`, or to `address`, stays within this process and this run."""
    if address is None:
        return sock is not None and own_sockets.stays_within(sock)
    if not own_sockets.is_own_listener(run, address, None if sock is None else sock.family):
        return False
    if sock is None:
        return True
    if sock.type == socket.SOCK_DGRAM:  # each datagram may have another address
        own_sockets.speaks(sock)
    else:
        own_sockets.keep(sock)
    return True


def _hold_back(run: Session, target: str, client: str) -> None:
    """Refuse a connection from the replay `run` to `target`, unless it is allowed."""
    if run.allows(target):
        return
    if run.passes(target.rpartition(":")[0]):  # as if nobody listened
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED), target)
    raise run.refuse(target, client=client)


_counted: WeakKeyDictionary[socket.socket, WeakKeyDictionary[Session, set[str]]] = WeakKeyDictionary()
"""For each socket and run, the targets of that socket which the run has counted."""


def _count(
    run: Session, kind: str, target: str, sock: Any, *, certain: bool = True, client: str = ""
) -> None:
    """Count an escape of `kind` from the live `run` to `target`; for a socket, once for each target."""
    if sock is not None:
        targets = _counted.setdefault(sock, WeakKeyDictionary()).setdefault(run, set())
        if target in targets:
            return
        targets.add(target)
    host, _, port = target.rpartition(":")
    if not (run.allows(target) or run.passes(host)):
        named = f"{run.names.get(host, host)}:{port}" if host else target
        run.escape(kind, named, certain=certain, client=client)


# -- sockets ---------------------------------------------------------------------------


def _connect(original: Any, sock: Any, address: Any) -> Any:
    if _is_connection(sock):
        leave(target_of(address), sock=sock, address=address)
    return original(sock, address)


def _connect_ex(original: Any, sock: Any, address: Any) -> Any:
    if _is_connection(sock):
        try:
            leave(target_of(address), sock=sock, address=address)
        except OSError as exc:
            return exc.errno
    return original(sock, address)


def _accept(original: Any, sock: Any) -> Any:
    made = original(sock)
    own_sockets.keep(made[0])
    return made


def _listen(original: Any, sock: Any, *args: Any) -> Any:
    result = original(sock, *args)
    own_sockets.listening(sock)
    return result


def _bind(original: Any, sock: Any, address: Any) -> Any:
    result = original(sock, address)
    if sock.type == socket.SOCK_DGRAM:  # datagram sockets receive without `listen` and `accept`
        own_sockets.listening(sock)
    return result


def _send(original: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
    address = args[-1] if len(args) > 1 and _is_address(args[-1]) else None
    if address is None:
        leave_by(sock)
    elif _is_connection(sock):  # an address given here is used instead of the socket's peer
        leave(target_of(address), sock=sock, address=address)
    return original(sock, *args, **kwargs)


def _is_known(sock: Any) -> bool:
    """True if sending through `sock` needs no check: within a live call or tool, or checked before."""
    strand = lanes.current()
    if (strand is not None and strand.aside) or not _is_connection(sock) or own_sockets.is_kept(sock):
        return True
    runs = _counted.get(sock, ())
    return bool(runs) and all(run.live and run in runs for run in open_runs())


def leave_by(sock: Any) -> None:
    """Count or refuse data sent through the connected `sock` to its peer."""
    if _is_known(sock):
        return
    try:
        peer = sock.getpeername()
        if not peer and own_sockets.stays_within(sock):
            return
        target = target_of(peer or sock.getsockname())
    except OSError:  # not connected: nothing leaves
        return
    leave(target, sock=sock, address=peer if peer and sock.type == socket.SOCK_DGRAM else None)


def _write(original: Any, fd: Any, *args: Any, **kwargs: Any) -> Any:
    _leave_by_descriptor(fd)
    return original(fd, *args, **kwargs)


def _splice(original: Any, src: Any, dst: Any, *args: Any, **kwargs: Any) -> Any:
    _leave_by_descriptor(dst)
    return original(src, dst, *args, **kwargs)


def _leave_by_descriptor(fd: Any) -> None:
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode):
            return
        sock = socket.socket(fileno=index(fd))
    except (OSError, TypeError, ValueError):
        return
    try:
        leave_by(sock)
    finally:
        sock.detach()


def _is_connection(sock: Any) -> bool:
    return sock.family not in _LOCAL


def _is_address(given: object) -> bool:
    if isinstance(given, str | bytes | os.PathLike):
        return True
    return isinstance(given, tuple) and len(given) >= 2 and isinstance(given[0], str | bytes | bytearray)  # noqa: PLR2004


def target_of(address: Any) -> str:
    """Return `host:port`, or the path of a unix socket, in whichever form Python takes it."""
    if not isinstance(address, tuple):
        return os.fsdecode(bytes(address) if isinstance(address, bytearray) else address)
    if len(address) < 2:  # noqa: PLR2004  an address family without ports
        return ":".join(map(str, address))
    host, port = address[:2]
    name = bytes(host).decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)
    return f"{name}:{index(port) if hasattr(port, '__index__') else port}"


# -- looking up hosts ------------------------------------------------------------------------


def _getaddrinfo(original: Any, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    flags = kwargs.get("flags", args[_FLAGS] if len(args) > _FLAGS else 0)
    if host is None or flags & socket.AI_PASSIVE:  # AI_PASSIVE: an address to listen on
        return original(host, port, *args, **kwargs)
    ask_about(host, port)
    found = original(host, port, *args, **kwargs)
    _name((entry[4][0] for entry in found), host)
    return found


def _look_up(original: Any, host: Any) -> Any:
    ask_about(host, 0)
    found = original(host)
    _name([found] if isinstance(found, str) else found[2], host)
    return found


def _look_back(original: Any, host: Any) -> Any:
    target = "" if own_sockets.is_loopback(host) or not own_sockets.is_numeric(host) else target_of((host, 0))
    ask_about(host, 0, target)  # even for a numeric address this asks a name server
    return original(host)


def _name_of(original: Any, address: Any, flags: int) -> Any:
    if not flags & socket.NI_NUMERICHOST:
        ask_about("", 0, target_of(address))
    return original(address, flags)


def ask_about(host: Any, port: Any, target: str = "") -> None:
    """Count or refuse a look-up of `host`, unless it is numeric or this machine: these ask no name server."""
    if not target and (own_sockets.is_numeric(host) or own_sockets.is_loopback(host) or _is_this(host)):
        return
    leave(target or target_of((host, port)), look_up=True)


def _is_this(host: Any) -> bool:
    return host in ("", socket.gethostname())


def _name(addresses: Any, host: Any) -> None:
    """Remember in the current run that `host` was resolved to `addresses`."""
    if (run := current()) is not None:
        name = host.decode("latin-1") if isinstance(host, bytes | bytearray) else str(host)
        run.names.update(dict.fromkeys(addresses, name))
