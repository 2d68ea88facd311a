"""Meters the spending of a fork: the gate that its requests pass before they leave."""

from __future__ import annotations

import threading
from collections import Counter

from attrs import define, field

from ...core.matching import Matcher
from ...core.values import Exchange, Request
from ...errors import OverBudget
from ...host import clocks
from ...providers.prices import Prices
from ...session.session import Session
from ..forks.budget import Spent, cost_at_worst, cost_in_fact


@define(eq=False)
class Meter:
    """Lets a question leave if the most that it may cost fits what the fork has left.

    At most `calls` leave, which cost at most `most` together, if that is not None, none of them
    after `until`, in seconds of `time.time`. `session` is the fork's own. Callable from any thread.
    """

    matcher: Matcher
    calls: int
    most: Spent | None = None
    until: float | None = None
    prices: Prices | None = None
    session: Session = field(init=False)
    _left: Counter[str] = field(factory=Counter, init=False)
    _worst: Spent = field(factory=Spent, init=False)
    _lock: threading.Lock = field(factory=threading.Lock, init=False)

    def __call__(self, request: Request) -> None:
        """Reserve the price of `request`, which may leave.

        Raises:
            OverBudget: it may not.
        """
        worst = cost_at_worst(request, self.prices) if self.most is not None else Spent()
        with self._lock:
            if self._left.total() >= self.calls:
                raise OverBudget(1, 0, "calls")
            if self.until is not None and (left := self.until - clocks.now()) <= 0:
                raise OverBudget(0, left, "s")
            if self.most is not None and (self._worst + worst).exceeds(self.most):
                self._worst = self.spent()  # what is over cost less than it might have
                if (self._worst + worst).exceeds(self.most):
                    raise _make_error(self.most, self._worst, worst)
            self._worst += worst
            self._left[self.matcher(request)] += 1

    def live(self) -> tuple[Exchange, ...]:
        """Return the exchanges that left, by head: of equal ones the last, since the first were served."""
        left, found = Counter(self._left), []
        for exchange in reversed(self.session.tape.by_head):
            key = self.matcher(exchange.request)
            if left[key]:
                left[key] -= 1
                found.append(exchange)
        return tuple(reversed(found))

    def spent(self) -> Spent:
        """Return what the fork has cost so far; calls that are open, or broke off, at worst."""
        live = self.live()
        total = sum((cost_in_fact(exchange, self.prices) for exchange in live), Spent())
        if len(live) == self._left.total():
            return total
        open_ = Counter(self._left) - Counter(self.matcher(x.request) for x in live)
        for pending in self.session.tape.pending:
            if isinstance(pending.asked, Request) and open_[key := self.matcher(pending.asked)]:
                open_[key] -= 1
                total += cost_at_worst(pending.asked, self.prices)
        return total


def _make_error(most: Spent, spent: Spent, worst: Spent) -> OverBudget:
    if most.usd is not None and (spent.usd is None or worst.usd is None or spent.usd + worst.usd > most.usd):
        return OverBudget(float(worst.usd or 0), float(most.usd - (spent.usd or 0)), "USD")
    return OverBudget(worst.tokens, most.tokens - spent.tokens, "tokens")
