"""The mutable cell of a run: a lock, the machine's state, and who waits for a turn."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import TypeAlias

from attrs import evolve

from . import clocks
from .core import machine
from .core.machine import Asked, Ended, Event, Halt, Headed, Order, State, Wait
from .core.script import Script

Wake: TypeAlias = Callable[[], object]


class Lock:
    """A lock that knows on which threads it is held or waited for."""

    __slots__ = ("_lock", "_threads")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._threads: set[int] = set()

    @property
    def mine(self) -> bool:
        """True on a thread that holds it or waits for it: in a finalizer or a signal's handler."""
        return threading.get_ident() in self._threads

    def is_free(self) -> bool:
        """True if nobody held it a moment ago."""
        free = self._lock.acquire(blocking=False)
        if free:
            self._lock.release()
        return free

    def __enter__(self) -> None:
        self._threads.add(threading.get_ident())
        self._lock.acquire()

    def __exit__(self, *_: object) -> None:
        self._lock.release()
        self._threads.discard(threading.get_ident())


class Cell:
    """Steps the machine, one event at a time, from any thread.

    `note` is told of every event that was not made to wait and the order it
    brought, inside the lock and in the machine's order. It must not raise.
    `patience` is in seconds. Whoever holds `lock` sees one moment of the run.
    """

    def __init__(self, script: Script, note: Callable[[Event, Order], None], patience: float) -> None:
        self.state: State = machine.start(script)
        self.patience = patience
        self.pace = threading.Lock()
        self.moved = clocks.monotonic()
        self.mover = threading.get_ident()
        self._note = note
        self.lock = Lock()
        self._closed = False
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, Wake]] = []
        self._dropped: deque[Ended] = deque()

    @property
    def live(self) -> bool:
        return self.state.live

    @property
    def closed(self) -> bool:
        """True once nothing is waited for any more."""
        return self._closed

    def send(self, event: Event, wake: Wake | None = None) -> Order:
        """Step the machine. Should it say Wait, `wake` is called once the turn has come."""
        order = self._step(event, wake)
        self._sweep()
        return order

    def has_come(self, event: Headed | Ended, wake: Wake | None = None) -> bool:
        """True if the turn of `event` has come, or the run is halted; else `wake` is called when it does."""
        with self.lock:
            turn = machine.turn(self.state, event)
            come = turn <= self.state.turn or bool(self.state.halt) or self._closed
            if not come and wake:
                heapq.heappush(self._waiting, (turn, next(self._order), wake))
        self._sweep()
        return come

    def drop(self, event: Ended) -> None:
        """Send an end that the agent chose: at once, from any thread, even a finalizer.

        The collector may run a finalizer on this very thread in the middle of a step:
        then whoever holds the lock sends the event as it leaves.
        """
        self._dropped.append(event)
        if self.lock.is_free():
            self._sweep()

    def abandon(self, call: int) -> None:
        """Forget a draw whose sample failed: it told nobody anything."""
        with self.lock:
            rest = {number: opened for number, opened in self.state.open.items() if number != call}
            self.state = evolve(self.state, open=rest)

    def close(self) -> None:
        """Nothing is waited for any more: who waits is told that the run has stalled."""
        with self.lock:
            self._closed = True
            ready = self._due()
        _wake(ready)

    def left(self) -> float:
        """Seconds of patience that remain."""
        return self.moved + self.patience - clocks.monotonic()

    def _step(self, event: Event, wake: Wake | None = None) -> Order:
        with self.lock:
            self.state, order = machine.step(self.state, event)
            if isinstance(order, Wait) and self._closed:
                order = _stalled(self.state, event)
            if isinstance(order, Wait):
                if wake:
                    heapq.heappush(self._waiting, (order.turn, next(self._order), wake))
            else:
                self.moved, self.mover = clocks.monotonic(), threading.get_ident()
                self._note(event, order)
            ready = self._due()
        _wake(ready)
        return order

    def _due(self) -> list[Wake]:
        if not self._waiting:
            return []
        ready = []
        over = self.state.halt or self._closed
        while self._waiting and (over or self._waiting[0][0] <= self.state.turn):
            ready.append(heapq.heappop(self._waiting)[2])
        return ready

    def _sweep(self) -> None:
        """Send what finalizers left."""
        while self._dropped:
            try:
                event = self._dropped.popleft()
            except IndexError:  # another thread was quicker
                return
            self._step(event)


def _wake(ready: list[Wake]) -> None:
    for call in ready:
        with suppress(RuntimeError):  # its event loop has ended: nobody waits there any more
            call()


def _stalled(state: State, event: Event) -> Halt:
    if isinstance(event, Asked):
        return Halt(event.question, event.lane, None, stalled=True)
    opened = state.open[event.call]
    return Halt(opened.asked, opened.lane, opened.line, stalled=True)
