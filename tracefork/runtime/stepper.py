"""The moving state of a run: a chain of moments, and who waits for a turn.

Nothing here is locked. A moment is a value; one becomes the next by a single call of C, which
succeeds for one of those who try, and the others try again from what is then the newest. So whatever
comes in the middle of a step (an interrupt, a finalizer, a signal's handler that asks itself, a fork)
finds one moment or the next, and has nobody to wait for.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Self, TypeAlias

from attrs import evolve

from ..codec.records import Record
from ..core import machine
from ..core.machine import Asked, Commit, Ended, Event, Halt, Headed, Order, State, Strayed, Wait
from ..core.script import Script
from ..host import clocks
from ..host.uninterrupted import LOOK
from ..redact import Redactor

Note: TypeAlias = "tuple[Record, Redactor | None]"
"""What is to be kept of an event, and what takes secrets out of it, where that is not done already."""

JOB_PATIENCE = 0.5  # seconds for which others wait for the end of a job that an agent may do without

Wake: TypeAlias = Callable[[], object]
"""Is called once the turn has come that somebody waits for, maybe more than once, and from anywhere."""


class Link:
    """A link of a chain that grows at one end, from any number of threads; one is `following`, or none."""

    __slots__ = ("following",)

    def __init__(self) -> None:
        self.following: dict[int, Link] = {}

    def after(self) -> Self | None:
        """The next link, if there is one."""
        return self.following.get(0)  # type: ignore[return-value]

    def add(self, link: Self) -> bool:
        """Make `link` the next one; False if there is a next one already."""
        return self.following.setdefault(0, link) is link

    def last(self) -> Self:
        """The newest link."""
        link = self
        while (after := link.after()) is not None:
            link = after
        return link


class Moment(Link):
    """The run after its first `number` moments, and the `notes` on what brought this one about.

    `steps` of them ended a step. Once the run is `over` nothing is noted any more.
    """

    __slots__ = ("notes", "number", "over", "state", "steps")

    def __init__(
        self,
        number: int,
        state: State,
        notes: tuple[Note, ...] = (),
        steps: int = 0,
        *,
        over: bool = False,
    ) -> None:
        super().__init__()
        self.number = number
        self.state = state
        self.notes = notes
        self.steps = steps
        self.over = over


class _Slot(Link):
    """A time, by the monotonic clock, at which one thread may tick."""

    __slots__ = ("at", "thread")

    def __init__(self, at: float, thread: int) -> None:
        super().__init__()
        self.at = at
        self.thread = thread


class Cell:
    """Steps the machine, one event at a time, from any thread.

    Args:
        script: what the run follows.
        note: `note(before, after, event, order)` returns the notes on each event that was processed rather
            than told to wait. It is called before its moment is added, and again if another thread added
            one first: so it must change nothing.
        done: `done(event, order, number)` is called after the moment `number` was added, unless an
            interrupt comes between.
        patience: seconds for which a question may wait while nothing happens.
    """

    def __init__(
        self,
        script: Script,
        note: Callable[[State, State, Event, Order], tuple[Note, ...]],
        done: Callable[[Event, Order, int], object],
        patience: float,
    ) -> None:
        self.patience = patience
        self.moved = clocks.monotonic()
        self.mover = threading.get_ident()
        self._newest = Moment(0, machine.start(script))
        self._note = note
        self._done = done
        self._slot = _Slot(0.0, self.mover)
        self._numbers = itertools.count()
        self._waiting: dict[Wake, tuple[int, int]] = {}

    @property
    def now(self) -> Moment:
        """The newest moment."""
        newest = self._newest
        if newest.following:
            self._newest = newest = newest.last()
        return newest

    @property
    def state(self) -> State:
        return self.now.state

    @property
    def live(self) -> bool:
        return self.now.state.live

    @property
    def closed(self) -> bool:
        """True once nothing is waited for any more."""
        return self.now.over

    def send(self, event: Event, wake: Wake | None = None) -> Order:
        """Step the machine. Should it say Wait, `wake` is called once the turn has come."""
        while True:
            now = self.now
            state, order = machine.step(now.state, event)
            if isinstance(order, Wait) and now.over:
                order = make_stall(state, event)
            if state is now.state:
                moment = now  # nothing has changed
                break
            waits = now.over or isinstance(order, Wait)
            notes = () if waits else self._note(now.state, state, event, order)
            steps = now.steps + isinstance(order, Commit)
            moment = Moment(now.number + 1, state, notes, steps, over=now.over)
            if now.add(moment):
                break
        if isinstance(order, Wait):
            self._wait(order.turn, wake)
        else:
            self.moved, self.mover = clocks.monotonic(), threading.get_ident()
            if moment is not now:
                self._done(event, order, moment.number)
        self._wake()
        return order

    def has_come(self, event: Headed | Ended, wake: Wake | None = None) -> bool:
        """True if the turn of `event` has come, or the run is halted; else `wake` is called when it does."""
        now = self.now
        turn = machine.find_turn(now.state, event)
        come = turn <= now.state.turn or bool(now.state.halt) or now.over
        if not come:
            self._wait(turn, wake)
            self._wake()
        return come

    def drop(self, event: Ended) -> None:
        """Send an end that the agent chose: at once, from any thread, even a finalizer."""
        self.send(event)

    def abandon(self, call: int) -> None:
        """Forget a draw whose sample failed: it told nobody anything."""
        while True:
            now = self.now
            rest = {number: opened for number, opened in now.state.open.items() if number != call}
            state = evolve(now.state, open=rest)
            if now.add(Moment(now.number + 1, state, steps=now.steps, over=now.over)):
                return

    def close(self, *notes: Note) -> None:
        """Note that the run is over, once: who waits is told that it has stalled."""
        while not (now := self.now).over:
            now.add(Moment(now.number + 1, now.state, notes, now.steps, over=True))
        self._wake()

    def left(self) -> float:
        """Seconds of patience that remain; little is had with a job that nobody has begun."""
        patience = self.patience
        if machine.waits_for_job(self.state):
            patience = min(JOB_PATIENCE, patience)
        return self.moved + patience - clocks.monotonic()

    def lapse(self, call: int) -> Order | None:
        """Patience has run out for `call`: return the order to stop, or None where it may go on waiting."""
        while True:
            now = self.now
            passed = machine.pass_over(now.state)
            if passed is now.state:
                return self.send(Strayed(call, stalled=True))
            if now.add(Moment(now.number + 1, passed, steps=now.steps, over=now.over)):
                break
        self.moved = clocks.monotonic()
        self._wake()
        return None

    def part(self, pause: float) -> None:
        """Sleep until this thread's next tick is `pause` seconds behind the last one of another thread."""
        me = threading.get_ident()
        while True:
            self._slot = last = self._slot.last()
            if self.mover == me == last.thread:
                return
            at = max(clocks.monotonic(), last.at + pause * (last.thread != me))
            slot = _Slot(max(at, self.moved + pause) if self.mover != me else at, me)
            if last.add(slot):
                break
        _sleep_until(slot.at)
        if self.mover != me:  # whose slot was before ours may have overslept
            _sleep_until(self.moved + pause)

    def _wait(self, turn: int, wake: Wake | None) -> None:
        if wake:
            self._waiting[wake] = (turn, next(self._numbers))

    def _wake(self) -> None:
        """Wake whose turn has come. Who was just about to wait may have missed it: so this is asked last."""
        if not self._waiting:
            return
        now = self.now
        over, come = bool(now.state.halt) or now.over, now.state.turn
        waiting = [(*when, wake) for wake, when in list(self._waiting.items())]
        for _, _, wake in sorted((due for due in waiting if over or due[0] <= come), key=lambda due: due[:2]):
            with suppress(RuntimeError):  # its event loop has ended: nobody waits there any more
                wake()
            self._waiting.pop(wake, None)


def is_amid_a_step() -> bool:
    """True in a finalizer or a signal's handler that runs in the middle of a step of this thread."""
    frame: FrameType | None = sys._getframe(1)  # noqa: SLF001  every draw would pay the price of `inspect`
    while frame is not None:
        if frame.f_code is Cell.send.__code__:
            return True
        frame = frame.f_back
    return False


def look(left: float) -> float:
    """Seconds to wait, of those `left`, before looking again: whoever was to wake us may be interrupted."""
    return max(0.0, min(left, LOOK))


def _sleep_until(at: float) -> None:
    if (left := at - clocks.monotonic()) > 0:
        clocks.sleep(left)


def make_stall(state: State, event: Event) -> Halt:
    if isinstance(event, Asked):
        return Halt(event.question, event.lane, None, stalled=True)
    opened = state.open[event.call]
    return Halt(opened.asked, opened.lane, opened.line, stalled=True)
