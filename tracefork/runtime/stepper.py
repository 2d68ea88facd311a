"""The current state of a run, as a linked list of moments, and the callbacks of those that wait for a turn.

There are no locks. A moment is an immutable value; the next is appended by one `dict.setdefault`, which is
atomic in C. It succeeds for one of the threads that try; the others retry from the new last moment. So code
that runs in the middle of a step (after an interrupt, in a finalizer or a signal handler, in a forked child)
sees one moment or the next, and waits for nobody.
"""

from __future__ import annotations

import itertools
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import NamedTuple, Self, TypeAlias

from attrs import evolve

from ..codec.records import Record
from ..core import machine
from ..core.machine import Asked, Commit, Ended, Event, Go, Halt, Headed, Order, State, Strayed, Wait
from ..core.script import Script
from ..core.values import Source
from ..host import clocks
from ..host.tables import list_items
from ..host.uninterrupted import LOOK
from ..redact import Redactor
from .roster import Roster

Note: TypeAlias = "tuple[Record, Redactor | None]"
"""A record of an event, and the redactor to apply before it is kept; None if it is to be kept as it is."""

GLANCE = 0.02  # seconds between two looks of a thread that waits for an agent that may leave the script
PART_PATIENCE = 0.3  # seconds at least that others wait for an agent that may have left the script
JOB_PATIENCE = 0.5  # seconds that others wait for a recorded job that nobody has begun: agents may omit it

Wake: TypeAlias = Callable[[], object]
"""Is called once the awaited turn has come, maybe more than once, and from any thread."""


class Link:
    """A node of a linked list to which any thread may append; `following` holds the next node, if any."""

    __slots__ = ("following",)

    def __init__(self) -> None:
        self.following: dict[int, Link] = {}

    def after(self) -> Self | None:
        """Return the next link, or None."""
        return self.following.get(0)  # type: ignore[return-value]

    def add(self, link: Self) -> bool:
        """Append `link` after this one; return False if another one follows already."""
        return self.following.setdefault(0, link) is link

    def last(self) -> Self:
        """Return the last link of the list."""
        link = self
        while (after := link.after()) is not None:
            link = after
        return link


