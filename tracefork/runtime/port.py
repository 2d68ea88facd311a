"""Where questions enter a run: for transports, tools and draws, on threads and in event loops.

Whatever is kept passes `secrets` on its way in, and `notes`, which makes records of what the machine did.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar, cast

import anyio
import anyio.lowlevel
from attrs import evolve

from ..core import machine
from ..core.machine import (
    Asked,
    Ended,
    Forward,
    Halt,
    Headed,
    Order,
    Serve,
    Strayed,
)
from ..core.script import Script
from ..core.values import (
    CANCELLED,
    Answer,
    Call,
    Lane,
    Omitted,
    Outcome,
    Question,
    Reading,
    Request,
    Response,
    Source,
)
from ..errors import BodyOmitted, Divergence, Refused, TraceforkError
from ..host import clocks
from ..host.callsite import find_callsite
from ..redact import Redactor
from . import lanes
from .doubts import Doubts
from .executor_jobs import Jobs
from .flight import Flight
from .lifetime import Lifetime
from .waiting import asettle, in_loop, settle

T = TypeVar("T")

Gate: TypeAlias = Callable[[Request], None]
"""Is shown each request, as it is kept, before it leaves, and ends the run by raising a TraceforkError."""

Known: TypeAlias = Callable[[Request, Lane], "Answer | None"]
"""Gives the answer to serve to a question that would leave, by the lane that asks; None lets it leave."""


class Port(Lifetime):
    """Puts questions to the machine, waits for their turns, and keeps what happens.

    `redactor` is asked anew for each thing that is kept: secrets may be set within
    the run. Callable from any thread and task.
    """

    def __init__(
        self,
        script: Script,
        redactor: Callable[[], Redactor],
        patience: float,
        gate: Gate | None = None,
        known: Known | None = None,
        doubts: Iterable[Call] = (),
    ) -> None:
        super().__init__(script, redactor, patience)
        self.doubts = Doubts(doubts)
        """The calls that may have run before this run began."""
        self.interrupted: BaseException | None = None
        """What was raised in this replay as a tool had raised it: an interrupt of the recorded run's."""
        self.forwarded = 0
        self.went_out = 0
        """How many of the questions that were forwarded were not for chance."""
        self._gate = gate
        self._known = known
        self._calls = itertools.count()
        self._jobs = Jobs(self._cell, self._pacers, self._flights, self._calls)

    def close(self, outcome: Outcome) -> None:
        """End what is open, and the run. Later events count no more. Doing it twice is harmless."""
        for flight in list(self._flights.values()):
            if flight.taken:
                self.drop(flight, flight.taken())
            elif isinstance(flight.question, Request) and flight.call in self._cell.state.open:
                self.drop(flight, CANCELLED)  # nobody is left to hear the answer
            elif isinstance(flight.question, Source) and flight.question.is_job:
                self.give_up_job(flight)
        super().close(outcome)

    # -- questions and answers ----------------------------------------------------------

    def ask(self, question: Question) -> Flight:
        """Put `question`: its flight says how to answer it, from the script or the real world.

        Waits for the question's turn, and, should it go to the real world, until it is
        durable that it was asked; so is then all that came before.

        Raises:
            Divergence: the script cannot answer it, or was left before.
            StoreError: the store refused this step or an earlier one.
        """
        flight, event = self._flight(question)
        try:
            self._follow_order(flight, settle(self._cell, event))
            if flight.served is None:
                self._keeper.wait(flight.ticket)
        except Divergence:
            raise
        except BaseException:  # an interrupt while waiting, or the store refused
            self.drop(flight, CANCELLED)
            raise
        return flight

    async def aask(self, question: Question) -> Flight:
        """`ask`, suspending the task."""
        flight, event = self._flight(question)
        try:
            self._follow_order(flight, await asettle(self._cell, event, self._pacers, flight))
            if flight.served is None:
                await self._durable(flight.ticket)
        except Divergence:
            raise
        except BaseException:  # cancelled while waiting, or the store refused
            self.drop(flight, CANCELLED)
            raise
        return flight

    def has_answer(self, question: Question) -> bool:
        """True if the script holds an answer to `question` that nobody has had."""
        return machine.has_answer(self._cell.state, self._redactor().question(question))

    def outgoing(self, request: Request) -> Request:
        """Return `request` as it must leave: secrets that the script's answers hid are put back.

        Raises:
            RedactedSecret: one of them is not known to this process.
            TraceforkError: the gate does not let it pass.
        """
        try:
            if self._gate:
                self._gate(cast("Request", self._redactor().question(request)))
            return self.secrets.restore(request)
        except TraceforkError as exc:
            raise self.fail(exc) from None

    def true(self, arguments: T, tool: str) -> T:
        """Return `arguments` as a tool must have them: secrets that the script's answers hid are put back.

        Raises:
            RedactedSecret: one of them is not known to this process.
        """
        try:
            return self.secrets.restore_arguments(arguments, tool)
        except TraceforkError as exc:
            raise self.fail(exc) from None

    def head(self, flight: Flight, taken: Callable[[], Answer]) -> None:
        """Wait for the head's turn; `taken` says, should the run end first, what the agent read."""
        if self.is_elsewhere:
            return
        event = self._heading(flight, taken)
        flight.came_after(self._hops(event), event)
        self._checked(settle(self._cell, event))

    async def ahead(self, flight: Flight, taken: Callable[[], Answer]) -> None:
        """`head`, suspending the task."""
        if self.is_elsewhere:
            return
        event = self._heading(flight, taken)
        self._checked(await asettle(self._cell, event, self._pacers, flight))

    def end(self, flight: Flight, answer: Answer) -> None:
        """The agent has had all of `answer`: wait for the end's turn, and until it is durable.

        Inside a running event loop a response is durable before the next question leaves.
        """
        if self.is_elsewhere:
            return
        event = Ended(flight.call, self.secrets.keep(flight, answer))
        try:
            flight.came_after(self._hops(event), event)
            self._checked(settle(self._cell, event))
        except TraceforkError:
            raise
        except BaseException:  # an interrupt while waiting, or just after
            self.drop(flight, mark_given_up(answer))
            raise
        flight.taken = None
        if isinstance(flight.question, Call) or not in_loop():
            self._keeper.wait(flight.ticket)

    async def aend(self, flight: Flight, answer: Answer) -> None:
        """`end`, suspending the task; it is durable before the next question leaves."""
        if self.is_elsewhere:
            return
        event = Ended(flight.call, self.secrets.keep(flight, answer))
        try:
            self._checked(await asettle(self._cell, event, self._pacers, flight))
        except TraceforkError:
            raise
        except BaseException:  # cancelled while waiting, or just after
            self.drop(flight, mark_given_up(answer))
            raise
        flight.taken = None

    def drop(self, flight: Flight, answer: Answer) -> None:
        """End a step that the agent abandoned: at once, from any thread, even a finalizer."""
        if not self.is_elsewhere and flight.call in self._cell.state.open:
            self._cell.drop(Ended(flight.call, self.secrets.keep(flight, answer), waits=False))
        flight.taken = None

    def stray(self, flight: Flight) -> TraceforkError:
        """The agent reads past a recorded close; return what to raise."""
        if self.is_elsewhere:
            return self._refuse_elsewhere(flight.question)
        order = self._cell.send(Strayed(flight.call, stalled=False))
        over = Halt(flight.question, flight.lane, None, overread=True)
        return self._make_divergence(order if isinstance(order, Halt) else over)

    def omitted(self, flight: Flight, omitted: Omitted) -> TraceforkError:
        """The agent reads a body that the tape does not hold; return what to raise."""
        assert isinstance(flight.question, Request)
        return self.fail(BodyOmitted(flight.question, omitted))

    def hang(self, flight: Flight) -> None:
        """Block until the agent gives up, as it did when recorded; raises Stalled if it does not."""
        if self.is_elsewhere:
            raise self._refuse_elsewhere(flight.question)
        while not (order := self._over_for(flight)):
            clocks.sleep(min(max(self._cell.left(), 0.0), 0.02))
        self._checked(order)

    async def ahang(self, flight: Flight) -> None:
        """`hang`, suspending the task."""
        if self.is_elsewhere:
            raise self._refuse_elsewhere(flight.question)
        while not (order := self._over_for(flight)):
            await _nap(min(max(self._cell.left(), 0.0), 0.02))
        self._checked(order)

    def _over_for(self, flight: Flight) -> Order | None:
        """The order that ends the wait of a call whose answer never comes; None while it may go on."""
        if self._cell.state.halt or self.phase == "over":
            return self._cell.send(Strayed(flight.call, stalled=True))
        return self._cell.lapse(flight.call) if self._cell.left() <= 0 else None

    def draw(self, source: Source, sample: Callable[[], str]) -> str:
        """Return `sample()` when live, or the recorded reading of `source`. Never waits.

        Raises:
            Divergence: the script has no such draw here.
        """
        flight, event = self._flight(source)
        self._follow_order(flight, self._cell.send(evolve(event, waits=False)))
        try:
            reading = flight.served or Reading(sample())
            assert isinstance(reading, Reading)
        except BaseException:
            self._forget(flight)
            raise
        kept = self._redactor().reading(source, reading)
        self._cell.send(Ended(flight.call, kept, waits=False))
        return reading.text

    # -- executors' jobs that a task awaits ----------------------------------------------

    def begin_job(self, name: str, strand: lanes.Strand) -> Flight | None:
        """Note that `strand` hands a job to an executor; None if its end has no place in this run."""
        if self.phase != "open" or self.is_elsewhere or self._failure or self._cell.state.halt:
            return None
        return self._jobs.begin(name, strand)

    async def end_job(self, flight: Flight) -> None:
        """Wait until it is the job's turn to end, as it was when recorded; the loop goes on meanwhile."""
        await self._jobs.end(flight)

    def give_up_job(self, flight: Flight) -> None:
        """Note that nobody waits for the job any more."""
        self._jobs.give_up(flight)

    def _forget(self, flight: Flight) -> None:
        self._cell.abandon(flight.call)
        self._flights.pop(flight.call, None)

    # -- below ----------------------------------------------------------------------

    def _flight(self, question: Question) -> tuple[Flight, Asked]:
        if self.is_elsewhere:
            raise self._refuse_elsewhere(question)
        if self._failure:
            raise self._failure
        if self.phase == "over" and self.live:
            asked = self._redactor().question(question)
            raise RuntimeError(f"the run is over: {asked!r} was asked after its block")
        site = "" if self.live else find_callsite()
        if self.phase == "over":
            raise Refused(f"{self._redactor().question(question)!r}, after the end of the run,", site)
        if self.phase == "new":
            raise RuntimeError("the run has not begun: use it as a context manager")
        if isinstance(question, Request) and (hear := self._redactor().hear):
            hear(question)
        strand = lanes.current()
        path, alone = (strand.path, strand.alone) if strand else ("", self.live)
        flight = Flight(next(self._calls), self.secrets.match(question, self._cell.state, path), path, site)
        self._flights[flight.call] = flight
        return flight, Asked(flight.call, flight.question, path, alone)

    def _follow_order(self, flight: Flight, order: Order) -> None:
        match self._checked(order):
            case Serve(answer):
                flight.served = answer
            case Forward():
                if self._known and isinstance(flight.question, Request):
                    flight.served = self._known(flight.question, flight.lane)
                self.forwarded += flight.served is None
                self.went_out += flight.served is None and not isinstance(flight.question, Source)

    def _heading(self, flight: Flight, taken: Callable[[], Answer]) -> Headed:
        event = Headed(flight.call)
        flight.taken = taken
        flight.saw_head()
        return event

    def _hops(self, event: Headed | Ended) -> int | None:
        """What this tick's timing says of the loop: measured when live, else as recorded."""
        return self._pacers.mark() if self.live else machine.find_hops(self._cell.state, event)


def mark_given_up(answer: Answer) -> Answer:
    return evolve(answer, end="cancelled") if isinstance(answer, Response) else CANCELLED


async def _nap(seconds: float) -> None:
    """Suspend this task for so many real seconds, also where its loop goes by somebody else's clock."""
    if clocks.are_steered():
        with lanes.aside():
            await anyio.to_thread.run_sync(clocks.sleep, seconds)
    else:
        await anyio.sleep(seconds)
