"""Progress of a run on a terminal; nothing where there is none. Needs `tracefork[cli]`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from .session import Session

TICK = 0.1  # seconds between two looks


@contextmanager
def following(run: Session, total: int, what: str) -> Iterator[None]:
    """Show how many of `total` steps `run` has had, on stderr, while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    over = threading.Event()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(what, total=total)

        def look() -> None:
            while not over.wait(TICK):
                progress.update(task, completed=run.happened)

        watcher = threading.Thread(target=look, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join()
