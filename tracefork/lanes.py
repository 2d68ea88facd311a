"""Lanes: a name for every strand of the agent, the same in every run of the same program.

A strand is a task, a thread or a job given to an executor. It is named where it
is *created*, never where it first runs: after the lane that creates it, what it
runs, and how many of that name came before: `"crew.0/fetch.3"`. The task that `asyncio.run` makes
goes on in the lane of its caller, who waits: how an agent is started is no part of it. Counting by
name keeps strands that exist only while recording (a connection attempt, a
pool's worker thread) from renaming those of the agent. What a live call creates
within itself is *aside*: it belongs to no lane and is not recorded.

`Thread.start`, `ThreadPoolExecutor.submit` and the loops' `create_task` are
wrapped while any run is active, so that a strand knows its run; outside of a
run's context the wrappers do nothing.
"""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from functools import partial
from typing import Any

from .patching import Patches, Target


class Group:
    """Siblings of one name: interchangeable workers, for all that we can tell."""

    __slots__ = ("alive", "made")

    def __init__(self) -> None:
        self.made = 0
        self.alive = 0


class Strand:
    """One lane of `run`, in progress. Its own strand alone adds children to it.

    `outer` is the strand that the run was entered from.
    """

    __slots__ = ("_beside", "_children", "_elsewhere", "_group", "aside", "outer", "path", "run")

    def __init__(
        self,
        run: object,
        path: str = "",
        group: Group | None = None,
        *,
        outer: Strand | None = None,
        aside: bool = False,
    ) -> None:
        self.run = run
        self.path = path
        self.outer = outer
        self.aside = aside
        self._group = group
        self._children: dict[str, Group] = {}
        self._beside: Strand | None = None
        self._elsewhere = False

    def beside(self) -> Strand:
        """The strand that is aside of this one."""
        if self._beside is None:
            self._beside = Strand(self.run, self.path, aside=True)
        return self._beside

    @property
    def alone(self) -> bool:
        """No sibling of the same name is alive."""
        return self._group is None or self._group.alive < 2  # noqa: PLR2004

    def child(self, what: object) -> Strand:
        """Name and return the strand that will run `what`."""
        if self.aside:
            return self
        name = _name(what)
        group = self._children.setdefault(name, Group())
        path = f"{self.path}/{name}.{group.made}".lstrip("/")
        group.made += 1
        group.alive += 1
        return Strand(self.run, path, group, outer=self.outer)

    def goes_on(self) -> bool:
        """True for the one task that a strand makes before a loop runs: most likely it waits for that."""
        if self.aside or self._elsewhere:
            return False
        self._elsewhere = True
        return True

    def stops(self, *_: object) -> None:
        """Say that this strand is no task any more."""
        self._elsewhere = False

    def finish(self, *_: object) -> None:
        """Say that this strand is over; its siblings may be alone now."""
        if self._group and not self.aside:
            self._group.alive -= 1


_STRAND: ContextVar[Strand | None] = ContextVar("tracefork.strand", default=None)

_everywhere: list[Strand] = []
"""Roots of the runs that take in threads without a context of their own, newest last."""


def current() -> Strand | None:
    """The strand of this context, or of the newest run that takes in the whole process."""
    return _STRAND.get() or (_everywhere[-1] if _everywhere else None)


def begin(root: Strand) -> None:
    """Make `root` current in this context, until `leave`."""
    root.outer = _STRAND.get()
    _STRAND.set(root)


def leave(root: Strand) -> None:
    """End `root`: what was current before is so again, unless another run has begun since.

    Runs that are over by then are passed by, so that overlapping runs end in any order. An
    interrupt may have left the run aside.
    """
    at = _STRAND.get()
    if at is root or (at is not None and at.aside and at.run is root.run):
        outer = root.outer
        while outer is not None and getattr(outer.run, "over", False):
            outer = outer.outer
        _STRAND.set(outer)


def enter(strand: Strand | None) -> Strand | None:
    """Make `strand` current in this context; return the one before, to enter again afterwards."""
    before = _STRAND.get()
    _STRAND.set(strand)  # never reset by token: a generator may end in another context
    return before


