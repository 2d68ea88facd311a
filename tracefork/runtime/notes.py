"""The records of what the machine did: what the journal keeps of each event."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ..codec import records
from ..core.machine import Commit, Event, Forward, Go, Headed, Order, Serve, State
from ..core.values import Question, Response
from ..redact import Redactor
from .flight import Flight
from .stepper import Note


class Notes:
    """Gives the notes on events, each with what takes secrets out of it before it is written.

    Args:
        flights: the questions in flight, by their numbers in the machine.
        redactor: what knows the secrets of the moment.
        keeps_clean: nothing is matched, so that questions are as they were asked until they are written.
    """

    def __init__(
        self, flights: Mapping[int, Flight], redactor: Callable[[], Redactor], *, keeps_clean: bool
    ) -> None:
        self._flights, self._redactor, self._keeps_clean = flights, redactor, keeps_clean

    def of(self, before: State, after: State, event: Event, order: Order) -> tuple[Note, ...]:
        """Return what is to be kept of `event`, which brought `order`: see `Cell`."""
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
