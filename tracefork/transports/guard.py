"""What would leave a run: refused where it answers from its tape, counted where it is live.

`socket.connect`, `connect_ex` and `getaddrinfo` are guarded, for every address, and
in a replay so is sending on a connection that was open before: not even a client that we do not
know may connect. Unix sockets are exempt, and so is whatever a live call or a tool does.
What a live run cannot record is noted with its line (`Session.escape`): such connections,
connections by threads that know no run while just one is in progress, and processes.

uvloop and clients written in C bypass Python's sockets, and so the guard; what other
processes do is not looked at.
"""

from __future__ import annotations

import errno
import os
import re
import shlex
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Sequence
from itertools import dropwhile
from pathlib import PurePath
from types import FrameType
from typing import Any

from .. import lanes
from ..callsite import callsite
from ..errors import Refused
from ..patching import Patches, Target
from ..session import Session, alone, current

MACHINERY = frozenset({"subprocess", "os", "asyncio", "anyio", "trio", "concurrent", "tracefork"})
"""Packages through which others start processes."""

ASKING = frozenset({"platform", "distro", "uuid", "ctypes"})
"""Packages whose processes only ask about this machine."""

FORK = "a fork of this process"

_FLAGS = 3  # the place of getaddrinfo's flags behind host and port
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")


def hold(run: object) -> None:
    """Start guarding for `run`; doing it twice is harmless."""
    _patches.hold(run)


def release(run: object) -> None:
    """Stop guarding for `run`; the last one leaves no trace."""
    _patches.release(run)


def _targets() -> Iterator[Target]:
    yield socket.socket, "connect", _connect
    yield socket.socket, "connect_ex", _connect_ex
    yield socket, "getaddrinfo", _getaddrinfo
    for name in ("send", "sendall", "sendto", "sendmsg"):
        yield socket.socket, name, _send
    for name in ("send", "sendall", "write"):
        yield ssl.SSLSocket, name, _send
    yield subprocess.Popen, "__init__", _popen
    for name in ("system", "posix_spawn", "posix_spawnp"):
        if hasattr(os, name):
            yield os, name, _spawn
    for name in ("fork", "forkpty"):
        if hasattr(os, name):
            yield os, name, _fork
    if util := sys.modules.get("multiprocessing.util"):
        yield util, "spawnv_passfds", _spawnv


_patches = Patches(_targets)


# -- connections -------------------------------------------------------------------


def _connect(original: Any, sock: Any, address: Any) -> Any:
    if run := _guarding(sock):
        _refuse(run, _target(address))
    elif _is_network(sock) and (run := _unknown()):
        _escape(run, "thread", _target(address))
    return original(sock, address)


def _connect_ex(original: Any, sock: Any, address: Any) -> Any:
    if run := _guarding(sock):
        try:
            _refuse(run, _target(address))
        except OSError as exc:
            return exc.errno
    elif _is_network(sock) and (run := _unknown()):
        _escape(run, "thread", _target(address))
    return original(sock, address)


def _send(original: Any, sock: Any, *args: Any, **kwargs: Any) -> Any:
    run = _guarding(sock)
    if run and not run.live and sock.family in (socket.AF_INET, socket.AF_INET6):
        try:
            ends = [_target(sock.getpeername()), _target(sock.getsockname())]
        except OSError:  # not connected: sendto and sendmsg may say where; nothing else will leave
            ends = (
                [_target(args[-1])] if args and isinstance(args[-1], tuple) and _is_address(args[-1]) else []
            )
        if ends and not any(map(run.allows, ends)):
            _refuse(run, ends[0])
    return original(sock, *args, **kwargs)


def _getaddrinfo(original: Any, host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
    flags = kwargs.get("flags", args[_FLAGS] if len(args) > _FLAGS else 0)
    run = (
        None if host is None or flags & socket.AI_PASSIVE else _guarding(None)
    )  # to listen is not to connect
    name = host.decode() if isinstance(host, bytes) else host
    if run and (run.strict or not run.live):
        _refuse(run, _target((name, port)))
    found = original(host, port, *args, **kwargs)
    if run:
        run.names.update((entry[4][0], name) for entry in found)
    return found


def _guarding(sock: Any) -> Session | None:
    """The run that a connection here would leave, if it would leave one."""
    strand = lanes.current()
    if strand is None or strand.aside or (sock is not None and not _is_network(sock)):
        return None
    return current()


def _unknown() -> Session | None:
    """The run that a thread without one is most likely part of."""
    return alone() if lanes.current() is None else None


def _is_address(given: tuple[Any, ...]) -> bool:
    return len(given) >= 2 and isinstance(given[0], str) and isinstance(given[1], int)  # noqa: PLR2004


def _is_network(sock: socket.socket) -> bool:
    return sock.family != getattr(socket, "AF_UNIX", None)


def _target(address: Any) -> str:
    return f"{address[0]}:{address[1]}" if isinstance(address, tuple) else str(address)


def _refuse(run: Session, target: str) -> None:
    host, _, port = target.rpartition(":")
    if run.live:
        _escape(run, "connection", f"{run.names.get(host, host)}:{port}")
    elif run.allows(target):
        return
    elif run.passes(host):  # telemetry: as if nobody listened
        raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED), target)
    else:
        raise run.port.fail(Refused(target, callsite()))


def _escape(run: Session, kind: str, target: str) -> None:
    if not (run.allows(target) or run.passes(target.rpartition(":")[0])):
        run.escape(kind, target)


# -- processes -----------------------------------------------------------------------


def _popen(original: Any, process: Any, args: Any, *rest: Any, **kwargs: Any) -> Any:
    if not isinstance(args, str | bytes | os.PathLike | Sequence):
        args = list(args)  # it can be read once
    _started(args)
    return original(process, args, *rest, **kwargs)


def _spawn(original: Any, *args: Any, **kwargs: Any) -> Any:
    if sys._getframe(2).f_globals.get("__name__") != "subprocess":  # noqa: SLF001  then it is counted already
        _started(next(iter((*args, *kwargs.values())), ""))
    return original(*args, **kwargs)


def _spawnv(original: Any, path: Any, args: Any, passfds: Any) -> Any:
    if not any("resource_tracker" in str(word) for word in args):  # keeps books of this process's own
        _started([path])
    return original(path, args, passfds)


def _fork(original: Any) -> Any:
    _started(FORK)
    return original()


def _started(command: Any) -> None:
    run = _guarding(None) or _unknown()
    if run and _starter() not in ASKING:
        run.escape("process", _program(command))


def _starter() -> str:
    """The package whose code starts a process."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001
    while frame is not None:
        package = str(frame.f_globals.get("__name__", "")).partition(".")[0]
        if package not in MACHINERY:
            return package
        frame = frame.f_back
    return ""


def _program(command: Any) -> str:
    """The program of a command; what it is told may be secret, and so may what is set for it."""
    if not isinstance(command, bytes | str | os.PathLike):
        words = list(command)
        return PurePath(os.fsdecode(words[0])).name if words else ""
    text = os.fsdecode(command)
    if text == FORK:
        return text
    try:
        words = shlex.split(text)
    except ValueError:
        return "a shell command"
    programs = dropwhile(_ASSIGNMENT.match, words)
    return PurePath(next(programs, "")).name
