"""
Closes the open resources of backends around a fork, which they must not cross.

Hooks run for `os.fork` and all that is built on it (multiprocessing). A fork in C that does not tell
Python is not covered; `subprocess` needs no cover, as nothing of Python runs between its fork and exec.
"""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet

from tracefork.host.uninterrupted import run_apart


class Forkable(Protocol):
    """What can be put aside for a fork."""

    def before_fork(self) -> bool:
        """Wait for other threads' calls, let go of resources and hold off new calls; False: gave up."""
        ...

    def after_fork(self) -> None:
        """In parent and child, where `before_fork` gave True: let calls in again."""
        ...

    def abandon(self) -> None:
        """In the child, where it gave False: never touch the parent's resources, refuse calls."""
        ...


_registering = threading.Lock()
_known: WeakSet[Forkable] = WeakSet()
_aside: list[tuple[Forkable, bool]] = []


def between_forks(backend: Forkable) -> None:
    """Call the methods of `backend` around each fork, for as long as it lives."""

    def register() -> None:
        with _registering:
            _known.add(backend)

    run_apart(register)


def _before() -> None:
    _registering.acquire()
    for backend in list(_known):
        _aside.append((backend, False))
        _aside[-1] = (backend, backend.before_fork())


def _after_in_parent() -> None:
    _after(child=False)


def _after_in_child() -> None:
    _after(child=True)


def _after(*, child: bool) -> None:
    while _aside:
        backend, ready = _aside.pop()
        if ready:
            backend.after_fork()
        elif child:
            backend.abandon()
    _registering.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
