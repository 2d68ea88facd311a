"""The lifetime of a run: from its opening to its close, what failed in it, and what of it is durable."""

from __future__ import annotations

from collections.abc import Callable
from os import getpid
from typing import Literal

import anyio
import anyio.lowlevel

from ..codec import records
from ..core import machine
from ..core.machine import Commit, Event, Forward, Halt, Order, Serve
from ..core.script import Script
from ..core.values import Outcome, Question
from ..errors import Divergence, Refused, TraceforkError
from ..host import clocks
from ..host.callsite import find_callsite
from ..redact import Redactor
from .event_loop import Pacers
from .flight import Flight
from .halts import make_divergence
from .keeper import Happened, Keeper, Unwritten
from .notes import Notes
from .secrets import Secrets
from .stepper import Cell, is_amid_a_step

BLINK = 0.002  # seconds that a running event loop may be held until a question is durable


class Lifetime:
    """A run's machine and keeper while it goes on; `Port` puts the questions to them."""

    def __init__(self, script: Script, redactor: Callable[[], Redactor], patience: float) -> None:
        self.process = getpid()
        """The process that the run belongs to: in one that is forked from it nothing happens any more."""
        self.phase: Literal["new", "open", "over"] = "new"
        self.secrets = Secrets(script, redactor)
        """What is taken out of questions and answers, and put back."""
        self._redactor = redactor
        self._flights: dict[int, Flight] = {}
        notes = Notes(self._flights, redactor, keeps_clean=self.secrets.keeps_clean)
        self._cell = Cell(script, notes.of, self._done, patience)
        self._pacers = Pacers(self._cell)
        self._failure: TraceforkError | None = None
        self._keeper: Keeper = Unwritten()

    def open(self, keeper: Keeper) -> None:
        """Questions may come from now on, and are kept by `keeper`; patience begins."""
        self._keeper = keeper
        keeper.follow(self._cell.now)
        self._cell.moved = clocks.monotonic()
        self.phase = "open"

    def close(self, outcome: Outcome) -> None:
        """Note that the run ended with `outcome`: later events count no more. Doing it twice is harmless."""
        self._cell.close((records.Closed(outcome), None))
        self.phase = "over"
        self._keeper.put(self._cell.now.number)
        self._pacers.clear()

    def so_far(self) -> Happened:
        """What has happened, as of one moment.

        Raises:
            StoreError: this process was forked from the one that keeps it.
        """
        return self._keeper.so_far()

    @property
    def is_elsewhere(self) -> bool:
        """True in a process that was forked from the run's own."""
        return self.process != getpid()

    @property
    def happened(self) -> int:
        """How many steps are over."""
        return self._cell.now.steps

    @property
    def live(self) -> bool:
        return self._cell.state.live

    @property
    def is_busy_here(self) -> bool:
        """True on a thread that is in the middle of something here: nothing may be asked from there."""
        return is_amid_a_step()

    @property
    def state(self) -> machine.State:
        return self._cell.state

    @property
    def failure(self) -> TraceforkError | None:
        """Where the agent left the script, or else the first error that was kept."""
        halt = self._cell.state.halt
        return self._make_divergence(halt) if halt else self._failure

    def flush(self) -> None:
        """Wait until all that has happened is durable.

        Raises:
            StoreError: the store refused.
        """
        if not self.is_elsewhere:
            number = self._cell.now.number
            self._keeper.push()
            self._keeper.wait(number)

    async def aflush(self) -> None:
        """`flush`, without holding the event loop."""
        if not self.is_elsewhere:
            number = self._cell.now.number
            self._keeper.push()
            await self._durable(number)

    def fail(self, error: TraceforkError) -> TraceforkError:
        """Keep `error`, to be raised by every later question and when the block is left; return it."""
        self._failure = self._failure or error
        return error

    # -- for `Port` ---------------------------------------------------------------------------

    def _refuse_elsewhere(self, question: Question) -> Refused:
        asked = self._redactor().question(question)
        return Refused(f"{asked!r}, in a process that was forked from the run's own,", find_callsite())

    def _done(self, event: Event, order: Order, number: int) -> None:
        """Learn which moment `event` brought: see `Cell`."""
        match order:
            case Forward() | Serve():
                self._flights[event.call].ticket = number
            case Commit():
                if flight := self._flights.pop(event.call, None):
                    flight.ticket = number
            case _:
                return  # a head is kept with what comes next: nothing depends on it before
        self._keeper.put(number)

    async def _durable(self, ticket: int) -> None:
        """Wait for the keeper in slices, between which the loop goes on: a busy one would starve it."""
        while not self._keeper.wait(ticket, BLINK):
            await anyio.lowlevel.checkpoint()

    def _checked(self, order: Order) -> Order:
        if isinstance(order, Halt):
            raise self._make_divergence(order)
        return order

    def _make_divergence(self, halt: Halt) -> Divergence:
        state = self._cell.state
        flights = [f for f in list(self._flights.values()) if not f.headed and f.call in state.open]
        waiting = [(f.lane, f.question, f.site) for f in flights]
        return make_divergence(state, halt, patience=self._cell.patience, open_calls=waiting)
