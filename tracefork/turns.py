"""Waiting for a turn: on a thread, in an asyncio loop, in trio.

While the run follows its script, heads and ends are handed out one at a time:

* Threads have no point of rest that one could see. A short pause between the
  ticks of different threads, a shorter one while recording, makes programs that
  depend on their order replay in practice; it is no guarantee.
* An asyncio loop has one. A beat, a callback that comes around once in each turn
  of the loop, hands out the ticks, live as in replay. While recording, the beats
  between two ticks are kept, up to `FAR` of them or until the loop rests; in replay
  a tick is released that many beats after the one before it, or else when the loop
  rests. So `as_completed` yields in its recorded order, however many awaits an
  agent spends behind an answer. Recording waits for one beat, and in a crowded
  loop for none.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias
from weakref import WeakKeyDictionary

from attrs import evolve

from .cell import Cell
from .core import machine
from .core.machine import Asked, Ended, Headed, Order, Strayed, Wait
from .flight import Flight

PAUSE = 0.001  # seconds for a thread to act on its tick before another thread's
LIVE_PAUSE = 0.0003  # the same while recording; waited only where two ticks are closer than this
FAR = 64  # beats after which a tick no longer tells when the next one is due
ROUNDS = 100  # beats to wait for rest in a loop that is never at rest
CROWD = 64  # callbacks about to run; in a loop with more, a live tick does not wait for its beat

Tick: TypeAlias = Headed | Ended


def is_cancellation(exc: BaseException | None) -> bool:
    """True for asyncio's and trio's cancellation, which must not be replaced."""
    trio = sys.modules.get("trio")
    return isinstance(exc, asyncio.CancelledError) or bool(trio and isinstance(exc, trio.Cancelled))


def in_loop() -> bool:
    """True on a thread whose event loop is running: to block it would freeze who we wait for."""
    return _asyncio_loop() is not None or _in_trio()


def settle(cell: Cell, event: Asked | Tick) -> Order:
    """Send `event`, blocking this thread until its turn comes.

    Inside a running event loop nothing is waited for.
    """
    if in_loop():
        return cell.send(evolve(event, waits=False))
    order = _paced(cell, event)
    while isinstance(order, Wait):
        woken = threading.Event()
        order = _paced(cell, event, woken.set)
        if isinstance(order, Wait):
            while not woken.wait(max(0.0, cell.left())):
                if cell.left() <= 0:
                    return cell.send(Strayed(event.call, stalled=True))
    return order


def _paced(cell: Cell, event: Asked | Tick, wake: Callable[[], object] | None = None) -> Order:
    """Send `event`; a tick, not too soon after another thread's."""
    if isinstance(event, Asked):
        return cell.send(event, wake)
    with cell.pace:
        if cell.mover != threading.get_ident():
            pause = LIVE_PAUSE if cell.live else PAUSE
            time.sleep(max(0.0, cell.moved + pause - time.monotonic()))
        return cell.send(event, wake)


async def asettle(cell: Cell, event: Asked | Tick, pacers: Pacers, flight: Flight) -> Order:
    """Send `event`, suspending this task until its turn comes; `flight` learns the tick's distance."""
    loop = _asyncio_loop()
    if loop is None:
        return await _settle_in_trio(cell, event)
    pacer = pacers.of(loop)
    if isinstance(event, Asked):
        pacer.anchor()
    elif cell.live:
        flight.came_after(await pacer.align())
    elif machine.is_scheduled(cell.state, event):
        flight.came_after(machine.hops(cell.state, event))
        return await pacer.release(event)
    while True:
        woken = loop.create_future()
        order = cell.send(event, _poster(loop, lambda woken=woken: _resolve(woken, None)))  # type: ignore[misc]
        if not isinstance(order, Wait):
            return order
        if lapsed := await _patiently(cell, event.call, loop, woken):
            return lapsed


class Queue:
    """What an event loop is about to run, as far as it shows it, less what is ours.

    One for each loop, for the runs in one loop must not keep each other awake.
    """

    _of: ClassVar[WeakKeyDictionary[asyncio.AbstractEventLoop, Queue]] = WeakKeyDictionary()

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._ready: Any = getattr(loop, "_ready", None)  # uvloop does not show it
        self._ours = 0

    @classmethod
    def of(cls, loop: asyncio.AbstractEventLoop) -> Queue:
        if loop not in cls._of:
            cls._of[loop] = cls(loop)
        return cls._of[loop]

    def call_soon(self, loop: asyncio.AbstractEventLoop, callback: Callable[[], object]) -> None:
        """Run `callback` in the loop's next turn; it does not count as something to do."""

        def run() -> None:
            self._ours -= 1
            callback()

        self._ours += 1
        loop.call_soon(run)

    def is_crowded(self) -> bool:
        """True when so much is about to run that to wait for one turn takes time."""
        return self._ready is not None and len(self._ready) > CROWD

    def at_rest(self, after: int) -> bool:
        """True when nothing else is about to run; where that cannot be seen, `after` enough callbacks.

        Whoever was answered has then done all that it can without another answer.
        """
        return after >= FAR // 4 if self._ready is None else len(self._ready) <= self._ours


