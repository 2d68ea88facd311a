"""Waiting for a turn: on a thread, in an asyncio loop, in trio.

While the run follows its script, heads and ends are handed out one at a time:

* Threads: we cannot observe whether all of them are idle. A short pause between the
  ticks of different threads, a shorter one while recording, makes programs that
  depend on their order replay in practice; it is no guarantee.
* asyncio: ticks are released at recorded distances in loop iterations (`event_loop.py`).
* trio does not expose its run queue, so before each recorded tick we yield `TURNS` times to
  let other tasks run.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial
from types import FrameType

from attrs import evolve

from ..core import machine
from ..core.machine import Asked, Order, Wait
from ..host import clocks
from ..host.uninterrupted import LOOK, Gate, make_gate, wait_at
from .event_loop import Pacers, Tick, patiently, poster, resolve, running_loop
from .flight import Flight
from .stepper import Cell, look

PAUSE = 0.001  # seconds for a thread to act on its tick before another thread's
LIVE_PAUSE = 0.0003  # the same while recording; waited only where two ticks are closer than this
NAP = 0.02  # seconds between two checks under trio when the clock is faked
TURNS = 16  # checkpoints before a tick, in which trio's other tasks run


def is_cancellation(exc: BaseException | None) -> bool:
    """True if `exc` is asyncio's or trio's cancellation, which must not be replaced by another error."""
    trio = sys.modules.get("trio")
    return isinstance(exc, asyncio.CancelledError) or bool(trio and isinstance(exc, trio.Cancelled))


def in_loop() -> bool:
    """True on a thread whose event loop is running: blocking it would stop the tasks that we wait for."""
    return running_loop() is not None or _in_trio()


def settle(cell: Cell, event: Asked | Tick) -> Order:
    """Send `event`, blocking this thread until its turn comes; return the order.

    Does not wait inside a running event loop, nor in a signal handler that interrupted a question of this
    thread, which would wait for itself.
    """
    if in_loop():
        return cell.send(evolve(event, waits=False))
    at = make_gate()
    wake = partial(at.put, None)
    while isinstance(order := _send_paced(cell, event, wake), Wait):
        if _is_nested():
            return cell.send(evolve(event, waits=False))
        if lapsed := _wait_for_turn(cell, event.call, at):
            return lapsed
    return order


def _wait_for_turn(cell: Cell, call: int, at: Gate) -> Order | None:
    """Block until the turn may have come; return the order to stop if the run's patience ends first.

    Who only looks whether the run goes on asks for no tick: it would take the pause of another thread's.
    """
    until = clocks.monotonic() + LOOK
    while clocks.monotonic() < until:
        left = cell.left()
        if wait_at(at, look(cell.look(left))):
            return None
        if left <= 0:
            return cell.lapse(call)
    return None


def _is_nested() -> bool:
    """True if another question of this thread is in progress further down the stack."""
    frame: FrameType | None = sys._getframe(2)  # noqa: SLF001  only calls that must wait pay for it
    port = frame.f_globals if frame else {}
    while frame is not None and frame.f_globals is port:
        frame = frame.f_back
    while frame is not None:
        if frame.f_globals is port:
            return True
        frame = frame.f_back
    return False


def _send_paced(cell: Cell, event: Asked | Tick, wake: Callable[[], object] | None = None) -> Order:
    """Send `event`; if it is a tick, first pause for a while after another thread's last tick."""
    if not isinstance(event, Asked):
        cell.part(LIVE_PAUSE if cell.live else PAUSE)
    return cell.send(event, wake)


async def asettle(cell: Cell, event: Asked | Tick, pacers: Pacers, flight: Flight) -> Order:
    """Send `event`, suspending this task until its turn comes; note the tick's hops in `flight`."""
    loop = running_loop()
    if loop is None:
        return await _settle_in_trio(cell, event)
    if cell.closed:
        return cell.send(event)
    pacer = pacers.of(loop)
    if flight.foreign or cell.state.script.is_loose:
        pass  # the beats of this loop are not the agent's
    elif isinstance(event, Asked):
        pacer.anchor()
    elif cell.live:
        flight.came_after(await pacer.align(), event)
    elif machine.is_scheduled(cell.state, event):
        flight.came_after(machine.find_hops(cell.state, event), event)
        return await pacer.release(event)
    while True:
        woken = loop.create_future()
        order = cell.send(event, poster(loop, lambda woken=woken: resolve(woken)))  # type: ignore[misc]
        if not isinstance(order, Wait):
            return order
        if lapsed := await patiently(cell, event.call, loop, woken):
            return lapsed


def _in_trio() -> bool:
    trio = sys.modules.get("trio")
    return bool(trio and trio.lowlevel.in_trio_run())


def shares_lane() -> bool:
    """True of a task of trio's beside which others may ask: no lane tells them apart."""
    if not _in_trio():
        return False
    import trio  # noqa: PLC0415  optional

    task = trio.lowlevel.current_task()
    above = task.parent_nursery
    is_main = above is None or above.parent_task is trio.lowlevel.current_root_task()
    return not is_main or bool(task.child_nurseries)


async def _settle_in_trio(cell: Cell, event: Asked | Tick) -> Order:
    import trio  # noqa: PLC0415  optional

    token = trio.lowlevel.current_trio_token()
    while True:
        if not (isinstance(event, Asked) or cell.live):
            for _ in range(TURNS):  # trio does not expose its run queue
                await trio.lowlevel.checkpoint()
        woken = trio.Event()
        order = cell.send(event, lambda woken=woken: token.run_sync_soon(woken.set))  # type: ignore[misc]
        if not isinstance(order, Wait):
            return order
        while not woken.is_set():
            if clocks.are_steered():  # then trio's timers follow the faked clock too
                await trio.to_thread.run_sync(clocks.sleep, min(max(0.0, cell.left()), NAP))
            else:
                with trio.move_on_after(max(0.0, cell.look(cell.left()))):
                    await woken.wait()
            if not woken.is_set() and cell.left() <= 0 and (lapsed := cell.lapse(event.call)):
                return lapsed
