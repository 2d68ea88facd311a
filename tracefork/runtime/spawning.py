"""Patches the functions that create threads, pool jobs, tasks and greenlets, to give each its strand.

`Thread.start`, `_thread.start_new_thread`, the pools' ways to submit, the loops' `create_task` and
gevent's `spawn` are wrapped while any run is active; outside of a run the wrappers do nothing.
A job knows its strand whatever context it is run in.

A job that a loop hands to an executor also ends in its recorded order: the future that
`run_in_executor` returns gets the job's result only when its turn to end has come (`Jobs`).
"""

from __future__ import annotations

import _thread
import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, copy_context
from functools import partial
from typing import Any, Protocol, cast

from ..host.imports import find_loaded
from ..host.patching import Patches, Target
from . import lanes
from .lanes import Strand


class Jobs(Protocol):
    """The part of a run that is notified of executors' jobs."""

    def begin_job(self, name: str, strand: Strand) -> object | None:
        """Note that `strand` hands over a job; return its handle, or None if its end needs no order."""
        ...

    async def end_job(self, job: object) -> None:
        """Wait until it is this job's turn to end."""
        ...

    def give_up_job(self, job: object) -> None:
        """Note that nobody waits for this job any more."""
        ...


def watch(root: Strand) -> None:
    """Install the wrappers for the run of `root`; doing it twice is harmless."""
    _patches.hold(root)


def unwatch(root: Strand) -> None:
    """Stop needing the wrappers for the run of `root`; the last run removes them all."""
    _patches.release(root)


def _targets() -> Iterator[Target]:
    yield threading.Thread, "start", _start
    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        if hasattr(_thread, name):
            yield _thread, name, _start_raw
    yield ThreadPoolExecutor, "submit", _submit
    yield asyncio.BaseEventLoop, "create_task", _create_task
    yield asyncio.BaseEventLoop, "run_in_executor", _run_in_executor
    if backend := find_loaded("anyio._backends._asyncio"):
        yield backend.AsyncIOBackend, "run_sync_in_worker_thread", _run_sync
    if uvloop := find_loaded("uvloop"):
        yield uvloop.Loop, "create_task", _create_task
        yield uvloop.Loop, "run_in_executor", _run_in_executor
    if pools := find_loaded("multiprocessing.pool"):
        yield pools.ThreadPool, "apply_async", _apply_async
        yield pools.ThreadPool, "_map_async", _map_async
        for name in ("imap", "imap_unordered"):
            yield pools.ThreadPool, name, _imap
    if gevent := find_loaded("gevent"):
        yield gevent, "spawn", _spawn
        yield gevent, "spawn_raw", _spawn
        yield gevent, "spawn_later", _spawn_later
    if groups := find_loaded("gevent.pool"):
        yield groups.Group, "spawn", _spawn_in
    if threads := find_loaded("gevent.threadpool"):
        yield threads.ThreadPool, "spawn", _spawn_in


_LATE = "anyio._backends._asyncio gevent gevent.pool gevent.threadpool multiprocessing.pool uvloop"
_patches = Patches(_targets, late=frozenset(_LATE.split()))


# -- threads ---------------------------------------------------------------------------


def _start(original: Any, thread: threading.Thread) -> None:
    if parent := lanes.find_strand():
        child = parent.child(getattr(thread, "_target", None) or type(thread))
        run = in_lane(child, thread.run)

        def once() -> None:
            vars(thread).pop("run", None)  # its class's `run` is visible again
            run()

        thread.run = once  # type: ignore[method-assign]
        try:
            original(thread)
        except BaseException:  # it did not start, so `job` will not call `finish`
            vars(thread).pop("run", None)
            child.finish()
            raise
        return
    original(thread)


