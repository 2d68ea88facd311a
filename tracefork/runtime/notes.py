"""Makes the journal's records of the events that the machine processed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import evolve

from ..codec import records
from ..core.machine import Commit, Event, Forward, Go, Headed, Order, Serve, State
from ..core.values import Question, Response
from ..redact import Redactor
from .flight import Flight
from .halts import make_departure
from .stepper import Note


class Notes:
    """Returns for each event its records, each with the redactor to apply before it is written, or None.

    Args:
        flights: the questions in flight, by their numbers in the machine.
        redactor: returns the redactor that knows the secrets of this moment.
        keeps_clean: True if the run has no script, so that questions arrive here unredacted.
    """

    def __init__(
        self, flights: Mapping[int, Flight], redactor: Callable[[], Redactor], *, keeps_clean: bool
    ) -> None:
        self._flights, self._redactor, self._keeps_clean = flights, redactor, keeps_clean

    def of(self, before: State, after: State, event: Event, order: Order) -> tuple[Note, ...]:
        """Return the notes on `event`, to which the machine answered `order`: see `Cell`."""
        call = event.call
        if after.parted is not None and before.parted is None:
            parted = records.Parted(make_departure(after))
            return ((parted, None), *self.of(evolve(before, parted=after.parted), after, event, order))
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
                # if the call was dropped while its question waited for its turn, no `Asked` is written yet
                asking = self._asking(call, opened.asked, step.span.began) if opened.began is None else ()
                if isinstance(step.answer, Response) and (hear := self._redactor().hear):
                    hear(step.answer)  # learns its cookies, which its body may repeat
                ended = records.Ended(call, step.answer, step.span, flight.timing(), step.origin)
                return (*asking, (ended, self._redactor()))
            case _:
                return ()

    def _asking(
        self, call: int, question: Question, tick: int | None, *, live: bool = False
    ) -> tuple[Note, ...]:
        """Return the note of a question. The keeper redacts a `live` one, after the answers before it."""
        if tick is None:
            return ()
        flight = self._flights[call]
        redact = self._redactor() if live or self._keeps_clean else None
        site = flight.site if redact else self._redactor().text(flight.site)
        asked = records.Asked(call, question, flight.lane, tick, flight.began, site)
        return ((asked, redact),)
