"""Waiting for a turn: on a thread, in an asyncio loop, in trio.

While the run follows its script, heads and ends are handed out one at a time:

* Threads have no point of rest that one could see. A short pause between the
  ticks of different threads makes programs that depend on their order replay in
  practice; it is no guarantee.
* An asyncio loop has one. While recording, the number of callbacks between two
  ticks is kept, up to `FAR` of them or until the loop rests; in replay a tick is
  released that many callbacks after the one before it, or else when the loop
  rests. So `as_completed` yields in its recorded order, however many awaits an
  agent spends behind an answer. Recording itself never waits.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, TypeAlias

from attrs import evolve

from .cell import Cell
from .core import machine
from .core.machine import Asked, Ended, Headed, Order, Strayed, Wait

PAUSE = 0.001  # seconds for a thread to act on its tick before another thread's
FAR = 64  # callbacks after which a tick no longer tells when the next one is due
ROUNDS = 100  # callbacks to wait for rest in a loop that is never at rest

Tick: TypeAlias = Headed | Ended


def in_loop() -> bool:
    """True on a thread whose event loop is running: to block it would freeze who we wait for."""
    return _asyncio_loop() is not None or _in_trio()


def settle(cell: Cell, event: Asked | Tick) -> Order:
    """Send `event`, blocking this thread until its turn comes.

    Inside a running event loop nothing is waited for.
    """
    if in_loop():
        return cell.send(evolve(event, waits=False))
    while True:
        woken = threading.Event()
        if isinstance(event, Asked) or cell.live:
            order = cell.send(event, woken.set)
        else:
            with cell.pace:
                if cell.mover != threading.get_ident():
                    time.sleep(max(0.0, cell.moved + PAUSE - time.monotonic()))
                order = cell.send(event, woken.set)
        if not isinstance(order, Wait):
            return order
        while not woken.wait(max(0.0, cell.left())):
            if cell.left() <= 0:
                return cell.send(Strayed(event.call, stalled=True))


async def asettle(cell: Cell, event: Asked | Tick, pacers: Pacers) -> Order:
    """Send `event`, suspending this task until its turn comes."""
    loop = _asyncio_loop()
    if loop is None:
        return await _settle_in_trio(cell, event)
    if not isinstance(event, Asked):
        pacer = pacers.of(loop)
        return cell.send(event) if cell.live else await pacer.release(event)
    while True:
        woken = loop.create_future()
        order = cell.send(event, _poster(loop, lambda woken=woken: _resolve(woken, None)))  # type: ignore[misc]
        if not isinstance(order, Wait):
            return order
        if lapsed := await _patiently(cell, event.call, loop, woken):
            return lapsed


class Pacers:
    """The pacer of each event loop that a run is used from."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._of: dict[asyncio.AbstractEventLoop, Pacer] = {}

    def of(self, loop: asyncio.AbstractEventLoop) -> Pacer:
        if loop not in self._of:
            self._of[loop] = Pacer(self._cell, loop)
        return self._of[loop]

    def mark(self) -> int | None:
        """Note a tick that was not waited for; return its distance from the one before, in callbacks."""
        loop = _asyncio_loop()
        return self.of(loop).mark() if loop else None


