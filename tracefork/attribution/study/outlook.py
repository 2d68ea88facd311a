"""Estimates what a study will take before anything is spent: prices from the tape, forks from simulation."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from typing import Any

from attrs import frozen

from ...core.tape import Tape
from ..findings.tables import money
from ..forks.budget import Budget, Spent
from ..forks.parts import DRAW, TOOL
from ..forks.pricing import Pricing
from ..search.config import Config
from ..search.simulation import simulate
from .design import Design
from .redrawn import find_arms

PLACES = 20  # at most, at which a culprit is supposed
CLEAR = (0.9, 0.05)  # V before and after the culprit that is supposed
FAINT = (0.7, 0.3)


@frozen
class Likely:
    """If one step takes V from `before` to `after`: forks, and their cost, at the median of its places.

    `certified` is the share of simulated studies that name it within the budget.
    """

    before: float
    after: float
    forks: int
    cost: float
    certified: float


@frozen
class Outlook:
    """The forks of a tape: `steps` arms, what the run cost, the dearest fork and the dearest at worst.

    Of the arms `tools` are before results of tools, `draws` before what chance gave.
    `uniform` is what ten forks of each step would cost. Costs are in `unit`.
    """

    steps: int
    recorded: Spent
    worst: Spent
    unit: str
    uniform: float
    likely: tuple[Likely, ...]
    tools: int = 0
    draws: int = 0


def outlook(tape: Tape, budget: Budget, **design: Any) -> Outlook:
    """Return what `blame` with these options will probably take.

    Raises:
        ValueError: the run asked no model, or has no price.
    """
    plan = Design.of(**design).on(tape)
    arms = find_arms(tape, plan)
    pricing = Pricing.of(tape, budget, plan.prices)
    prices = pricing.by_arm(arms)
    limits = {"USD": budget.usd, "tokens": budget.tokens, "calls": None}
    config = Config(
        arms.n,
        alpha=plan.alpha,
        delta=plan.delta,
        margin=plan.margin,
        prices=prices,
        max_forks=budget.forks,
        max_cost=limits[pricing.unit],
    )
    return Outlook(
        arms.n,
        pricing.recorded[0],
        pricing.worst[0],
        pricing.unit,
        10 * sum(prices[: arms.n]),
        tuple(_simulate_places(config, *curve) for curve in (CLEAR, FAINT)),
        arms.count(TOOL),
        arms.count(DRAW),
    )


def lines(found: Outlook) -> Iterator[str]:
    """Give the outlook in lines of text."""
    recorded = "price unknown" if found.recorded.usd is None else money(float(found.recorded.usd), "USD")
    answers = found.steps - found.tools - found.draws
    parts = [f"{answers} steps can be asked anew"]
    parts += [f"{found.tools} result{'s' * (found.tools != 1)} of tools"] if found.tools else []
    parts += [f"{found.draws} draw{'s' * (found.draws != 1)}"] if found.draws else []
    yield f"{', and '.join(parts)}. The run itself: {found.recorded.calls} calls, {recorded}."
    usd = found.worst.usd
    most = "at an unknown price" if usd is None else f"{money(float(usd), 'USD')} at most"
    yield f"The dearest fork, from the start: as much again, {most}."
    for likely in found.likely:
        yield (
            f"If a step takes the rate of the other outcome from {likely.before:.0%} to {likely.after:.0%}: "
            f"about {likely.forks} forks, {money(likely.cost, found.unit)}; "
            f"{likely.certified:.0%} of simulated studies name it within the budget."
        )
    yield f"Ten forks of every one would be {10 * found.steps} forks, {money(found.uniform, found.unit)}."


def _simulate_places(config: Config, before: float, after: float) -> Likely:
    n, forks, costs, named = config.n, [], [], 0
    places = sorted({round(i * (n - 1) / max(1, min(n, PLACES) - 1)) for i in range(min(n, PLACES))})
    for seed, place in enumerate(places):
        curve = [before if arm <= place else after for arm in range(n)] + [0.0]
        state = simulate(config, curve, seed)
        forks.append(state.forks)
        costs.append(state.cost)
        named += any(nomination.step == place for nomination in state.confirmed)
    return Likely(before, after, round(median(forks)), median(costs), named / len(places))
