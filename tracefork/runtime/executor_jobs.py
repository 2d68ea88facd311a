"""Steps for jobs that a task hands to an executor and awaits: their ends are replayed in recorded order."""

from __future__ import annotations

from collections.abc import Iterator

from ..core import machine
from ..core.machine import Asked, Ended, Halt
from ..core.values import DONE, GIVEN_UP, JOB, Source
from . import lanes
from .event_loop import Pacers, running_loop
from .flight import Flight
from .stepper import Cell
from .waiting import asettle


class Jobs:
    """Sends the begin and end of each job to the machine.

    `flights` are the run's, which hold the open jobs; `numbers` gives the numbers of its calls.
    """

    def __init__(
        self, cell: Cell, pacers: Pacers, flights: dict[int, Flight], numbers: Iterator[int]
    ) -> None:
        self._cell = cell
        self._pacers = pacers
        self._flights = flights
        self._numbers = numbers

    def begin(self, name: str, strand: lanes.Strand) -> Flight | None:
        """Send that `strand` hands over a job; return its flight, or None if its end needs no order here."""
        job = Source(JOB, name)
        if not machine.finds_job(self._cell.state, job):
            return None
        number = next(self._numbers)
        flight = Flight(number, job, strand.path, "")
        self._flights[number] = flight
        order = self._cell.send(Asked(number, job, strand.path, strand.alone, waits=False))
        opened = self._cell.state.open.get(number)
        if isinstance(order, Halt) or opened is None:
            return None
        if opened.line is None and not self._cell.live:  # a job on another thread has claimed the line
            self._cell.abandon(number)
            self._flights.pop(number, None)
            return None
        if opened.line is not None and (loop := running_loop()):
            self._pacers.of(loop).begin_job(opened.line)
        return flight

    async def end(self, flight: Flight) -> None:
        """Suspend this task until it is the job's turn to end, in recorded order."""
        try:
            self._is_done(flight)
            await asettle(self._cell, Ended(flight.call, DONE), self._pacers, flight)
        except BaseException:
            self.give_up(flight)
            raise

    def give_up(self, flight: Flight) -> None:
        """End the job's step at once as given up: nobody awaits the job any more."""
        self._is_done(flight)
        if flight.call in self._cell.state.open:
            self._cell.drop(Ended(flight.call, GIVEN_UP, waits=False))

    def _is_done(self, flight: Flight) -> None:
        opened = self._cell.state.open.get(flight.call)
        if opened and opened.line is not None and (loop := running_loop()):
            self._pacers.of(loop).end_job(opened.line)
