"""A run between its opening and its close: its machine, its keeper, and its first failure."""

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
from ..core.values import Departure, Outcome, Question
from ..errors import Divergence, Refused, TraceforkError
from ..host import clocks
from ..host.callsite import find_callsite
from ..redact import Redactor
from .event_loop import Pacers
from .flight import Flight
from .halts import make_departure, make_divergence
from .keeper import Happened, Keeper, Unwritten
from .notes import Notes
from .roster import Roster
from .secrets import Secrets
from .stepper import Cell, is_amid_a_step

BLINK = 0.002  # seconds that a running event loop may be held until a question is durable


class Lifetime:
    """Holds a run's machine and keeper while it goes on; `Port` sends questions to them."""

    def __init__(self, script: Script, redactor: Callable[[], Redactor], patience: float) -> None:
        self.process = getpid()
        """The id of the run's process: in a process that is forked from it, the run takes no events."""
        self.phase: Literal["new", "open", "over"] = "new"
        self.follows = ""
        """The run whose tape this one follows, for advice."""
        self.secrets = Secrets(script, redactor)
        """Takes secrets out of questions and answers, and puts them back into what leaves."""
        self._redactor = redactor
        self._flights: dict[int, Flight] = {}
        notes = Notes(self._flights, redactor, keeps_clean=self.secrets.keeps_clean)
        self._cell = Cell(script, notes.of, self._done, patience)
        self._pacers = Pacers(self._cell)
        self._failure: TraceforkError | None = None
        self._keeper: Keeper = Unwritten()

    def open(self, keeper: Keeper, roster: Roster) -> None:
        """Accept questions of the strands in `roster`, keep them with `keeper`, start patience's clock."""
        self._keeper = keeper
        self._cell.roster = roster
        keeper.follow(self._cell.now)
        self._cell.began = self._cell.moved = clocks.monotonic()
        self.phase = "open"

    def close(self, outcome: Outcome) -> None:
        """Note that the run ended with `outcome`: later events are not kept. Doing it twice is harmless."""
        self._cell.close((records.Closed(outcome), None))
        self.phase = "over"
        self._keeper.put(self._cell.now.number)
        self._pacers.clear()

    def so_far(self) -> Happened:
        """Return the steps and the questions in flight, all as of one moment.

        Raises:
            StoreError: this process was forked from the one that keeps them.
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
        """True in a finalizer or signal handler that interrupted a step of this thread: it must not ask."""
        return is_amid_a_step()

    @property
    def state(self) -> machine.State:
        return self._cell.state

    @property
    def departure(self) -> Departure | None:
        """Where the agent left the script, or None."""
        state = self._cell.state
        return None if state.parted is None else make_departure(state)

    @property
    def failure(self) -> TraceforkError | None:
        """The divergence, if the machine has halted, or else the first error given to `fail`, or None."""
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
        """`flush`, without blocking the event loop."""
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
        why = 'it is asked in a process that was forked from the run\'s own; processes="join" records such'
        return Refused(repr(asked), find_callsite(), why=why)

    def _done(self, event: Event, order: Order, number: int) -> None:
        """Note that `event` led to the moment `number`, as the ticket of its flight: see `Cell`."""
        match order:
            case Forward() | Serve():
                self._flights[event.call].ticket = number
            case Commit():
                if flight := self._flights.pop(event.call, None):
                    flight.ticket = number
            case _:
                return  # a head is written with the next record: nobody waits until it is durable
        self._keeper.put(number)

    async def _durable(self, ticket: int) -> None:
        """Wait until `ticket` is durable.

        Each slice blocks the loop for up to `BLINK`, so that the writer gets the GIL from a busy loop.
        """
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
        error = make_divergence(state, halt, patience=self._cell.waited, open_calls=waiting)
        error.run_id = self.follows
        return error
