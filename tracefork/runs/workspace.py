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
        self._read = dict[str, bytes]()  # contents that were read, and may not be on the tape
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
        with self._lock, lanes.aside():  # git, which lists the files, is no process of the agent's
            found = self._scanner.scan()
            self._read.update(found.contents)
            return found

    def _keep(self, found: Snapshot) -> None:
        drawn = self._run.draw(SOURCE, lambda: write_change(self._last, self._choose(found)))
        self._last = apply_change(self._last, drawn)
        if other := self._last.list_changes(found):
            names = ", ".join(other[:_NAMED])
            names += f" and {len(other) - _NAMED} more" if len(other) > _NAMED else ""
            self._run.remark(f"the command left other files than when it was recorded: {names}")

    def _choose(self, found: Snapshot) -> Snapshot:
        """`found`, with the contents that may be kept: none in which a secret stands."""
        redact, wanted = self._run.redactor(), {entry.sha256 for entry in found.files.values()}
        new = wanted - self._last.contents.keys()
        read = {name: self._read[name] for name in new & self._read.keys()}
        return Snapshot(
            found.files, {n: content for n, content in read.items() if not redact.body_spans(content)}
        )


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
    for asked, snapshot in list_snapshots(tape):  # of questions side by side, the first after this was asked
        if at is None or asked > at:
            return snapshot
    raise WorkspaceUnknown(tape.run_id, at)


def put_back(tape: Tape, folder: Path) -> tuple[str, ...]:
    """Make `folder` what it was before the command of `tape` began; return the paths that were changed.

    Only files whose content the run has kept, too, are changed or removed: nothing is lost. One in which a
    secret stands, or that is longer than LONGEST, has no content on the tape, and stays.

    Raises:
        WorkspaceUnknown: the run kept no folder.
        WorkspaceChanged: a file would be lost.
    """
    first = find_snapshot(tape)
    kept = {name for _, snapshot in list_snapshots(tape) for name in snapshot.contents}
    now = Scanner(folder).scan()
    for path in now.list_changes(first):
        here = now.files.get(path)
        if here is not None and here.sha256 not in kept:
            raise WorkspaceChanged(path, tape.run_id)
    return tuple(restore(first, folder))