class Pacers:
    """The pacer of each event loop that a run is used from."""

    def __init__(self, cell: Cell) -> None:
        self._cell = cell
        self._of: dict[asyncio.AbstractEventLoop, Pacer] = {}

    def clear(self) -> None:
        """Forget the loops: a run that is kept must not keep them."""
        self._of.clear()

    def of(self, loop: asyncio.AbstractEventLoop) -> Pacer:
        if loop not in self._of:
            self._of[loop] = Pacer(self._cell, loop)
        return self._of[loop]

    def mark(self) -> int | None:
        """Note a tick that was not waited for; return its distance from the one before, in beats."""
        loop = _asyncio_loop()
        return self.of(loop).mark() if loop else None


class Pacer:
    """Hands out the ticks of one loop at its beats, and keeps their distance in replay.

    The loop's queue is a ring: a task that yields once a turn keeps its place between
    the same neighbours, and the beat is one of them. Ticks that happen just ahead of the
    beat therefore leave their tasks at places that a replay finds again, whatever
    sockets and timers a recording had in between.

    A tick happens within the run of its task: the beat only wakes tasks. Those whose
    ticks came within one turn are woken in one go. A task may be woken before a
    question that was asked ahead of its tick: that is asked in the same turn.
    """

    def __init__(self, cell: Cell, loop: asyncio.AbstractEventLoop) -> None:
        self._cell = cell
        self._loop = loop
        self._queue = Queue.of(loop)
        self._live: list[asyncio.Future[None]] = []  # live ticks, in the order in which they came
        self._asleep: dict[int | None, asyncio.Future[None]] = {}  # recorded ones, by line
        self._early: set[int] = set()  # lines that were woken ahead of a question, once
        self._since: int | None = None  # beats since the last tick; None once the loop has rested
        self._rounds = 0  # beats that nobody was woken at
        self._beating = False
        self._last: asyncio.Task[Any] | None = None  # who had the last tick, until the next beat

    def anchor(self) -> None:
        """A question is asked here and now: in a loop that was at rest, beats are counted from it."""
        if self._since is None:
            self._since = 0
            self._arm()

    def mark(self) -> int | None:
        """A tick happens here and now; return how many beats ago the last one was."""
        since, self._since = self._since, 0
        self._last = asyncio.current_task()
        self._arm()
        return since

    async def align(self) -> int | None:
        """Suspend the task of a live tick until the next beat; return how many beats ago the last one was."""
        if not self._goes_on() and not self._queue.is_crowded():
            woken: asyncio.Future[None] = self._loop.create_future()
            self._live.append(woken)
            self._arm()
            await woken
        return self.mark()

    async def release(self, event: Tick) -> Order:
        """Send `event` when its turn has come and the loop is as far as it was."""
        opened = self._cell.state.open.get(event.call)
        line = opened.line if opened else None
        if machine.hops(self._cell.state, event) == 0 and self._goes_on() and self._cell.has_come(event):
            return self._cell.send(event)
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
                self._last = asyncio.current_task()
                return order

    def _goes_on(self) -> bool:
        """True if this task had the last tick and was not suspended since."""
        return self._last is not None and self._last is asyncio.current_task()

    def _arm(self) -> None:
        if not self._beating:
            self._beating = True
            self._queue.call_soon(self._loop, self._beat)

    def _beat(self) -> None:
        self._beating = False
        self._last = None
        self._rounds += 1
        if self._since is not None:
            self._since += 1
        live, self._live = self._live, []
        woken, waits = live, False
        if not live and self._asleep:
            woken, waits = self._whose_time_it_is()
            if woken:
                self._since = 0
        for future in woken:
            self._rounds = 0
            _resolve(future, None)
        if woken or waits or not (self._at_rest() or (self._since or 0) >= FAR):
            self._arm()  # behind those who were woken: their ticks are ahead of it
        else:
            self._since, self._rounds = None, 0

    def _whose_time_it_is(self) -> tuple[list[asyncio.Future[None]], bool]:
        """Who is to be woken now; and whether somebody waits for beats alone."""
        if self._cell.state.halt:
            return list(self._asleep.values()), False
        woken: list[asyncio.Future[None]] = []
        lines, asks = set[int](), False
        for line, answers, hops in machine.upcoming(self._cell.state):
            if not answers:
                if woken:
                    lines.add(line)  # asked by who was woken: an answer at no distance is in that breath
                else:
                    asks = True
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
        return self._queue.at_rest(self._since or self._rounds)


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


_asyncio_loop: Callable[[], asyncio.AbstractEventLoop | None] = asyncio._get_running_loop  # noqa: SLF001  documented


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
