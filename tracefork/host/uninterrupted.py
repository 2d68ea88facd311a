"""Work that an interrupt cannot leave half done: it runs on a thread of its own, and the caller waits.

Signals are handled on the main thread, and exceptions that are sent to a thread reach that thread alone:
whoever is interrupted here stops waiting, while the work goes on to its end. So locks may be held and
things be replaced in there as if there were no interrupts; a signal's handler that wants the same
lock waits for that thread, which needs nothing of it.

Threads and queues are looked up when they are needed: gevent replaces them.
"""

from __future__ import annotations

import _thread
import os
import queue
from collections import deque
from collections.abc import Callable
from contextvars import ContextVar
from functools import partial
from os import getpid
from typing import Any, TypeAlias, TypeVar

from ..errors import StoreError
from . import clocks

T = TypeVar("T")

LOOK = 0.25  # seconds after which somebody who waits looks for himself: who would wake him may be no more
IDLE = 0.05  # seconds that a thread waits for more work
BRIEFLY = 0.0005  # seconds
GRACE = 2.0  # seconds that an interrupt is held up at most, until the work is over

Gate: TypeAlias = "queue.SimpleQueue[Any]"
"""What one thread waits at: of C alone, so that finalizers and handlers of signals may open it."""

_HERE: ContextVar[bool] = ContextVar("tracefork.host.uninterrupted", default=False)


def make_gate() -> Gate:
    """A new gate, closed: `put` opens it for one `get`."""
    return queue.SimpleQueue()


def wait_at(at: Gate, timeout: float) -> bool:
    """Wait at the gate; False if it was not opened within `timeout` seconds."""
    try:
        at.get(timeout=max(0.0, timeout))
    except queue.Empty:
        return False
    return True


def start(work: Callable[[], object]) -> None:
    """Run `work` on a new thread, which no tracer, profiler or patch of Python's threads sees."""
    _thread.start_new_thread(_run, (work,))


def run_apart(work: Callable[[], T]) -> T:
    """Return what `work` returns, done on another thread; raise what it raises.

    Work that is apart already is done where it is.

    Raises:
        StoreError: this process was forked amid the work.
    """
    if _HERE.get():
        return work()
    answer, over, runners = make_gate(), make_gate(), dict[int, object | None]()

    def run() -> None:
        me = object()
        if runners.setdefault(0, me) is me:
            give(answer, work)
            over.put(None)

    def goes_on() -> bool:
        if not runners:  # what was sent to this thread may have hit the new one, which has our id at first
            start(run)
        return True

    try:
        try:
            _idle.pop().put(run)
        except IndexError:
            at = make_gate()
            at.put(run)
            start(partial(_serve, at))
        done: T = result(answer, goes_on)
    except BaseException:  # the work's own, or an interrupt: then it is not begun any more, or waited for
        if runners.setdefault(0, None) is not None:
            wait_at(over, GRACE)
        raise
    return done


def result(answer: Gate, goes_on: Callable[[], bool]) -> Any:
    """Wait for what `give` puts there, as long as whoever does the work `goes_on`; return or raise it.

    Raises:
        StoreError: it is there no more.
    """
    process = getpid()
    while True:
        try:
            value, exc = answer.get(timeout=LOOK)
        except queue.Empty:
            if process == getpid() and goes_on():
                continue
            raise StoreError("this process was forked amid a call: open the store anew in it") from None
        if exc is None:
            return value
        try:
            raise exc
        finally:
            del exc  # it would be a cycle through this frame


def give(answer: Gate, work: Callable[[], object]) -> None:
    """Do `work`, and put what it came to where `result` waits for it."""
    try:
        answer.put((work(), None))
    except BaseException as exc:  # noqa: BLE001  it is raised where it is waited for
        answer.put((None, exc))


def _run(work: Callable[[], object]) -> None:
    _HERE.set(True)
    work()


_idle: deque[Gate] = deque()
"""The gates of threads that wait a moment for more work: to make a thread takes longer than most work."""


def _serve(at: Gate) -> None:
    """Do all the work that comes through the gate, until none has come for a while."""
    patience = LOOK
    while True:
        try:
            work = at.get(timeout=patience)
        except queue.Empty:
            try:
                _idle.remove(at)
            except ValueError:  # somebody has just taken it, and brings work, unless he is interrupted
                if patience == LOOK:
                    return
                patience = LOOK
                continue
            return
        if work is None:
            return
        work()
        del work  # what it holds must not live as long as this thread waits
        patience = IDLE
        _idle.append(at)


def _dismiss() -> None:
    """Before a fork: let idle threads end, or Python warns that there are threads."""
    threads, dismissed = _thread._count(), 0  # noqa: SLF001  `threading` does not know them
    while _idle:
        try:
            _idle.pop().put(None)
        except IndexError:  # it has just ended by itself
            break
        dismissed += 1
    until = clocks.monotonic() + LOOK * bool(dismissed)
    while _thread._count() > threads - dismissed and clocks.monotonic() < until:  # noqa: SLF001
        clocks.sleep(BRIEFLY)
    if dismissed:
        clocks.sleep(BRIEFLY)  # what the system does last


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_dismiss, after_in_child=_idle.clear)
