"""Which answers of a run are to be counted, each once, and which of them should have a price. Pure."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from ..core.values import Exchange
from .last_answers import is_fetched
from .messages import Completion

Novelty: TypeAlias = Literal["new", "more", "again"]
"""Of an answer: it is another one; it was begun before, and tells its tokens now; or all was counted."""


class Answers:
    """Tells the answers of a run apart. What is made in the background is fetched by its id, as often as an
    agent likes: it is one answer, and its tokens are paid once.
    """

    def __init__(self) -> None:
        self._begun = set[str]()
        self._counted = set[str]()

    def take(self, exchange: Exchange, completion: Completion | None) -> Novelty:
        """Take in the next step of the run, and what it answered; return what that is to those before it.

        The tokens of what is not "again" count, and a call is what is "new".
        """
        name = completion.id if completion else ""
        known = bool(name) and is_fetched(exchange)
        novelty: Novelty = "new"
        if known and name in self._begun:
            novelty = "again" if name in self._counted else "more"
        if name:
            self._begun.add(name)
            if completion and completion.usage:
                self._counted.add(name)
        return novelty


def should_cost(completion: Completion | None, price: Decimal | None) -> bool:
    """Whether an answer is one that has a price, known as `price` or not: of what was refused, and of what a
    server only keeps, there is none to know.
    """
    if completion is None or price is not None:
        return completion is not None
    return completion.failure is None and completion.kind != "record"
