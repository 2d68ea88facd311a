"""The processes below another one, where the system lists them: on Linux. Elsewhere none is found."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def list_descendants(pid: int) -> dict[int, str]:
    """Return the processes that `pid` has started, and those that these have, that run now: pid and name."""
    found = dict[int, str]()
    left = [pid]
    while left:
        for child in _list_children(left.pop()):
            if child not in found and (seen := list_names([child])):
                found |= seen
                left.append(child)
    return found


def list_names(pids: Iterable[int]) -> dict[int, str]:
    """Return those of `pids` that run now, with their names."""
    found = dict[int, str]()
    for pid in pids:
        with suppress(OSError):
            found[pid] = (_PROC / str(pid) / "comm").read_text("utf-8", "replace").strip()
    return found


def _list_children(pid: int) -> Iterator[int]:
    """The children of all threads of a process."""
    with suppress(OSError):
        for task in (_PROC / str(pid) / "task").iterdir():
            with suppress(OSError):
                yield from map(int, (task / "children").read_text().split())
