"""Arms: the places at which a run can be cut, and which step of the tape each stands before.

Cuts go by the order of heads, and are nested also where steps ran in parallel. A
fault, and an answer that was only asked again, is no arm: no model said it, or the agent
never acted on it.
"""

from __future__ import annotations

from attrs import frozen

from ...core.matching import Matcher, exact
from ...core.tape import Tape
from ...core.values import CANCELLED, Exchange, Response
from ...providers import paths

RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
"""HTTP statuses that a vendor's SDK answers by asking again."""

LOCKED = frozenset({401, 402, 403})
"""HTTP statuses of a vendor that does not let the caller in, or wants to be paid first."""


@frozen
class Arms:
    """`positions` of the arms among the tape's exchanges by head, and their `steps`, indexes of exchanges.

    Arm i serves what came before its exchange and asks that anew; arm `n` serves all.
    """

    positions: tuple[int, ...]
    steps: tuple[int, ...]
    served: int

    @classmethod
    def of(cls, tape: Tape, matcher: Matcher = exact) -> Arms:
        index = {id(exchange): i for i, exchange in enumerate(tape.exchanges)}
        asked_again = _find_repeated(tape, matcher)
        arms = [
            (position, index[id(exchange)])
            for position, exchange in enumerate(tape.by_head)
            if isinstance(exchange.answer, Response) and id(exchange) not in asked_again
        ]
        return cls(tuple(p for p, _ in arms), tuple(s for _, s in arms), len(tape))

    @property
    def n(self) -> int:
        return len(self.positions)

    def upto(self, arm: int) -> int:
        """How many exchanges, by head, are served at `arm`."""
        return self.positions[arm] if arm < self.n else self.served


def is_troubled(exchange: Exchange) -> bool:
    """True where no model answered: a fault, a status that asks for another try, a vendor that refuses.

    What the agent itself gave up is none.
    """
    answer = exchange.answer
    if not isinstance(answer, Response):
        return answer != CANCELLED
    locked = answer.status in LOCKED and paths.place(exchange.request.url) is not None
    return answer.status in RETRIED or locked


def find_unanswered(tape: Tape, matcher: Matcher = exact) -> tuple[Exchange, ...]:
    """Return the exchanges that no model answered and whose question was not asked again."""
    lost = tuple(filter(is_troubled, tape))
    again = _find_repeated(tape, matcher) if lost else ()
    return tuple(x for x in lost if id(x) not in again)


def _find_repeated(tape: Tape, matcher: Matcher) -> set[int]:
    """The ids of exchanges that no model answered and whose question the same lane asked again next."""
    next_key: dict[str, str] = {}
    found = set()
    for exchange in reversed(tape.exchanges):
        key = matcher(exchange.request)
        if is_troubled(exchange) and next_key.get(exchange.lane) == key:
            found.add(id(exchange))
        next_key[exchange.lane] = key
    return found
