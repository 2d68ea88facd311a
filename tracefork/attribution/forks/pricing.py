"""What the forks of a tape may cost, by how many exchanges they are served, in the unit of a budget. Pure."""

from __future__ import annotations

from decimal import Decimal
from itertools import accumulate

from attrs import frozen

from ...core.advice import advise
from ...core.tape import Tape
from ...providers import base
from ...providers.prices import Prices
from .arms import Arms
from .budget import Budget, Spent, cost_at_worst, cost_in_fact


@frozen
class Pricing:
    """`worst[i]` is the most that a fork served i exchanges by head may cost; `recorded[i]` what the run did.

    `unit` is what a planner compares: tokens where only those are limited, else USD where all prices are
    known, else calls. `limited` says whether a fork is stopped when it has used up what it may cost.
    """

    worst: tuple[Spent, ...]
    recorded: tuple[Spent, ...]
    unit: str
    limited: bool = False

    @classmethod
    def of(cls, tape: Tape, budget: Budget, prices: Prices | None = None) -> Pricing:
        """Return the prices of forks of `tape`.

        Raises:
            ValueError: the budget is in USD, and the price of a model is not known.
        """
        worst = _sum_tails([cost_at_worst(x.request, prices) for x in tape.by_head])
        recorded = _sum_tails([cost_in_fact(x, prices) for x in tape.by_head])
        if budget.usd is not None and worst[0].usd is None:
            models = {base.model_of(x.request) for x in tape if cost_at_worst(x.request, prices).usd is None}
            raise ValueError(
                f"the price of {', '.join(sorted(models))} is not known: "
                f"pass {advise('prices=', '--prices FILE')}, "
                f"or give the budget in tokens or forks"
            )
        limited = budget.usd is not None or budget.tokens is not None
        if budget.tokens is not None and budget.usd is None:
            return cls(worst, recorded, "tokens", limited)
        return cls(worst, recorded, "USD" if recorded[0].usd else "calls", limited)

    def one(self, upto: int) -> Spent:
        """The most that exchange `upto` alone may cost."""
        more, less = self.worst[upto], self.worst[upto + 1]
        usd = None if more.usd is None or less.usd is None else more.usd - less.usd
        return Spent(more.calls - less.calls, more.tokens - less.tokens, usd)

    def in_unit(self, spent: Spent) -> float:
        """Return `spent` as one number, in the unit of the budget."""
        match self.unit:
            case "USD":
                return float(spent.usd or 0)
            case "tokens":
                return float(spent.tokens)
            case _:
                return float(spent.calls)

    def by_arm(self, arms: Arms) -> tuple[float, ...]:
        """Return what a fork of each arm probably costs, as the recorded run did from there on; never 0."""
        costs = [self.in_unit(self.recorded[arms.upto(arm)]) for arm in range(arms.n + 1)]
        least = max(costs[0], 1e-9) / max(1, arms.n)  # to begin a fork costs something too
        return tuple(cost + least for cost in costs)


def _sum_tails(each: list[Spent]) -> tuple[Spent, ...]:
    """The sums of all from the i-th on; the last is nothing."""
    return tuple(reversed(list(accumulate(reversed(each), initial=Spent(0, 0, Decimal(0))))))
