"""The costs of calls, measured and at worst, and what is left of a budget.

A budget is kept by reserving before and settling after: a fork is begun only if
the most that it may cost fits what is left, and within it each call leaves only if the most
that it may cost fits what the fork has left.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from attrs import evolve, field, frozen
from attrs.validators import ge, gt, optional

from ...core.values import Exchange, Request, Response
from ...providers import base, paths, read
from ...providers.prices import Price, Prices, cost, listed

UNCAPPED = 16_384
"""Tokens that an answer is taken to have at most where its question sets no limit."""

UNSEEN = 1_000_000
"""Tokens that are taken to be in a conversation which a question only refers to."""

_ELSEWHERE = frozenset({"previous_response_id", "conversation"})

REFUSED = 400
"""HTTP statuses from here on are of answers that vendors do not charge for."""

_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens", "max_tokens_to_sample")
_LONGER = 2  # times the price that a prompt beyond the table's `upto` may cost: no vendor lists more


@frozen
class Budget:
    """The most that may be spent; None is no limit, but `forks`, which bounds every study.

    `seconds` are of wall time: no fork is begun after them, and no call of one leaves.
    They begin anew when a study is continued. Prices must be known for a limit in USD. What tools
    and judges spend by themselves is not counted.

    Raises:
        ValueError: a limit is not positive.
    """

    usd: float | None = field(default=None, validator=optional(gt(0)))
    forks: int = field(default=200, validator=ge(1))
    tokens: int | None = field(default=None, validator=optional(gt(0)))
    seconds: float | None = field(default=None, validator=optional(gt(0)))


@frozen
class Spent:
    """The cost of calls: their number, tokens of prompts and answers, and USD, None where unknown."""

    calls: int = 0
    tokens: int = 0
    usd: Decimal | None = Decimal(0)

    def __add__(self, other: Spent) -> Spent:
        usd = None if self.usd is None or other.usd is None else self.usd + other.usd
        return Spent(self.calls + other.calls, self.tokens + other.tokens, usd)

    def exceeds(self, most: Spent) -> bool:
        """True if it is more than `most` in tokens or USD; what is unknown is more than any sum."""
        return self.tokens > most.tokens or (
            most.usd is not None and (self.usd is None or self.usd > most.usd)
        )


NOTHING = Spent()


def cost_at_worst(request: Request, prices: Prices | None = None) -> Spent:
    """Return the most that `request` may cost. Of one that asks no model we know: a call.

    A token is at least a byte, so the prompt has no more than its body has. The
    answer has no more than the question allows, or `UNCAPPED`. Media that a question
    only refers to are not counted.
    """
    if paths.place(request.url) is None:
        return Spent(1)
    asked = base.payload(request.body)
    prompt = request.omitted.length if request.omitted else len(request.body)
    if asked.keys() & _ELSEWHERE:
        prompt += UNSEEN
    answer = _find_cap(asked)
    price = (prices or listed()).of(base.model_of(request), request.url)
    if price is None:
        return Spent(1, prompt + answer, None)
    usd = max(_cost_dearest(prompt, answer, each) for each in _list_reached(price, prompt))
    return Spent(1, prompt + answer, usd)


def _list_reached(price: Price, prompt: int) -> Iterator[Price]:
    """The prices that hold for a prompt of at most so many tokens."""
    yield price
    while price.upto is not None and prompt > price.upto and price.above is not None:
        price = price.above
        yield price


def _cost_dearest(prompt: int, answer: int, price: Price) -> Decimal:
    longer = _LONGER if price.upto is not None and prompt > price.upto and price.above is None else 1
    amounts = price.input, price.written or 0, price.cached or 0, price.written_hour or 0, price.heard or 0
    dearest, spoken = max(amounts), max(price.output, price.spoken or 0)
    return Decimal(prompt * dearest + answer * spoken).scaleb(-6) * longer


def cost_in_fact(exchange: Exchange, prices: Prices | None = None) -> Spent:
    """Return the cost of the exchange by the usage in its answer; at worst, where there is none."""
    if isinstance(exchange.answer, Response) and exchange.answer.status >= REFUSED:
        return Spent(1)
    completion = read.completion(exchange)
    usage = completion.usage if completion is not None and completion.complete else None
    if completion is None or usage is None or usage.input is None or usage.output is None:
        return cost_at_worst(exchange.request, prices)
    url = exchange.request.url
    usd = cost(completion, prices=prices, url=url)
    if usd is None:
        usd = cost(usage, base.model_of(exchange.request), prices=prices, url=url)
    if usd is None:
        usd = cost_at_worst(exchange.request, prices).usd
    return Spent(1, usage.input + usage.output, usd)


@frozen
class Purse:
    """What is left of a budget: what was `spent`, and what forks in flight have `reserved`."""

    budget: Budget
    spent: Spent = Spent()
    reserved: tuple[Spent, ...] = ()
    forks: int = 0

    def fits(self, worst: Spent) -> bool:
        """True if a fork that costs `worst` cannot exceed the budget, whatever those in flight come to."""
        total = sum(self.reserved, self.spent) + worst
        budget = self.budget
        return (
            self.forks < budget.forks
            and (budget.tokens is None or total.tokens <= budget.tokens)
            and (budget.usd is None or (total.usd is not None and total.usd <= Decimal(str(budget.usd))))
        )

    def reserve(self, worst: Spent) -> Purse:
        return evolve(self, reserved=(*self.reserved, worst), forks=self.forks + 1)

    def settle(self, worst: Spent, spent: Spent) -> Purse:
        """Return the purse after a fork for which `worst` was reserved has cost `spent`."""
        left = list(self.reserved)
        left.remove(worst)
        return evolve(self, reserved=tuple(left), spent=self.spent + spent)


def _find_cap(asked: base.Payload) -> int:
    """The most tokens that all answers to it may have together."""
    config = asked.get("generationConfig")
    config = config if isinstance(config, dict) else {}
    several = max(1, _read_natural(asked.get("n")) or 1, _read_natural(config.get("candidateCount")) or 1)
    for value in (*map(asked.get, _CAPS), config.get("maxOutputTokens")):
        if (most := _read_natural(value)) is not None:
            return most * several
    return UNCAPPED * several


def _read_natural(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None
