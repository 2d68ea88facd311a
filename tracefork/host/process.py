"""Which process this is, in a text that tells no names; and whether the process of such a text still lives.

The text is `MACHINE PID START`. MACHINE is a hash over the machine's id, its boot and the container, so that
another machine, another boot and another container are never taken for this one; PID is the process there,
and START when it started, since numbers of processes are given again. What the system does not tell is `-`.
"""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from functools import cache
from hashlib import sha256
from pathlib import Path

_UNKNOWN = "-"
_ONES = ("/etc/machine-id", "/proc/sys/kernel/random/boot_id")
_CONTAINER = "/proc/self/ns/pid"
_HEX = 16
_FIELDS = 3
_STATE, _START = 0, 19  # of what /proc/PID/stat has behind the program's name
_OVER = frozenset("ZXx")


def mark() -> str:
    """The text of this process; it is made anew each time, since a fork is another process."""
    pid = os.getpid()
    return f"{_machine()} {pid} {_find_start(pid) or _UNKNOWN}"


def is_alive(text: str) -> bool | None:
    """Whether the process of `text` lives; None if it is, or may be, elsewhere."""
    parts = text.split(" ")
    if len(parts) != _FIELDS or parts[0] in ("", _UNKNOWN) or parts[0] != _machine():
        return None
    pid = int(parts[1]) if parts[1].isascii() and parts[1].isdigit() else 0
    if not 0 < pid < 2**31:
        return None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        pass
    started = _find_start(pid)
    if started == "":
        return False
    return started is None or parts[2] in (_UNKNOWN, started)


def _machine() -> str:
    return _find_machine(os.getpid())


@cache
def _find_machine(_pid: int) -> str:
    """A hash of which machine, boot and container this is; `-` where the system does not tell."""
    if sys.platform != "linux":
        return _UNKNOWN
    facts = []
    for file in _ONES:
        with suppress(OSError):
            facts.append(Path(file).read_text("ascii", "replace").strip())
    with suppress(OSError):
        facts.append(str(Path(_CONTAINER).readlink()))
    return sha256("\n".join(facts).encode()).hexdigest()[:_HEX] if len(facts) > 1 else _UNKNOWN


def _find_start(pid: int) -> str | None:
    """When a process started, in the system's own count; "" if it is over; None where that is not told."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text("utf-8", "replace").rpartition(")")[2].split()
    except OSError:
        return None
    if len(fields) <= _START:
        return None
    return "" if fields[_STATE] in _OVER else fields[_START]
