"""Takes the questions of transports, tools and draws into a run, from threads and event loops.

`secrets` redacts what is matched and kept, and `notes` makes the records of what the machine did.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from typing import TypeAlias, TypeVar, cast

from attrs import evolve

from ..core import machine
from ..core.code_hashes import has_other_values
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
from ..edits.signatures import check_signature
from ..errors import BodyOmitted, Divergence, EditRefused, Refused, TraceforkError
from ..host.callsite import find_callsite, find_site
from ..redact import Redactor
from . import lanes
from .doubts import Doubts
from .editing import Edited, Editing
from .executor_jobs import Jobs
from .flight import Flight
from .hanging import NAP, Hanging, anap, nap
from .stale import Stale
from .waiting import asettle, in_loop, settle, shares_lane

T = TypeVar("T")

Gate: TypeAlias = Callable[[Request], None]
"""Is called with each request, redacted, before it leaves; it ends the run by raising a TraceforkError."""

Known: TypeAlias = Callable[[Request, Lane], "Answer | None"]
"""Returns the answer to serve to a request that would leave, given the lane that asks; None lets it leave."""


class Port(Hanging):
    """Sends questions to the machine, waits for their turns, and keeps what happens.

    `redactor` is called for each thing that is kept, since secrets may be set within
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
        editing: Editing | None = None,
    ) -> None:
        super().__init__(script, redactor, patience)
        self.doubts = Doubts(doubts)
        """The calls that may have run before this run began."""
        self.interrupted: BaseException | None = None
        """The interrupt that a tool raised in the recorded run, once this replay has raised it again."""
        self.stale = Stale()
        """What was served and may be out of date."""
        self.forwarded = 0
        self.went_out = 0
        """How many of the forwarded questions were not draws."""
        self.editing = Editing() if editing is None else editing
        """What becomes of the agent's requests before they are matched, kept and sent."""
        self._gate = gate
        self._known = known
        self._calls = itertools.count()
        self._jobs = Jobs(self._cell, self._pacers, self._flights, self._calls)

    def close(self, outcome: Outcome) -> None:
        """End the open steps, and the run. Later events are not kept. Doing it twice is harmless."""
        for flight in list(self._flights.values()):
            if flight.taken:
                self.drop(flight, flight.taken())
            elif isinstance(flight.question, Request) and flight.call in self._cell.state.open:
                self.drop(flight, CANCELLED)  # no head has come, and nobody waits for it any more
            elif isinstance(flight.question, Source) and flight.question.is_job:
                self.give_up_job(flight)
        super().close(outcome)

    # -- questions and answers ----------------------------------------------------------

    def ask(self, question: Question) -> Flight:
        """Send `question`; return its flight, which holds the recorded answer or None: ask the real world.

        Waits for the question's turn and, if it goes to the real world, until its record and all
        before it are durable.

        Raises:
            Divergence: the script cannot answer it, or the run has diverged before.
            StoreError: the store refused this step or an earlier one.
        """
        flight, event = self._flight(question)
        try:
            self._follow_order(flight, settle(self._cell, event))
            while self._may_come_alive(flight):
                nap(NAP)
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
            while self._may_come_alive(flight):
                await anap(NAP)
            if flight.served is None:
                await self._durable(flight.ticket)
        except Divergence:
            raise
        except BaseException:  # cancelled while waiting, or the store refused
            self.drop(flight, CANCELLED)
            raise
        return flight

    def has_answer(self, question: Question) -> bool:
        """True if the script holds an unclaimed answer to `question`."""
        strand = lanes.current()
        path = strand.path if strand else ""
        forms = self.editing.list_forms(question, path) if isinstance(question, Request) else [question]
        redact = self._redactor().question
        return any(machine.has_answer(self._cell.state, redact(form)) for form in forms)

    def outgoing(self, request: Request, flight: Flight | None = None, *, signs: bool = False) -> Request:
        """Return `request` as it must be sent: with the secrets that the script's answers had hidden.

        What edits made of it is `flight`'s; `signs` if who sends it signs it after that.

        Raises:
            RedactedSecret: one of them is not known to this process.
            EditRefused: it was edited, and signed before that.
            TraceforkError: the gate refuses it.
        """
        try:
            if flight is not None and (edited := flight.true) is not None and edited is not request:
                request = check_signature(request, edited, signs=signs)
            if self._gate:
                self._gate(cast("Request", self._redactor().question(request)))
            return self.secrets.restore(request)
        except TraceforkError as exc:
            raise self.fail(exc) from None

    def true(self, arguments: T, tool: str) -> T:
        """Return `arguments` as a tool needs them: with the secrets that the script's answers had hidden.

        Raises:
            RedactedSecret: one of them is not known to this process.
        """
        try:
            return self.secrets.restore_arguments(arguments, tool)
        except TraceforkError as exc:
            raise self.fail(exc) from None

    def find_kept(self, flight: Flight) -> Question:
        """Return the question of `flight` as it is kept: the tape's own if that answers it."""
        opened = self._cell.state.open.get(flight.call)
        return flight.question if opened is None else opened.asked

    def head(self, flight: Flight, taken: Callable[[], Answer]) -> None:
        """Wait for the head's turn; if the run ends before the step, `taken()` is kept as its answer."""
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
        """End the step with `answer`, which the agent has read: wait for its turn, and until it is durable.

        In a running event loop a response is not waited for: it is durable before the next question leaves.
        """
        if self.is_elsewhere:
            return
        event = Ended(flight.call, self.secrets.keep(flight, answer, self._cell.state))
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
        event = Ended(flight.call, self.secrets.keep(flight, answer, self._cell.state))
        try:
            self._checked(await asettle(self._cell, event, self._pacers, flight))
        except TraceforkError:
            raise
        except BaseException:  # cancelled while waiting, or just after
            self.drop(flight, mark_given_up(answer))
            raise
        flight.taken = None

    def drop(self, flight: Flight, answer: Answer) -> None:
        """End at once, with `answer`, a step that the agent abandoned; from any thread or finalizer."""
        if not self.is_elsewhere and flight.call in self._cell.state.open:
            kept = self.secrets.keep(flight, answer, self._cell.state)
            self._cell.drop(Ended(flight.call, kept, waits=False))
        flight.taken = None

    def stray(self, flight: Flight) -> TraceforkError:
        """Return the error for an agent that reads on where it closed the body when recorded."""
        if self.is_elsewhere:
            return self._refuse_elsewhere(flight.question)
        order = self._cell.send(Strayed(flight.call, stalled=False))
        over = Halt(flight.question, flight.lane, None, overread=True)
        return self._make_divergence(order if isinstance(order, Halt) else over)

    def omitted(self, flight: Flight, omitted: Omitted) -> TraceforkError:
        """Keep and return the error for an agent that reads a body of which the tape holds only the hash."""
        assert isinstance(flight.question, Request)
        return self.fail(BodyOmitted(flight.question, omitted))

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
        self.stale.read_clock(source, reading.text, recorded=flight.served is not None)
        kept = self._redactor().reading(source, reading)
        self._cell.send(Ended(flight.call, kept, waits=False))
        return reading.text

    # -- executors' jobs that a task awaits ----------------------------------------------

    def begin_job(self, name: str, strand: lanes.Strand) -> Flight | None:
        """Send that `strand` hands over a job; return its flight, or None if its end needs no order here."""
        if self.phase != "open" or self.is_elsewhere or self._failure or self._cell.state.halt:
            return None
        return self._jobs.begin(name, strand)

    async def end_job(self, flight: Flight) -> None:
        """Suspend this task until it is the job's turn to end, in recorded order."""
        await self._jobs.end(flight)

    def give_up_job(self, flight: Flight) -> None:
        """End the job's step at once as given up: nobody awaits the job any more."""
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
        if self.phase == "over":
            why = "the replay is over, and what outlives it may not go live: wait for it within the run"
            raise Refused(repr(self._redactor().question(question)), find_callsite(), why=why)
        if self.phase == "new":
            raise RuntimeError("the run has not begun: use it as a context manager")
        if isinstance(question, Request) and (hear := self._redactor().hear):
            hear(question)
        strand = lanes.current()
        path, alone = (strand.path, strand.alone and not shares_lane()) if strand else ("", self.live)
        alone = alone and not self._cell.state.script.is_loose
        edited = self._edit(question, path, alone=alone)
        state, match = self._cell.state, self.secrets.match
        asked = match(edited.request if edited else question, state, path)
        is_foreign = strand is not None and strand.foreign
        site = "" if is_foreign or isinstance(question, Source) else find_site()
        flight = Flight(next(self._calls), asked, path, site)
        flight.foreign = is_foreign
        self._flights[flight.call] = flight
        event = Asked(flight.call, asked, path, alone)
        if edited is None:
            return flight, event
        forms = [(match(form, state, path), match(true, state, path)) for form, true in edited.forms]
        flight.edited = edited
        flight.choices = (
            (asked, edited.request),
            *((kept, true) for (_, kept), (_, true) in zip(forms, edited.forms, strict=True)),
        )
        return flight, evolve(event, forms=tuple(forms), edited=edited.is_new)

    def _edit(self, question: Question, lane: Lane, *, alone: bool) -> Edited | None:
        if not self.editing or not isinstance(question, Request):
            return None
        state, match = self._cell.state, self.secrets.match
        expected = machine.find_expected(state, lane) if alone else None
        try:
            return self.editing.edit(
                question, lane, live=state.live, is_expected=lambda form: match(form, state, lane) == expected
            )
        except EditRefused as exc:
            text = self._redactor().text
            raise self.fail(EditRefused(text(exc.edit), text(exc.url), text(exc.problem))) from exc.__cause__

    def _follow_order(self, flight: Flight, order: Order) -> None:
        order = self._checked(order)
        if flight.edited is not None and (opened := self._cell.state.open.get(flight.call)):
            flight.question = opened.asked  # in the form that was chosen
        match order:
            case Serve(answer, after):
                flight.served = answer
                if after and isinstance(flight.question, Call):
                    self.stale.serve_tool(after, flight.question.name)
                if self._cell.state.script.may_be_left:
                    self._compare_values(flight)
            case Forward():
                if self._known and isinstance(flight.question, Request):
                    flight.served = self._known(flight.question, flight.lane)
                if isinstance(flight.question, Call) and flight.question.inside:
                    return  # a sub-agent is no part of the world: what it asks is counted
                self.forwarded += flight.served is None
                self.went_out += flight.served is None and not isinstance(flight.question, Source)
        if flight.edited is not None:
            self.editing.note(flight.edited, served=flight.served is not None)

    def _compare_values(self, flight: Flight) -> None:
        """Note a tool that is served although it holds other values than when it was recorded."""
        opened = self._cell.state.open.get(flight.call)
        now, then = flight.question, opened.asked if opened else None
        if isinstance(now, Call) and isinstance(then, Call) and has_other_values(then.code, now.code):
            self.stale.serve_values(now.name)

    def _heading(self, flight: Flight, taken: Callable[[], Answer]) -> Headed:
        event = Headed(flight.call)
        flight.taken = taken
        flight.saw_head()
        return event

    def _hops(self, event: Headed | Ended) -> int | None:
        """Return how many beats after the last tick this one came: measured if live, else as recorded."""
        return self._pacers.mark() if self.live else machine.find_hops(self._cell.state, event)


def mark_given_up(answer: Answer) -> Answer:
    return evolve(answer, end="cancelled") if isinstance(answer, Response) else CANCELLED