def _start_raw(original: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    parent = lanes.find_strand()
    if parent is None or not callable(function) or _is_ours(function):
        return original(function, *args, **kwargs)
    child = parent.child(function)
    try:
        return original(in_lane(child, function), *args, **kwargs)
    except BaseException:
        child.finish()
        raise


def _is_ours(function: Any) -> bool:
    """True if `function` is a method of a Thread, which `_start` has given a strand already."""
    return isinstance(getattr(function, "__self__", None), threading.Thread)


# -- pools -----------------------------------------------------------------------------


def _submit(original: Any, pool: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    if not (parent := lanes.find_strand()):
        return original(pool, fn, *args, **kwargs)
    child = parent.child(_behind_context(fn, args))
    try:  # the pool may or may not start a worker thread now, so that thread gets no strand
        future = lanes.outside(original, pool, in_lane(child, fn, ends=False), *args, **kwargs)
    except BaseException:
        child.finish()
        raise
    future.add_done_callback(child.finish)  # also of a job that is cancelled before it runs
    return future


def _apply_async(original: Any, pool: Any, func: Any, args: Any = (), *rest: Any, **kwargs: Any) -> Any:
    if not (parent := lanes.find_strand()):
        return original(pool, func, args, *rest, **kwargs)
    return original(pool, in_lane(parent.child(func), func), args, *rest, **kwargs)


def _map_async(
    original: Any, pool: Any, func: Any, iterable: Any, mapper: Any, *rest: Any, **kwargs: Any
) -> Any:
    if not (parent := lanes.find_strand()):
        return original(pool, func, iterable, mapper, *rest, **kwargs)
    pools = sys.modules["multiprocessing.pool"]
    each = partial(_one_of_many, func, star=mapper is pools.starmapstar)
    return original(pool, each, [*_in_lanes(parent, func, iterable)], pools.mapstar, *rest, **kwargs)


def _imap(original: Any, pool: Any, func: Any, iterable: Any, *rest: Any, **kwargs: Any) -> Any:
    if not (parent := lanes.find_strand()):
        return original(pool, func, iterable, *rest, **kwargs)
    feeder = parent.child(func)  # one thread of the pool reads the iterable, and so names the jobs
    return original(pool, partial(_one_of_many, func), _in_lanes(feeder, func, iterable), *rest, **kwargs)


def _in_lanes(parent: Strand, func: Any, items: Iterable[Any]) -> Iterator[tuple[Strand, Any]]:
    return ((parent.child(func), item) for item in items)


def _one_of_many(func: Any, job: tuple[Strand, Any], *, star: bool = False) -> Any:
    child, item = job
    return in_lane(child, func)(*item) if star else in_lane(child, func)(item)


# -- greenlets -------------------------------------------------------------------------


def _spawn(original: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    return original(_patch_spawn(function), *args, **kwargs)


def _spawn_later(original: Any, seconds: float, function: Any, *args: Any, **kwargs: Any) -> Any:
    return original(seconds, _patch_spawn(function), *args, **kwargs)


def _spawn_in(original: Any, group: Any, function: Any, *args: Any, **kwargs: Any) -> Any:
    return original(group, _patch_spawn(function), *args, **kwargs)


def _patch_spawn(function: Any) -> Any:
    parent = lanes.find_strand()
    return function if parent is None or not callable(function) else in_lane(parent.child(function), function)


# -- tasks -----------------------------------------------------------------------------


def _create_task(original: Any, loop: Any, coro: Any, *, context: Any = None, **options: Any) -> Any:
    parent = lanes.find_strand() if context is None else lanes.of(context) or lanes.find_strand()
    if not parent or _closes_a_generator(coro):
        return original(loop, coro, context=context, **options)
    went_on = asyncio._get_running_loop() is None and parent.goes_on()  # noqa: SLF001  `asyncio.run` asks it too
    child = parent if went_on else parent.child(coro, works=False)
    over = child.stops if went_on else child.finish
    context = copy_context() if context is None else context
    context.run(lanes.enter, child)
    try:
        task = original(loop, coro, context=context, **options)
    except BaseException:
        over()
        raise
    task.add_done_callback(over)
    return task


def _closes_a_generator(coro: object) -> bool:
    """True if `coro` is an `aclose()`: the loop makes a task of it when a dropped generator is collected."""
    return type(coro) is _ACLOSE


async def _generator() -> AsyncGenerator[None, None]:
    yield


def _type_of_aclose() -> type:
    closing = _generator().aclose()
    with suppress(StopIteration):
        closing.send(None)  # run it to its end, or Python warns that it was never awaited
    return type(closing)


_ACLOSE = _type_of_aclose()


# -- jobs that a loop waits for ----------------------------------------------------------


def _run_in_executor(original: Any, loop: Any, executor: Any, func: Any, *args: Any) -> Any:
    future = original(loop, executor, func, *args)
    strand = lanes.find_strand()
    if strand is None or strand.aside or asyncio._get_running_loop() is not loop:  # noqa: SLF001
        return future
    jobs = cast("Jobs", strand.run)
    job = jobs.begin_job(lanes.name_of(_behind_context(func, args)), strand)
    if job is None:
        return future
    came: asyncio.Future[Any] = future.get_loop().create_future()
    task = asyncio.Task(_hand_over(_in_turn(jobs, job, future), came), loop=loop)
    came.add_done_callback(lambda _: task.cancel() if came.cancelled() else None)
    return came


async def _hand_over(awaited: Awaitable[Any], came: asyncio.Future[Any]) -> None:
    """Give `came` the result or exception of `awaited`: a `SystemExit` from this task would stop the loop."""
    try:
        result = await awaited
    except asyncio.CancelledError:
        came.cancel()
        raise
    except BaseException as exc:  # noqa: BLE001  it is raised where the job is awaited
        if not came.done():
            came.set_exception(exc)
    else:
        if not came.done():
            came.set_result(result)


async def _run_sync(original: Any, func: Any, args: Any = (), *rest: Any, **kwargs: Any) -> Any:
    """Wraps `anyio.to_thread.run_sync`, which does not use `run_in_executor`."""
    awaited, strand = original(func, args, *rest, **kwargs), lanes.find_strand()
    if strand is None or strand.aside:
        return await awaited
    jobs = cast("Jobs", strand.run)
    job = jobs.begin_job(lanes.name_of(_behind_context(func, args)), strand)
    return await (awaited if job is None else _in_turn(jobs, job, awaited))


async def _in_turn(jobs: Jobs, job: object, awaited: Awaitable[Any]) -> Any:
    """Return or raise what `awaited` does, once it is the job's turn to end."""
    try:
        result = await awaited
    except asyncio.CancelledError:
        jobs.give_up_job(job)
        raise
    except BaseException:
        await jobs.end_job(job)
        raise
    await jobs.end_job(job)
    return result


def _behind_context(fn: Any, args: tuple[Any, ...] = ()) -> Any:
    """Return the function that `fn(*args)` runs: past partials and `Context.run`."""
    while True:
        if isinstance(fn, partial):
            fn, args = fn.func, (*fn.args, *args)
        elif isinstance(getattr(fn, "__self__", None), Context) and args:
            fn, *rest = args
            args = tuple(rest)
        else:
            return fn


def in_lane(child: Strand, fn: Callable[..., Any], *, ends: bool = True) -> Callable[..., Any]:
    """Return a function that runs `fn` as the job of `child` and, if it `ends`, then finishes `child`."""

    def job(*args: Any, **kwargs: Any) -> Any:
        before = lanes.begin_job(child)
        try:
            return fn(*args, **kwargs)
        finally:
            lanes.end_job(before)
            if ends:
                child.finish()

    return job
