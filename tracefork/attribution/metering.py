"""What a fork spends, as it goes: the gate that its questions pass before they leave."""

from __future__ import annotations

import threading
import time

from attrs import define, field

from ..core.tape import Tape
from ..core.values import Exchange, Request
from ..errors import OverBudget
from ..providers.prices import Prices
from ..session import Session
from .known import Given
from .spending import Spent, at_worst, in_fact


@define(eq=False)
class Meter:
    """Lets a question leave if the most that it may cost fits what the fork has left.

    The fork is served `served` exchanges and asks at most `calls` more, which cost at
    most `most` together, if that is not None, none of them after `until`, in seconds of
    `time.time`. What was `given` costs nothing. `session` is the fork's own. Callable from any thread.
    """

    given: Given
    served: int
    calls: int
    most: Spent | None = None
    until: float | None = None
    prices: Prices | None = None
    session: Session = field(init=False)
    _asked: int = field(default=0, init=False)
    _worst: Spent = field(factory=Spent, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __call__(self, request: Request) -> None:
        """Let `request` pass.

        Raises:
            OverBudget: it may not.
        """
        try:
            self._reserve(at_worst(request, self.prices))
        except OverBudget:
            self.given.refused(request)
            raise

    def _reserve(self, worst: Spent) -> None:
        with self._lock:
            if self._asked >= self.calls:
                raise OverBudget(1, 0, "calls")
            if self.until is not None and (left := self.until - time.time()) <= 0:
                raise OverBudget(0, left, "s")
            if self.most is not None and (self._worst + worst).exceeds(self.most):
                self._worst = self.spent()  # what is over cost less than it might have
                if (self._worst + worst).exceeds(self.most):
                    raise _over(self.most, self._worst, worst)
            self._worst += worst
            self._asked += 1

    def live(self) -> tuple[Exchange, ...]:
        """The exchanges that were not served, by head."""
        return self.session.tape.by_head[self.served :]

    def spent(self) -> Spent:
        """What the fork has cost so far; what is still open, or broke off, at worst."""
        tape: Tape = self.session.tape
        open_ = (at_worst(p.asked, self.prices) for p in tape.pending if isinstance(p.asked, Request))
        over = (in_fact(x, self.prices) for x in self.given.bought(self.live()))
        return sum((*over, *open_), Spent())


def _over(most: Spent, spent: Spent, worst: Spent) -> OverBudget:
    if most.usd is not None and (spent.usd is None or worst.usd is None or spent.usd + worst.usd > most.usd):
        return OverBudget(float(worst.usd or 0), float(most.usd - (spent.usd or 0)), "USD")
    return OverBudget(worst.tokens, most.tokens - spent.tokens, "tokens")