class Moment(Link):
    """The run's state after its first `number` changes, and the `notes` on the event behind the last one.

    `steps` of the changes ended a step. Once the run is `over`, moments have no notes.
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
    """A time, by the monotonic clock, that is reserved for a tick of one thread."""

    __slots__ = ("at", "thread")

    def __init__(self, at: float, thread: int) -> None:
        super().__init__()
        self.at = at
        self.thread = thread


class _Waiting(NamedTuple):
    """The turn that a `call` waits for; `number` is its place among all that wait."""

    turn: int
    number: int
    call: int


class Cell:
    """Steps the machine, one event at a time, from any thread.

    Args:
        script: the script that the run follows.
        note: `note(before, after, event, order)` returns the notes on each event that was processed rather
            than told to wait. It is called before its moment is added, and again if another thread added
            one first: so it must change nothing.
        done: `done(event, order, number)` is called after the moment `number` was added, unless an
            interrupt comes between.
        patience: seconds for which a call may wait while no event is processed.
    """

    def __init__(
        self,
        script: Script,
        note: Callable[[State, State, Event, Order], tuple[Note, ...]],
        done: Callable[[Event, Order, int], object],
        patience: float,
    ) -> None:
        self.patience = patience
        self.began = self.moved = clocks.monotonic()
        self.mover = threading.get_ident()
        self.waited = patience
        """How many seconds the last wait took that came to nothing."""
        self._newest = Moment(0, machine.start(script))
        self._note = note
        self._done = done
        self._slot = _Slot(0.0, self.mover)
        self._numbers = itertools.count()
        self._idle = 0.0, 0.0, 0.0  # the last event, the last look, and the seconds between that count
        self._waiting: dict[Wake, _Waiting] = {}
        self.roster = Roster()
        """The strands of the run."""

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
        """True once the run is over: nothing waits any more."""
        return self.now.over

    def send(self, event: Event, wake: Wake | None = None) -> Order:
        """Step the machine by `event` and return its order; if that is Wait, `wake` is called at the turn."""
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
            self._wait(order.turn, wake, event.call)
        else:
            self.moved, self.mover = clocks.monotonic(), threading.get_ident()
            if moment is not now:
                self._done(event, order, moment.number)
        self._wake()
        return order

    def has_come(self, event: Headed | Ended, wake: Wake | None = None) -> bool:
        """True if the turn of `event` has come, or the run is halted or over; else `wake` is called then."""
        now = self.now
        turn = machine.find_turn(now.state, event)
        come = turn <= now.state.turn or bool(now.state.halt) or now.over
        if not come:
            self._wait(turn, wake, event.call)
            self._wake()
        return come

    def drop(self, event: Ended) -> None:
        """Send an end that the agent chose: at once, from any thread, even a finalizer."""
        self.send(event)

    def abandon(self, call: int) -> None:
        """Remove an open call without an answer from the state: a draw whose sample failed, say."""
        while True:
            now = self.now
            rest = {number: opened for number, opened in now.state.open.items() if number != call}
            state = evolve(now.state, open=rest)
            if now.add(Moment(now.number + 1, state, steps=now.steps, over=now.over)):
                return

    def close(self, *notes: Note) -> None:
        """Append the last moment, with `notes`, unless the run is over; waiting calls are halted."""
        while not (now := self.now).over:
            now.add(Moment(now.number + 1, now.state, notes, now.steps, over=True))
        self._wake()

    def left(self) -> float:
        """Return the seconds of patience that remain.

        At most JOB_PATIENCE if the run waits for a job. An agent that may leave the script is waited for
        at most twice as long as the recorded one paused; and no longer where the strand that is due has
        ended, or waits itself.
        """
        state, patience = self.state, self.patience
        if machine.waits_for_job(state):
            patience = min(JOB_PATIENCE, patience)
        elif state.script.may_be_left and not (state.live or state.script.is_loose):
            if self._is_stuck():
                return 0.0
            return self._left_of_pause(state.script.find_pause(state.turn))
        return self.moved + patience - clocks.monotonic()

    def left_of(self, line: int) -> float:
        """Return the seconds for which the agent may still give up the call of `line`, as it did before.

        A deadline around more than this call comes when the run is as old as it was then.
        """
        state = self.state
        if not machine.may_part(state):
            return self.left()
        recorded = state.script.lines[line]
        age = min(state.script.find_age(recorded), self.patience) + PART_PATIENCE
        until = self.began + age - clocks.monotonic()
        return max(self._left_of_pause(recorded.timing.ended), until)

    def _left_of_pause(self, pause: float) -> float:
        return min(max(PART_PATIENCE, 2 * pause), self.patience) - self._count_idle()

    def _count_idle(self) -> float:
        """Return the seconds since the last event, as far as this process ran.

        Whoever waits looks every GLANCE. Where nobody looked for longer, no thread had its turn.
        """
        now, (since, looked, idle) = clocks.monotonic(), self._idle
        idle = idle + min(now - looked, 2 * GLANCE) if since == self.moved else 0.0
        self._idle = self.moved, now, idle
        return idle

    def look(self, left: float) -> float:
        """Return how long to sleep, of `left` seconds, before looking how a run that may part goes."""
        return min(left, GLANCE) if self.state.script.may_be_left else left

    def _is_stuck(self) -> bool:
        """True if the strand that is due has ended, or waits itself for a later tick, and its siblings too.

        Workers on one queue trade places: a sibling may ask what is due. Whether it has asked is looked up
        last: it may ask, and end, while this looks.
        """
        before = self.state
        due = machine.find_due(before)
        if due is None:
            return False
        lane = before.script.lines[due].lane
        calls = [before.open.get(one.call) for one in self._list_waiting() if one.turn > before.turn]
        waiting = {one.lane for one in calls if one is not None} - before.script.mixed
        stuck = lane in self.roster.ended or lane in waiting
        stuck = stuck and not self.roster.has_idle_sibling(lane, waiting)
        after = self.state
        return stuck and due not in after.claimed and machine.find_due(after) == due

    def give_up(self) -> None:
        """Leave the script, if it may be left: nobody whom the loop of this thread runs can go on.

        Strands on other threads may, jobs of executors, and an agent elsewhere, whom a loose script serves.
        """
        state = self.state
        if self.closed or state.live or not machine.may_part(state) or self.roster.working:
            return
        if state.script.is_loose:
            return
        jobs = any(isinstance(one.asked, Source) and one.asked.is_job for one in state.open.values())
        waiting = [one.call for one in self._list_waiting() if one.call in state.open]
        if waiting and not jobs:
            self.lapse(waiting[0])

    def lapse(self, call: int) -> Order | None:
        """Patience has ended for `call`: return the order to stop, or None if it goes on.

        It does where a due job was passed over, or where the agent has left the script by this.
        """
        self.waited = min(clocks.monotonic() - self.moved, self.patience)
        while True:
            now = self.now
            passed = machine.pass_over(now.state)
            if passed is now.state:
                order = self.send(Strayed(call, stalled=True))
                return None if isinstance(order, Go) else order
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
        if self.mover != me:  # the thread whose slot was before ours may have overslept
            _sleep_until(self.moved + pause)

    def _list_waiting(self) -> list[_Waiting]:
        return list(self._waiting.values())

    def _wait(self, turn: int, wake: Wake | None, call: int) -> None:
        if wake:
            self._waiting[wake] = _Waiting(turn, next(self._numbers), call)

    def _wake(self) -> None:
        """Call `wake` of each call whose turn has come.

        Runs after `_wait`, so that a turn that came just before the wait was registered is not missed.
        """
        if not self._waiting:
            return
        now = self.now
        over, come = bool(now.state.halt) or now.over, now.state.turn
        waiting = [(one.turn, one.number, wake) for wake, one in list_items(self._waiting)]
        for _, _, wake in sorted((due for due in waiting if over or due[0] <= come), key=lambda due: due[:2]):
            with suppress(RuntimeError):  # its event loop is closed: nobody waits there any more
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
    """Return how long to wait, of `left` seconds, before a new check: the waker may be interrupted."""
    return max(0.0, min(left, LOOK))


def _sleep_until(at: float) -> None:
    if (left := at - clocks.monotonic()) > 0:
        clocks.sleep(left)


def make_stall(state: State, event: Event) -> Halt:
    if isinstance(event, Asked):
        return Halt(event.question, event.lane, None, stalled=True)
    opened = state.open[event.call]
    return Halt(opened.asked, opened.lane, opened.line, stalled=True)
