"""Makes the forks that a study asks for: in this thread, in tasks of an event loop, or on an executor."""

from __future__ import annotations

import math
import os
import threading
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ThreadPoolExecutor,
    wait,
)

import anyio

from ...runs.naming import resolve
from ..forks.jobs import Done, Job
from ..search.state import Probe
from .probe import aperform, perform
from .setting import Setting
from .study import Study


def run_here(study: Study) -> None:
    """Make the forks one after another, in this thread."""
    while due := study.due(1):
        ((probe, job),) = due
        study.settle(probe, perform(study.setting, job))


def run_on(executor: Executor, study: Study) -> None:
    """Make the forks on `executor`, as many at a time as the study asks for.

    Raises:
        TypeError: the agent or the oracle cannot be sent there.
    """
    if not isinstance(executor, ThreadPoolExecutor):
        _reach(executor, study.setting)
    flying: dict[Future[Done], Probe] = {}
    over = threading.Event()
    here = (over.wait,) if isinstance(executor, ThreadPoolExecutor) else ()
    try:
        while True:
            for probe, job in study.due():
                flying[executor.submit(perform, study.setting, job, *here)] = probe
            if not flying:
                return
            for future in wait(flying, return_when=FIRST_COMPLETED).done:
                study.settle(flying.pop(future), future.result())
    finally:
        over.set()  # nobody waits for a vendor any more
        for future in flying:
            future.cancel()


async def run_in_tasks(study: Study) -> None:
    """Make the forks in tasks of the running event loop, as many at a time as the study asks for."""
    over, ended = anyio.create_memory_object_stream[tuple[Probe, Done | Exception]](math.inf)
    failure: Exception | None = None
    stopped = threading.Event()

    async def make(probe: Probe, job: Job) -> None:
        try:
            over.send_nowait((probe, await aperform(study.setting, job, stopped.wait)))
        except Exception as exc:  # noqa: BLE001  it is raised below, outside of the group
            over.send_nowait((probe, exc))

    with over, ended:
        async with anyio.create_task_group() as tasks:
            try:
                flying = 0
                while failure is None:
                    for probe, job in study.due():
                        tasks.start_soon(make, probe, job)
                        flying += 1
                    if not flying:
                        return
                    failure = _settle(study, *await ended.receive())
                    flying -= 1
                tasks.cancel_scope.cancel()
            finally:
                stopped.set()  # nobody waits for a vendor any more
    if failure is not None:
        raise failure


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


def _settle(study: Study, probe: Probe, done: Done | Exception) -> Exception | None:
    """Pass the result of a fork to the study; return the exception of either, or None."""
    if isinstance(done, Exception):
        return done
    try:
        study.settle(probe, done)
    except Exception as exc:  # noqa: BLE001  whoever watches may raise
        return exc
    return None


def _reach(executor: Executor, setting: Setting) -> None:
    """Send `setting` to `executor` and check that it arrives, before any fork is begun.

    Raises:
        TypeError: it does not.
    """
    try:
        executor.submit(_is_there, setting).result()
    except BrokenExecutor:
        raise
    except Exception as exc:
        raise TypeError(
            f"the agent or the oracle cannot be sent to another process ({type(exc).__name__}: {exc}): "
            f"name it by import path, as package.module:function"
        ) from exc


def _is_there(setting: Setting) -> bool:
    """True if what the setting names can be imported here."""
    return callable(resolve(setting.agent)) and callable(resolve(setting.oracle))