class Pacer:
    """Counts the callbacks between one loop's ticks, and keeps them in replay.

    A tick happens within the run of its task, in replay as when it was recorded:
    the pacer only wakes tasks, one callback before they are to run. Those whose
    ticks came within one turn of the loop are woken in one go. A task may be woken
    before a question that was asked ahead of its tick: that is asked in the same turn.
    """

    def __init__(self, cell: Cell, loop: asyncio.AbstractEventLoop) -> None:
        self._cell = cell
        self._loop = loop
        self._queued: Any = getattr(loop, "_ready", None)  # uvloop does not show it
        self._asleep: dict[int | None, asyncio.Future[None]] = {}  # by line
        self._early: set[int] = set()  # lines that were woken ahead of a question, once
        self._since: int | None = None  # callbacks since the last tick; None once the loop has rested
        self._rounds = 0
        self._next_beat: asyncio.Handle | None = None

    def mark(self) -> int | None:
        """A live tick happens here and now; return how many callbacks ago the last one was."""
        since, self._since = self._since, 0
        if self._next_beat:
            self._next_beat.cancel()  # a beat is counted from the tick that it follows
        self._next_beat = self._loop.call_soon(self._beat)
        return since

    async def release(self, event: Tick) -> Order:
        """Send `event` when its turn has come and the loop is as far as it was."""
        line = self._cell.state.open[event.call].line
        if machine.hops(self._cell.state, event) == 0 and self._cell.has_come(event):
            return self._cell.send(event)  # in the same breath as the tick before it
        while True:
            woken: asyncio.Future[None] = self._loop.create_future()
            self._asleep[line] = woken
            if self._cell.has_come(event, _poster(self._loop, self._arm)):
                self._arm()
            try:
                lapsed = await _patiently(self._cell, event.call, self._loop, woken)
            finally:
                self._asleep.pop(line, None)
            order = lapsed or self._cell.send(event)
            if not isinstance(order, Wait):
                return order

    def _arm(self) -> None:
        if not self._next_beat:
            self._rounds = 0
            self._next_beat = self._loop.call_soon(self._beat)

    def _beat(self) -> None:
        self._next_beat = None
        self._rounds += 1
        if self._since is not None:
            self._since += 1
        waits = False
        if self._asleep:
            woken, waits = self._whose_time_it_is()
            for future in woken:
                _resolve(future, None)
            if woken:
                self._since, self._rounds = 0, 0
        if not waits and (self._at_rest() or (self._since or 0) >= FAR):
            self._since = None
        else:
            self._next_beat = self._loop.call_soon(self._beat)

    def _whose_time_it_is(self) -> tuple[list[asyncio.Future[None]], bool]:
        """Who is to be woken now; and whether somebody waits for beats alone."""
        if self._cell.state.halt:
            return list(self._asleep.values()), False
        woken: list[asyncio.Future[None]] = []
        lines, asks = set[int](), False
        for line, answers, hops in machine.upcoming(self._cell.state):
            if not answers:
                asks = asks or not woken
                continue
            sleeper = self._asleep.get(line)
            if woken:
                if hops != 0 or (sleeper is None and line not in lines):
                    break
            elif sleeper is None or (asks and (hops is None or line in self._early)):
                break
            elif not self._is_time(hops):
                return [], not asks
            elif asks:
                self._early.add(line)
            lines.add(line)
            if sleeper is not None:
                woken.append(sleeper)
        return woken, False

    def _is_time(self, hops: int | None) -> bool:
        if hops is None:
            return self._at_rest() or self._rounds >= ROUNDS
        return self._since is None or self._since >= hops

    def _at_rest(self) -> bool:
        """Nothing else is about to run: who was answered has done all it can without another."""
        return not self._queued if self._queued is not None else (self._since or self._rounds) >= FAR // 4


async def _patiently(
    cell: Cell, call: int, loop: asyncio.AbstractEventLoop, future: asyncio.Future[Any]
) -> Order | None:
    """Wait for `future`; return the order to stop if patience runs out before."""
    lapsed: list[Order] = []
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        if future.done():
            return
        if (left := cell.left()) > 0:
            timer = loop.call_later(left, look)
        elif call in cell.state.open:
            lapsed.append(cell.send(Strayed(call, stalled=True)))
            _resolve(future, None)

    look()
    try:
        await future
    finally:
        if timer:
            timer.cancel()
    return lapsed[0] if lapsed else None


def _resolve(future: asyncio.Future[Any], value: object) -> None:
    if not future.done():
        future.set_result(value)


def _poster(loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> Callable[[], object]:
    """Return a function that runs `callback` in `loop`: at once on its thread, else soon."""
    thread = threading.get_ident()

    def post() -> None:
        if threading.get_ident() == thread:
            callback()
        elif not loop.is_closed():
            loop.call_soon_threadsafe(callback)

    return post


def _asyncio_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return bool(trio and trio.lowlevel.in_trio_run())


async def _settle_in_trio(cell: Cell, event: Asked | Tick) -> Order:
    import trio  # noqa: PLC0415  only who runs trio has it

    token = trio.lowlevel.current_trio_token()
    while True:
        if not (isinstance(event, Asked) or cell.live):
            for _ in range(FAR // 4):  # trio does not show its queue: give others that many turns
                await trio.lowlevel.checkpoint()
        woken = trio.Event()
        order = cell.send(event, lambda woken=woken: token.run_sync_soon(woken.set))  # type: ignore[misc]
        if not isinstance(order, Wait):
            return order
        while not woken.is_set():
            with trio.move_on_after(max(0.0, cell.left())):
                await woken.wait()
            if not woken.is_set() and cell.left() <= 0:
                return cell.send(Strayed(event.call, stalled=True))
