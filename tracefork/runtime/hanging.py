"""Calls that the agent gave up when recorded: they wait until it gives them up again, or go live."""

from __future__ import annotations

from abc import abstractmethod

import anyio
import anyio.lowlevel

from ..core.machine import Forward, Order, Strayed
from ..core.values import CANCELLED, Call, Fault
from ..host import clocks
from . import lanes
from .flight import Flight
from .lifetime import Lifetime

NAP = 0.02
"""Seconds between two looks of a call that the agent may give up."""


class Hanging(Lifetime):
    """The part of a run that waits for its agent."""

    @abstractmethod
    def _follow_order(self, flight: Flight, order: Order) -> None:
        """Note in `flight` what the machine ordered."""

    def hang(self, flight: Flight) -> None:
        """Block until the agent interrupts this call, as it did when recorded.

        Raises:
            Stalled: patience ended before that.
        """
        if self.is_elsewhere:
            raise self._refuse_elsewhere(flight.question)
        while not (order := self._over_for(flight)):
            nap(min(max(self._cell.left(), 0.0), NAP))
        self._checked(order)

    async def ahang(self, flight: Flight) -> None:
        """`hang`, suspending the task."""
        if self.is_elsewhere:
            raise self._refuse_elsewhere(flight.question)
        while not (order := self._over_for(flight)):
            await anap(min(max(self._cell.left(), 0.0), NAP))
        self._checked(order)

    def watch(self, flight: Flight) -> None:
        """Look once whether a call whose agent waits may go on waiting.

        Raises:
            Stalled: patience has ended.
        """
        if not self.is_elsewhere and (order := self._over_for(flight)):
            self._checked(order)

    def _over_for(self, flight: Flight) -> Order | None:
        """Return the order that ends the wait of a call whose answer never comes; None while it may wait."""
        if self._cell.state.halt or self.phase == "over":
            return self._cell.send(Strayed(flight.call, stalled=True))
        return self._cell.lapse(flight.call) if self._cell.left() <= 0 else None

    def _may_come_alive(self, flight: Flight) -> bool:
        """True while a call waits that the agent had given up, and now may not, in a run that may go live.

        If it is not given up for about twice as long as it was then, nor when the run is as old as it was
        then, the real world is to answer it.
        """
        if not isinstance(flight.served, Fault) or flight.served != CANCELLED:
            return False
        is_agent = isinstance(flight.question, Call) and flight.question.inside
        if is_agent or not self._cell.state.script.may_be_left:
            return False
        opened = self._cell.state.open.get(flight.call)
        if opened is None or self._cell.state.halt:
            return False  # whoever waits for the agent to give up does so elsewhere
        if opened.line is not None:
            if self._cell.left_of(opened.line) <= 0 and (order := self._cell.lapse(flight.call)):
                self._checked(order)
            return True
        flight.served = None
        self._follow_order(flight, Forward())
        return False


def nap(seconds: float) -> None:
    """Block this thread for `seconds` of real time."""
    clocks.sleep(seconds)


async def anap(seconds: float) -> None:
    """Suspend this task for `seconds` of real time, also in a loop whose timers follow a faked clock."""
    if clocks.are_steered():
        with lanes.aside():
            await anyio.to_thread.run_sync(clocks.sleep, seconds)
    else:
        await anyio.sleep(seconds)
