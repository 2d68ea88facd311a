"""What a run that was served answers of another cost, and what it did not pay again. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from decimal import Decimal

from attrs import field, frozen

from ..core.matching import Matcher, exact
from ..core.tape import Tape
from ..core.values import Draw, Effect, Exchange, Response, Step
from ..providers import base, read
from ..providers.last_answers import is_fetched
from ..providers.messages import Completion
from ..providers.prices import Prices, cost
from ..providers.questions import asks_model
from .figures import dollars, plural
from .served import pair_steps

_FAILED = 400  # HTTP statuses from here on are of answers that vendors do not charge for


@frozen
class Bill:
    """What answers of models cost: how many `calls`, their tokens, and `usd` as far as it is known.

    `unpriced` names the model of each call whose cost is not known: it is not in `usd`, nor are its tokens
    counted where the answer does not say them.
    """

    calls: int = 0
    input: int = 0
    output: int = 0
    usd: Decimal = Decimal(0)
    unpriced: tuple[str, ...] = ()

    def __add__(self, other: Bill) -> Bill:
        return Bill(
            self.calls + other.calls,
            self.input + other.input,
            self.output + other.output,
            self.usd + other.usd,
            self.unpriced + other.unpriced,
        )

    @property
    def tokens(self) -> int:
        return self.input + self.output

    def __str__(self) -> str:
        """`$0.92`; tokens where no price is known."""
        if self.calls and len(self.unpriced) == self.calls:
            return plural(self.tokens, "token")
        return dollars(self.usd)


@frozen
class Savings:
    """What a run that went on from another was served, and what it asked anew.

    `served` and `live` count exchanges, `tools_served` and `tools_run` tool calls, `unasked` those of both
    that the other run has and nobody asked any more. `saved` is what the served answers cost when they
    were recorded, `spent` what the live ones did.
    """

    served: int = 0
    live: int = 0
    unasked: int = 0
    saved: Bill = field(default=Bill())
    spent: Bill = field(default=Bill())
    tools_served: int = 0
    tools_run: int = 0

    def __str__(self) -> str:
        """`41 served, 3 live; $0.92 not spent again, $0.07 spent`."""
        parts = [
            f"{self.served:,} served, {self.live:,} live",
            f"{self.saved} not spent again, {self.spent} spent",
        ]
        if self.tools_served or self.tools_run:
            parts.append(f"tools: {self.tools_served:,} served, {self.tools_run:,} run")
        if self.unasked:
            parts.append(f"{plural(self.unasked, 'step')} not asked any more")
        if unpriced := self.saved.unpriced + self.spent.unpriced:
            models = ", ".join(sorted(set(unpriced)))
            parts.append(f"no price is known for {models} ({plural(len(unpriced), 'call')})")
        return "; ".join(parts)


def count_savings(
    parent: Tape,
    tape: Tape,
    origins: Mapping[int, int],
    *,
    matcher: Matcher = exact,
    prices: Prices | None = None,
) -> Savings:
    """Return what `tape` was served of `parent`, what it asked anew, and what both cost.

    `origins` gives for each step of `tape.steps` that was served the step of `parent.steps` that it was
    served from, by index.

    Raises:
        IndexError: `origins` names a step that is not there.
    """
    served = [(tape.steps[mine], parent.steps[its]) for mine, its in origins.items()]
    live = [step for n, step in enumerate(tape.steps) if n not in origins]
    return Savings(
        served=_count(Exchange, (mine for mine, _ in served)),
        live=_count(Exchange, live),
        unasked=_count_unasked(parent, frozenset(origins.values()), live, matcher),
        saved=add_bills((its for _, its in served), prices),
        spent=add_bills(live, prices),
        tools_served=_count(Effect, (mine for mine, _ in served)),
        tools_run=_count(Effect, live),
    )


def count_origins(
    parent: Tape, tape: Tape, *, matcher: Matcher = exact, prices: Prices | None = None
) -> Savings:
    """Return the savings of `tape`, a run that went on from `parent`, as its steps' origins tell them."""
    origins = pair_steps(parent.steps, tape.steps)
    return count_savings(parent, tape, origins, matcher=matcher, prices=prices)


def add_bills(steps: Iterable[Step], prices: Prices | None = None) -> Bill:
    """Return what the models' answers among `steps` cost together."""
    bills, places = list[Bill](), dict[str, int]()  # of answers that may be fetched later, by their ids
    for exchange in steps:
        if not isinstance(exchange, Exchange):
            continue
        completion = read.completion(exchange)
        name, bill = completion.id if completion else "", _bill(exchange, completion, prices)
        if name and name in places and is_fetched(exchange):
            at = places[name]
            bills[at] = bills[at] if not bills[at].unpriced or bill.unpriced else bill
        else:
            places[name] = len(bills)
            bills.append(bill)
    return sum(bills, Bill())


def _bill(exchange: Exchange, completion: Completion | None, prices: Prices | None) -> Bill:
    named = base.model_of(exchange.request)
    if completion is None:
        answer = exchange.answer
        is_charged = isinstance(answer, Response) and answer.status < _FAILED and asks_model(exchange.request)
        return Bill(1, unpriced=(named,)) if is_charged else Bill()
    if completion.kind == "record":
        return Bill()
    usage = completion.usage
    tokens = (usage.input or 0, usage.output or 0) if usage else (0, 0)
    usd = cost(completion, completion.model or named, prices=prices, url=exchange.request.url)
    if usd is None and completion.failure is not None:
        return Bill()
    if usd is None:
        return Bill(1, *tokens, unpriced=(completion.model or named,))
    return Bill(1, *tokens, usd)


def _count(kind: type[Exchange | Effect], steps: Iterable[Step]) -> int:
    """Count the steps of a kind; a sub-agent's call is no tool's: what it asked counts."""
    return sum(isinstance(step, kind) and not (isinstance(step, Effect) and step.is_agent) for step in steps)


def _count_unasked(parent: Tape, claimed: frozenset[int], live: list[Step], matcher: Matcher) -> int:
    """Count the steps of `parent` that were not served, and to which no question of `live` is equal."""
    asked = Counter(matcher(step.asked) for step in live if not isinstance(step, Draw))
    unasked = 0
    for n, step in enumerate(parent.steps):
        if n in claimed or isinstance(step, Draw):
            continue
        key = matcher(step.asked)
        if asked[key]:
            asked[key] -= 1
        else:
            unasked += 1
    return unasked
