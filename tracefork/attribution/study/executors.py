"""Does the work that somebody plans: in this thread, in tasks of an event loop, or on an executor.

A study plans forks, an experiment blocks of runs.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)
from functools import partial
from typing import Protocol, TypeVar

import anyio

from ...runs.naming import resolve
from .probe import aperform, perform
from .study import Study

Key = TypeVar("Key")
What = TypeVar("What")
Came = TypeVar("Came")
What_co = TypeVar("What_co", covariant=True)
Came_contra = TypeVar("Came_contra", contravariant=True)


class Work(Protocol[Key, What_co, Came_contra]):
    """Gives what is due, each under a key, and is told what came of it. None is due once all is over."""

    def due(self, most: int | None = None) -> Sequence[tuple[Key, What_co]]: ...
    def settle(self, key: Key, came: Came_contra, /) -> object: ...


def work_here(work: Work[Key, What, Came], make: Callable[[What], Came]) -> None:
    """Do the work one after another, in this thread."""
    while due := work.due(1):
        for key, what in due:
            work.settle(key, make(what))


def work_on(executor: Executor, work: Work[Key, What, Came], make: Callable[[What], Came]) -> None:
    """Do the work on `executor`, as much at a time as is due."""
    flying: dict[Future[Came], Key] = {}
    try:
        while True:
            for key, what in work.due():
                flying[executor.submit(make, what)] = key
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                work.settle(flying.pop(future), future.result())
    finally:
        for future in flying:
            future.cancel()


async def work_in_tasks(work: Work[Key, What, Came], make: Callable[[What], Awaitable[Came]]) -> None:
    """Do the work in tasks of the running event loop, as much at a time as is due."""
    over, ended = anyio.create_memory_object_stream[tuple[Key, Came | Exception]](math.inf)
    failure: Exception | None = None

    async def begin(key: Key, what: What) -> None:
        try:
            over.send_nowait((key, await make(what)))
        except Exception as exc:  # noqa: BLE001  it is raised below, outside of the group
            over.send_nowait((key, exc))

    with over, ended:
        async with anyio.create_task_group() as tasks:
            flying = 0
            while failure is None:
                for key, what in work.due():
                    tasks.start_soon(begin, key, what)
                    flying += 1
                if not flying:
                    return
                failure = _settle(work, *await ended.receive())
                flying -= 1
            tasks.cancel_scope.cancel()
    if failure is not None:
        raise failure


def run_here(study: Study) -> None:
    """Make the forks one after another, in this thread."""
    work_here(study, partial(perform, study.setting))


def run_on(executor: Executor, study: Study) -> None:
    """Make the forks on `executor`, as many at a time as the study asks for.

    Raises:
        TypeError: the agent or the oracle cannot be sent there.
    """
    if not isinstance(executor, ThreadPoolExecutor):
        check_reach(executor, study.setting.agent, study.setting.oracle)
        work_on(executor, study, partial(perform, study.setting))
        return
    over = threading.Event()
    try:
        work_on(executor, study, partial(perform, study.setting, rest=over.wait))
    finally:
        over.set()  # nobody waits for a vendor any more


async def run_in_tasks(study: Study) -> None:
    """Make the forks in tasks of the running event loop, as many at a time as the study asks for."""
    stopped = threading.Event()
    try:
        await work_in_tasks(study, partial(aperform, study.setting, rest=stopped.wait))
    finally:
        stopped.set()  # as above


def choose_width(executor: Executor | None, workers: int | None) -> int:
    """Return how many forks may be in flight.

    Raises:
        ValueError: there are workers, and nothing for them to work on.
    """
    if executor is None:
        if workers not in (None, 1):
            raise ValueError("workers= is for an executor: pass one, or await ablame(...)")
        return 1
    return workers or getattr(executor, "_max_workers", None) or os.cpu_count() or 1


def check_reach(executor: Executor, *named: object) -> None:
    """Send agents and oracles to `executor` and check that they arrive, before anything is begun.

    Raises:
        TypeError: they do not.
    """
    try:
        executor.submit(_are_there, named).result()
    except BrokenExecutor:
        raise
    except Exception as exc:
        raise TypeError(
            f"the agent or the oracle cannot be sent to another process ({type(exc).__name__}: {exc}): "
            f"name it by import path, as package.module:function"
        ) from exc


def _settle(work: Work[Key, What, Came], key: Key, came: Came | Exception) -> Exception | None:
    """Tell the work what came; return the exception of either, or None."""
    if isinstance(came, Exception):
        return came
    try:
        work.settle(key, came)
    except Exception as exc:  # noqa: BLE001  whoever watches may raise
        return exc
    return None


def _are_there(named: Sequence[object]) -> bool:
    """True if what is named can be imported here."""
    return all(callable(resolve(one)) for one in named)
