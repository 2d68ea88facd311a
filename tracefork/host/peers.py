"""Which process is at the other end of a connection on loopback, where the system tells: on Linux."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")
_TABLES = ("tcp", "tcp6")
_SOCKET = re.compile(r"socket:\[(\d+)\]")


def find_peer(port: int, served: int) -> int | None:
    """Return the pid of the process whose end of a connection to the port `served` here has this local port.

    None if it is not seen, as that of another user may not be.
    """
    inodes = set(_list_inodes(port, served))
    if not inodes:
        return None
    for process in _PROC.iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid() and _holds(process, inodes):
            return int(process.name)
    return None


def is_alive(pid: int) -> bool:
    """True while there is a process `pid` that has not ended."""
    try:
        state = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()[0]
    except (OSError, IndexError):
        return False
    return state not in "ZX"


def find_name(pid: int) -> str:
    """Return the name of the program that `pid` runs, "" if it is not seen."""
    with suppress(OSError):
        return (_PROC / str(pid) / "comm").read_text("utf-8", "replace").strip()
    return ""


def _list_inodes(port: int, served: int) -> Iterator[str]:
    for table in _TABLES:
        with suppress(OSError):
            for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
                columns = line.split()
                ends = (int(column.rpartition(":")[2], 16) for column in columns[1:3])
                if tuple(ends) == (port, served):
                    yield columns[9]


def _holds(process: Path, inodes: set[str]) -> bool:
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):
                found = _SOCKET.fullmatch(os.readlink(descriptor))  # noqa: PTH115  it names no path
                if found and found[1] in inodes:
                    return True
    return False
