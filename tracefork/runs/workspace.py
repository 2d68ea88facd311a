"""The working folder of a command, kept with its run: at the beginning, at each step, and at the end.

Each snapshot is a draw of the run, so that it is where the tape is, and nowhere else. In a replay the
command's tools run for real: where they leave other files than they did, the run remarks it.
"""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from ..core.tape import Tape
from ..core.values import Source
from ..errors import WorkspaceChanged, WorkspaceUnknown
from ..redact import redactor
from ..runtime import lanes
from ..session.session import Session
from .snapshots import Scanner, Snapshot, apply_change, restore, write_change

SOURCE = Source("workspace")

_NAMED = 3  # files that a remark names


class Workspace:
    """Keeps `folder` with the run: each `look` is a draw."""

    def __init__(self, run: Session, folder: Path) -> None:
        self._run = run
        self._scanner = Scanner(folder)
        self._last = Snapshot()
        self._lock = threading.Lock()

    async def look_in_loop(self) -> None:
        """`look`, without holding up the loop."""
        with lanes.aside():
            found = await asyncio.to_thread(self._scan)
        self._keep(found)

    def look(self) -> None:
        """Keep the folder as it is now, or see whether it is as it was."""
        self._keep(self._scan())

    def _scan(self) -> Snapshot:
        with self._lock:
            return self._scanner.scan()

    def _keep(self, found: Snapshot) -> None:
        drawn = self._run.draw(SOURCE, lambda: write_change(self._last, found))
        self._last = apply_change(self._last, drawn)
        if other := self._last.list_changes(found):
            names = ", ".join(other[:_NAMED]) + (
                f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
            )
            self._run.remark(f"the command left other files than when it was recorded: {names}")


def list_snapshots(tape: Tape) -> Iterator[tuple[int, Snapshot]]:
    """Give the snapshots of `tape`, each with how many exchanges were asked before it.

    The first is the folder before the command began, the last as it was left; between them is one for each
    exchange, when it was asked.
    """
    env, last = redactor(os.environ), Snapshot()
    for draw in tape.draws:
        if draw.source == SOURCE:
            last = apply_change(last, env.restore(draw.reading.text, os.environ))
            yield sum(step.span.began < draw.span.began for step in tape), last


def find_snapshot(tape: Tape, at: int | None = None) -> Snapshot:
    """Return the folder as it was when exchange `at` was asked; without, before the command began.

    Raises:
        WorkspaceUnknown: the run kept no folder, or none at that exchange.
    """
    found = list(list_snapshots(tape))
    wanted = 0 if at is None else at + 1
    for asked, snapshot in found:
        if asked == wanted:
            return snapshot
    raise WorkspaceUnknown(tape.run_id, at)


def put_back(tape: Tape, folder: Path) -> tuple[str, ...]:
    """Make `folder` what it was before the command of `tape` began; return the paths that were changed.

    Only files whose content the run has kept, too, are changed or removed: nothing is lost.

    Raises:
        WorkspaceUnknown: the run kept no folder.
        WorkspaceChanged: a file would be lost.
    """
    first = find_snapshot(tape)
    kept = {entry.sha256 for _, snapshot in list_snapshots(tape) for entry in snapshot.files.values()}
    now = Scanner(folder).scan()
    for path in now.list_changes(first):
        if path in now.files and now.files[path].sha256 not in kept:
            raise WorkspaceChanged(path, tape.run_id)
    return tuple(restore(first, folder))