class aside:  # noqa: N801  it is used like a function
    """Run the block aside: what a live call does inside must not be recorded, nor counted."""

    __slots__ = ("_before", "_beside")

    def __init__(self) -> None:
        self._before = _STRAND.get()
        at = current()
        self._beside: Strand | None = at.beside() if at else Strand(None, aside=True)

    def __enter__(self) -> None:
        enter(self._beside)

    def __exit__(self, *_: object) -> None:
        enter(self._before)
        self._beside = None

    def __del__(self) -> None:
        beside = getattr(self, "_beside", None)  # not even `__init__` may have come to its end
        if beside is not None and _STRAND.get() is beside:  # interrupted on the way in or out
            enter(self._before)


# -- where strands are created --------------------------------------------------


def watch(root: Strand, everywhere: Strand | None = None) -> None:
    """Start naming strands, for the run of `root`; doing it twice is harmless.

    `everywhere`, if it is given, is current wherever no other strand is.
    """
    if everywhere and everywhere not in _everywhere:
        _everywhere.append(everywhere)
    _patches.hold(root)


def unwatch(root: Strand) -> None:
    """Stop naming strands for the run of `root`; the last one takes every wrapper away."""
    if root in _everywhere:
        _everywhere.remove(root)
    _patches.release(root)


def _targets() -> Iterator[Target]:
    yield threading.Thread, "start", _start
    yield ThreadPoolExecutor, "submit", _submit
    yield asyncio.BaseEventLoop, "create_task", _create_task
    if uvloop := sys.modules.get("uvloop"):
        yield uvloop.Loop, "create_task", _create_task


_patches = Patches(_targets)


def _start(original: Any, thread: threading.Thread) -> None:
    if parent := _STRAND.get():
        child = parent.child(getattr(thread, "_target", None) or type(thread))
        run = _job(child, thread.run)

        def once() -> None:
            vars(thread).pop("run", None)  # leave the thread as its class made it
            run()

        thread.run = once  # type: ignore[method-assign]
        try:
            original(thread)
        except BaseException:  # it did not start: nobody will say that it is over
            vars(thread).pop("run", None)
            child.finish()
            raise
        return
    original(thread)


def _submit(original: Any, pool: Any, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
    if not (parent := _STRAND.get()):
        return original(pool, fn, *args, **kwargs)
    child = parent.child(fn)
    outside = Context()  # whether a worker thread starts now is chance: it belongs to no strand
    try:
        future = outside.run(original, pool, _job(child, fn, ends=False), *args, **kwargs)
    except BaseException:
        child.finish()
        raise
    future.add_done_callback(child.finish)  # also of a job that is cancelled before it runs
    return future


def _create_task(original: Any, loop: Any, coro: Any, *, context: Any = None, **options: Any) -> Any:
    parent = _STRAND.get() if context is None else context.get(_STRAND) or _STRAND.get()
    if not parent or _closes_a_generator(coro):
        return original(loop, coro, context=context, **options)
    went_on = asyncio._get_running_loop() is None and parent.goes_on()  # noqa: SLF001  `asyncio.run` asks it too
    child = parent if went_on else parent.child(coro)
    over = child.stops if went_on else child.finish
    context = copy_context() if context is None else context
    context.run(_STRAND.set, child)
    try:
        task = original(loop, coro, context=context, **options)
    except BaseException:
        over()
        raise
    task.add_done_callback(over)
    return task


def _job(child: Strand, fn: Callable[..., Any], *, ends: bool = True) -> Callable[..., Any]:
    def job(*args: Any, **kwargs: Any) -> Any:
        before = enter(child)
        try:
            return fn(*args, **kwargs)
        finally:
            enter(before)
            if ends:
                child.finish()

    return job


def _closes_a_generator(coro: object) -> bool:
    """The loop makes a task to close a generator the agent dropped, whenever that is collected."""
    return type(coro) is _ACLOSE


async def _generator() -> AsyncGenerator[None, None]:
    yield


def _type_of_aclose() -> type:
    closing = _generator().aclose()
    with suppress(StopIteration):
        closing.send(None)  # run to its end, or it is said never to have been awaited
    return type(closing)


_ACLOSE = _type_of_aclose()


def _name(what: object) -> str:
    while isinstance(what, partial):
        what = what.func
    name = getattr(what, "__qualname__", None) or type(what).__qualname__
    return str(name).rpartition(".<locals>.")[2]
