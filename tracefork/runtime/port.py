"""Where questions enter a run: for transports, tools and draws, on threads and in event loops.

Whatever is kept passes two places here: the redactor, on its way in, and `_notes`,
which makes records of what the machine did.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from os import getpid
from typing import Literal, TypeAlias, TypeVar, cast

import anyio
import anyio.lowlevel
from attrs import evolve

from ..codec import records
from ..core import machine
from ..core.machine import (
    Asked,
    Commit,
    Ended,
    Event,
    Forward,
    Go,
    Halt,
    Headed,
    Order,
    Serve,
    State,
    Strayed,
)
from ..core.script import NEVER, Script
from ..core.surrogates import NONE
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
from ..errors import BodyOmitted, Divergence, RedactedSecret, Refused, TraceforkError
from ..host import clocks
from ..host.callsite import find_callsite
from ..redact import Redactor
from . import lanes
from .divergence import diverged, find_giver
from .doubts import Doubts
from .event_loop import Pacers
from .executor_jobs import Jobs
from .flight import Flight
from .keeper import Happened, Keeper, Unwritten
from .stepper import Cell, Note, is_amid_a_step
from .waiting import asettle, in_loop, settle

T = TypeVar("T")

Gate: TypeAlias = Callable[[Request], None]
"""Is shown each request, as it is kept, before it leaves, and ends the run by raising a TraceforkError."""

Known: TypeAlias = Callable[[Request, Lane], "Answer | None"]
"""Gives the answer to serve to a question that would leave, by the lane that asks; None lets it leave."""

BLINK = 0.002  # seconds that a running event loop may be held until a question is durable


class Port:
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
        self.doubts = Doubts(doubts)
        """The calls that may have run before this run began."""
        self.interrupted: BaseException | None = None
        """What was raised in this replay as a tool had raised it: an interrupt of the recorded run's."""
        self.forwarded = 0
        self.went_out = 0
        """How many of the questions that were forwarded were not for chance."""
        self.process = getpid()
        """The process that the run belongs to: in one that is forked from it nothing happens any more."""
        self.phase: Literal["new", "open", "over"] = "new"
        self._redactor = redactor
        self._gate = gate
        self._known = known
        self._cell = Cell(script, self._notes, self._done, patience)
        self._keeps_clean = not script.lines
        """Whether nothing is matched, so that the keeper alone takes secrets out of questions."""
        self._pacers = Pacers(self._cell)
        self._calls = itertools.count()
        self._flights: dict[int, Flight] = {}
        self._jobs = Jobs(self._cell, self._pacers, self._flights, self._calls)
        self._failure: TraceforkError | None = None
        self._keeper: Keeper = Unwritten()

    # -- the run's beginning and end ------------------------------------------------

    def open(self, keeper: Keeper) -> None:
        """Questions may come from now on, and are kept by `keeper`; patience begins."""
        self._keeper = keeper
        keeper.follow(self._cell.now)
        self._cell.moved = clocks.monotonic()
        self.phase = "open"

    def close(self, outcome: Outcome) -> None:
        """End what is open. Later events count no more. Doing it twice is harmless."""
        for flight in list(self._flights.values()):
            if flight.taken:
                self.drop(flight, flight.taken())
            elif isinstance(flight.question, Request) and flight.call in self._cell.state.open:
                self.drop(flight, CANCELLED)  # nobody is left to hear the answer
            elif isinstance(flight.question, Source) and flight.question.is_job:
                self.give_up_job(flight)
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
        return self._diverged(halt) if halt else self._failure

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
            self._answered(flight, settle(self._cell, event))
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
            self._answered(flight, await asettle(self._cell, event, self._pacers, flight))
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
            return self._redactor().refill(request) if self._cell.state.script.lines else request
        except TraceforkError as exc:
            raise self.fail(self._given_by(exc)) from None

    def _given_by(self, exc: TraceforkError) -> TraceforkError:
        """Return `exc`; one about a surrogate then says which step gave that to the agent."""
        if isinstance(exc, RedactedSecret) and exc.step is None:
            vault, text = self._redactor().vault, exc.surrogate or exc.placeholder
            known = vault.before if vault is not None else NONE
            exc.step = find_giver(self._cell.state.script, known, text, exc.placeholder)
        return exc

    def true(self, arguments: T, tool: str) -> T:
        """Return `arguments` as a tool must have them: secrets that the script's answers hid are put back.

        Raises:
            RedactedSecret: one of them is not known to this process.
        """
        if not self._cell.state.script.lines:
            return arguments
        try:
            return cast("T", self._redactor().refill_value(arguments, tool))
        except TraceforkError as exc:
            raise self.fail(self._given_by(exc)) from None

    def replacements(self) -> Mapping[bytes, bytes]:
        """What stands for each known secret in a body, in all of its forms."""
        return self._redactor().replacements

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
        event = Ended(flight.call, self._kept(flight, answer))
        try:
            flight.came_after(self._hops(event), event)
            self._checked(settle(self._cell, event))
        except TraceforkError:
            raise
        except BaseException:  # an interrupt while waiting, or just after
            self.drop(flight, _given_up(answer))
            raise
        flight.taken = None
        if isinstance(flight.question, Call) or not in_loop():
            self._keeper.wait(flight.ticket)

    async def aend(self, flight: Flight, answer: Answer) -> None:
        """`end`, suspending the task; it is durable before the next question leaves."""
        if self.is_elsewhere:
            return
        event = Ended(flight.call, self._kept(flight, answer))
        try:
            self._checked(await asettle(self._cell, event, self._pacers, flight))
        except TraceforkError:
            raise
        except BaseException:  # cancelled while waiting, or just after
            self.drop(flight, _given_up(answer))
            raise
        flight.taken = None

    def drop(self, flight: Flight, answer: Answer) -> None:
        """End a step that the agent abandoned: at once, from any thread, even a finalizer."""
        if not self.is_elsewhere and flight.call in self._cell.state.open:
            self._cell.drop(Ended(flight.call, self._kept(flight, answer), waits=False))
        flight.taken = None

    def stray(self, flight: Flight) -> TraceforkError:
        """The agent reads past a recorded close; return what to raise."""
        if self.is_elsewhere:
            return self._elsewhere(flight.question)
        order = self._cell.send(Strayed(flight.call, stalled=False))
        over = Halt(flight.question, flight.lane, None, overread=True)
        return self._diverged(order if isinstance(order, Halt) else over)

    def omitted(self, flight: Flight, omitted: Omitted) -> TraceforkError:
        """The agent reads a body that the tape does not hold; return what to raise."""
        assert isinstance(flight.question, Request)
        return self.fail(BodyOmitted(flight.question, omitted))

    def hang(self, flight: Flight) -> None:
        """Block until the agent gives up, as it did when recorded; raises Stalled if it does not."""
        if self.is_elsewhere:
            raise self._elsewhere(flight.question)
        while not (order := self._over_for(flight)):
            clocks.sleep(min(max(self._cell.left(), 0.0), 0.02))
        self._checked(order)

    async def ahang(self, flight: Flight) -> None:
        """`hang`, suspending the task."""
        if self.is_elsewhere:
            raise self._elsewhere(flight.question)
        while not (order := self._over_for(flight)):
            await _nap(min(max(self._cell.left(), 0.0), 0.02))
        self._checked(order)

    def _over_for(self, flight: Flight) -> Order | None:
        """The order that ends the wait of a call whose answer never comes; None while it may go on."""
        if self._cell.state.halt or self.phase == "over":
            return self._cell.send(Strayed(flight.call, stalled=True))
        return self._cell.lapse(flight.call) if self._cell.left() <= 0 else None

    def fail(self, error: TraceforkError) -> TraceforkError:
        """Keep `error`, to be raised by every later question and when the block is left; return it."""
        self._failure = self._failure or error
        return error

    def draw(self, source: Source, sample: Callable[[], str]) -> str:
        """Return `sample()` when live, or the recorded reading of `source`. Never waits.

        Raises:
            Divergence: the script has no such draw here.
        """
        flight, event = self._flight(source)
        self._answered(flight, self._cell.send(evolve(event, waits=False)))
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

    def _elsewhere(self, question: Question) -> Refused:
        asked = self._redactor().question(question)
        return Refused(f"{asked!r}, in a process that was forked from the run's own,", find_callsite())

    def _flight(self, question: Question) -> tuple[Flight, Asked]:
        if self.is_elsewhere:
            raise self._elsewhere(question)
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
        flight = Flight(next(self._calls), self._matched(question, path), path, site)
        self._flights[flight.call] = flight
        return flight, Asked(flight.call, flight.question, path, alone)

    def _matched(self, question: Question, lane: Lane) -> Question:
        """`question` as it is matched: redacted, where there is a script; else the keeper will do that.

        A body that is word for word what the script expects of this lane has been looked through.
        """
        if self._keeps_clean:
            return question
        if isinstance(question, Request):
            expected = machine.find_expected(self._cell.state, lane)
            if isinstance(expected, Request) and expected.kept == question.kept:
                return self._redactor().question(question, expected.kept)
        return self._redactor().question(question)

    def _answered(self, flight: Flight, order: Order) -> None:
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

    def _kept(self, flight: Flight, answer: Answer) -> Answer:
        """`answer` as the machine may have it. Where anything is written, the keeper takes secrets out.

        In a replay what the tape says stays what it is, whatever is a secret by now.
        """
        if self._cell.state.script.opens != NEVER or flight.served is None:
            return answer
        served = flight.served
        return served if _is_all_of(served, answer) else self._redactor().answer(answer)

    def _hops(self, event: Headed | Ended) -> int | None:
        """What this tick's timing says of the loop: measured when live, else as recorded."""
        return self._pacers.mark() if self.live else machine.find_hops(self._cell.state, event)

    def _notes(self, before: State, after: State, event: Event, order: Order) -> tuple[Note, ...]:
        """What is to be kept of `event`: see `Cell`."""
        call = event.call
        match order:
            case Forward():
                return self._asking(call, after.open[call].asked, after.open[call].began, live=True)
            case Serve():
                return self._asking(call, after.open[call].asked, after.open[call].began)
            case Go() if isinstance(event, Headed):
                tick = after.open[call].headed
                return () if tick is None else ((records.Headed(call, tick), None),)
            case Commit(step):
                flight, opened = self._flights[call], before.open[call]
                # one that was given up while its ask was waiting is asked only now
                asking = self._asking(call, opened.asked, step.span.began) if opened.began is None else ()
                if isinstance(step.answer, Response) and (hear := self._redactor().hear):
                    hear(step.answer)  # its cookies may stand in its body too
                ended = records.Ended(call, step.answer, step.span, flight.timing())
                return (*asking, (ended, self._redactor()))
            case _:
                return ()

    def _asking(
        self, call: int, question: Question, tick: int | None, *, live: bool = False
    ) -> tuple[Note, ...]:
        """The note of a question. In a `live` one the keeper looks for secrets of the answers before it."""
        if tick is None:
            return ()
        flight = self._flights[call]
        asked = records.Asked(call, question, flight.lane, tick, flight.began)
        return ((asked, self._redactor() if live or self._keeps_clean else None),)

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
            raise self._diverged(order)
        return order

    def _diverged(self, halt: Halt) -> Divergence:
        state = self._cell.state
        flights = [f for f in list(self._flights.values()) if not f.headed and f.call in state.open]
        waiting = [(f.lane, f.question, f.site) for f in flights]
        return diverged(state, halt, patience=self._cell.patience, open_calls=waiting)


def _given_up(answer: Answer) -> Answer:
    return evolve(answer, end="cancelled") if isinstance(answer, Response) else CANCELLED


def _is_all_of(served: Answer, answer: Answer) -> bool:
    """True if the agent took all of what was served, and nothing else can have been given."""
    if isinstance(served, Response) and isinstance(answer, Response):
        return served.end == answer.end and served.lengths == answer.lengths
    return served == answer


async def _nap(seconds: float) -> None:
    """Suspend this task for so many real seconds, also where its loop goes by somebody else's clock."""
    if clocks.are_steered():
        with lanes.aside():
            await anyio.to_thread.run_sync(clocks.sleep, seconds)
    else:
        await anyio.sleep(seconds)
