"""The configuration of a search: the run, the error levels, the prices and the limits."""

from __future__ import annotations

import math
from functools import cached_property

from attrs import Attribute, field, frozen


def check_positive(_instance: object, attribute: Attribute[int], value: int) -> None:
    """Raise ValueError unless `value` is at least 1: a validator."""
    if value < 1:
        raise ValueError(f"{attribute.name} is at least 1, not {value}")


@frozen
class Tuning:
    """How the search spends forks. No guarantee of what is named rests on any of these.

    Args:
        thrift: the exponent of the price in information / price^thrift.
        nominate: the posterior mass at which a step is put to the test.
        abandon: the mass below which a test is given up.
        null: the prior mass of "there is no drop".
        nominations: how many steps may be put to the test.
        pairs: how many forks on either side a test may take.
        explore: how many forks the search may take before the first test, and with
            each test fewer before the next; by default 50 + 20 log2(n + 1).
        survey: how many forks a sweep may take: once the two ends are level, or no step is left to
            put to the test, forks of all arms tell whether there is a drop at all.
        start: how many forks may be in flight at first, however large the batch.
        widen: the number of forks after which it may be one more. A batch of 8 then takes 1.3 times
            the forks that one after another takes, and not 2.3 times.
    """

    thrift: float = 0.25
    nominate: float = 0.7
    abandon: float = 0.1
    null: float = 0.15
    nominations: int = 6
    pairs: int = 160
    explore: int | None = None
    survey: int = 450
    start: int = 2
    widen: int = 8


@frozen
class Config:
    """A search among the steps 0 .. n-1 of a recorded run.

    *Arm* i is the fork that serves the first i recorded answers and lets the
    rest run live; i goes from 0 to n. V(i) is its rate of success, in the
    sense of the oracle, and V(i) - V(i+1) the value drop of step i.

    Args:
        n: how many steps the run has, at least 1.
        alpha: how often a step may be named that has no drop above `margin`.
        delta: the smallest drop that is worth naming: what the search looks for.
        margin: a step is certified when its drop is above this.
        first: stop at the first certified step; otherwise look for all.
        final: V(n) where it is known exactly, because a replay is bit-exact and
            the oracle deterministic: 0 for a recorded failure. None where arm n
            has to be tried as any other.
        prices: the worst-case price of a fork, one for each arm; by default
            1 + n - i, a unit for each live call and one for the fork.
        prior: a weight for each step, from whoever has an opinion. It can make
            the search shorter or longer; it has no part in certifying.
        seed: all draws follow from it.
        batch: how many forks may be in flight.
        barrier: plan a batch only when the last one is wholly observed. The
            conclusion then depends on the outcomes alone, never on which fork
            was quicker.
        max_forks: how many forks there may be; None for no limit.
        max_cost: what all may cost, in the unit of `prices`; None for no limit.

    Raises:
        ValueError: a number is outside of its range, or there is not a price
            for each arm, or a weight for each step.
    """

    n: int = field(validator=check_positive)
    alpha: float = 0.05
    delta: float = 0.20
    margin: float = 0.10
    first: bool = True
    final: float | None = field(default=0.0)
    prices: tuple[float, ...] | None = field(default=None)
    prior: tuple[float, ...] | None = field(default=None)
    seed: int = 0
    batch: int = field(default=4, validator=check_positive)
    barrier: bool = True
    max_forks: int | None = None
    max_cost: float | None = None
    tuning: Tuning = Tuning()

    @final.validator
    def _check_rate(self, _attribute: Attribute[float | None], value: float | None) -> None:
        if value is not None and not 0 <= value <= 1:
            raise ValueError(f"final is a rate within [0, 1], or None, not {value}")

    @prices.validator
    def _check_prices(
        self, _attribute: Attribute[tuple[float, ...] | None], value: tuple[float, ...] | None
    ) -> None:
        if value is None:
            return
        if len(value) != self.n + 1:
            raise ValueError(
                f"a run of {self.n} steps has {self.n + 1} arms, and {len(value)} prices were given"
            )
        if not all(0 <= price < math.inf for price in value):
            raise ValueError("a price is a finite number that is not negative")

    @prior.validator
    def _check_weights(
        self, _attribute: Attribute[tuple[float, ...] | None], value: tuple[float, ...] | None
    ) -> None:
        if value is None:
            return
        if len(value) != self.n:
            raise ValueError(f"a run of {self.n} steps has {self.n} weights, not {len(value)}")
        if not all(0 < weight < math.inf for weight in value):
            raise ValueError("a weight is a finite number above 0: no opinion rules a step out")

    def __attrs_post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is within (0, 1), not {self.alpha}")
        if not 0 <= self.margin < self.delta <= 1:
            raise ValueError(f"0 <= margin < delta <= 1 does not hold: {self.margin}, {self.delta}")

    @cached_property
    def fares(self) -> tuple[float, ...]:
        """The price of each arm, 0 to n."""
        return self.prices or tuple(1.0 + self.n - arm for arm in range(self.n + 1))

    @cached_property
    def burden(self) -> tuple[float, ...]:
        """The price of each arm to the power of `tuning.thrift`."""
        least = max(self.fares) / 1000 or 1.0  # what is free is not worth any number of forks
        return tuple(max(price, least) ** self.tuning.thrift for price in self.fares)

    def price(self, arm: int) -> float:
        """The worst-case price of one fork of `arm`."""
        return self.fares[arm]

    def known(self, arm: int) -> float | None:
        """The rate of `arm` where it needs no trial."""
        return self.final if arm == self.n else None
