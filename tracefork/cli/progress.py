"""Progress of long work on a terminal; nothing where there is none. Needs `tracefork[cli]`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import Protocol, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from ..attribution.forks.budget import Spent
from ..core.visible import visible
from ..session.session import Session

T = TypeVar("T")
FEW = 50
TICK = 0.1  # seconds between two looks
_COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())


def track(items: Iterable[T], what: str) -> Iterator[T]:
    """Give `items`, and show on stderr how many there were, of how many if that is known."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from items
        return
    total = len(items) if isinstance(items, Sized) else None
    with Progress(*_COLUMNS, console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=what)


def track_jobs(items: Iterable[T], total: int, what: str) -> Iterator[T]:
    """Give `items`, of which there are `total`, as `track` does; a few are not worth a bar."""
    console = Console(stderr=True)
    if total < FEW or not console.is_terminal:
        yield from items
        return
    with Progress(*_COLUMNS, console=console, transient=True) as progress:
        yield from progress.track(items, total=total, description=what)


class Counted(Protocol):
    """How far a study or an experiment is."""

    @property
    def forks(self) -> int: ...
    @property
    def spent(self) -> Spent: ...
    @property
    def leading(self) -> str: ...


@contextmanager
def watch_forks(most: int) -> Iterator[Callable[[Counted], None]]:
    """Give what is to be called after each fork of a study, and show how many of `most` there were."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda _: None
        return
    with Progress(
        *_COLUMNS, TextColumn("{task.fields[status]}", markup=False), console=console, transient=True
    ) as progress:
        task = progress.add_task("forks", total=most, status="")

        def watch(how: Counted) -> None:
            cost = "" if how.spent.usd is None else f"${how.spent.usd:.4f}"
            progress.update(
                task, completed=how.forks, status=visible(f"{cost}  {how.leading}", one_line=True)
            )

        yield watch


@contextmanager
def watch_run(run: Session, total: int, what: str) -> Iterator[None]:
    """Show how many of `total` steps `run` has had, on stderr, while the block runs."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield
        return
    over = threading.Event()
    with Progress(*_COLUMNS, console=console, transient=True) as progress:
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
