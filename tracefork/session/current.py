"""The runs in progress of this process, and the one that a call belongs to."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING, cast

from ..runtime import lanes
from .border import Border

if TYPE_CHECKING:
    from .session import Session

_open: list[Session] = []
"""The runs of this process whose blocks are entered and not left."""


def register(run: Session) -> None:
    """Count `run` among those in progress."""
    _open.append(run)


def unregister(run: Session) -> None:
    """Count it no more; harmless when repeated."""
    with suppress(ValueError):
        _open.remove(run)


def open_runs() -> tuple[Session, ...]:
    """Return the runs in progress that calls of this process may belong to.

    A live one ends where a child is forked; a replay is one in the child too, and lets nothing out.
    """
    return tuple(run for run in tuple(_open) if not (run.live and run.is_elsewhere))


def current() -> Session | None:
    """The innermost run of this context, or None.

    A task that outlives a recorded run belongs to the run around it. One that
    outlives a replay still belongs to the replay: it must not go live.
    """
    strand = lanes.current()
    while strand is not None:
        if isinstance(strand.run, Border):
            run = cast("Session", strand.run)
            if not (run.live and (run.over or run.is_elsewhere)):
                return run
        strand = strand.outer
    return None


def _leave_in_child() -> None:
    for run in tuple(_open):
        run.depart()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_leave_in_child)
