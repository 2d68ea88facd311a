"""What a run cost, by model, by strand and by tool."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal

from attrs import frozen

from ...providers.messages import Completion, Message, ToolResult, Usage
from ...providers.spending import Answers, should_cost
from .pool import Piece
from .problems import Problem
from .view import Aside, StepView


@frozen
class Share:
    """What one model, or one strand, had of a run: calls, tokens, USD and seconds.

    `errors` are all problems of its steps. `cost` is that of the `priced` calls alone; the `answered` ones
    have one, known or not. `cached` tokens are a part of `input`; what the cache `saved`
    is in USD, of the calls of which that is known.
    """

    name: str
    calls: int
    input: int
    cached: int
    output: int
    cost: Decimal
    priced: int
    seconds: float
    answered: int = 0
    errors: int = 0
    saved: Decimal = Decimal(0)


@frozen
class ToolShare:
    """What one tool was called for: how often, with how many errors, and how much its results were.

    `size` is that in bytes and `tokens` in tokens of the model that read them, None where that cannot be
    told: it is what a question had more than the one before and its answer, where nothing else was new.
    `seconds` are those of the calls that the run recorded itself, None where it recorded none.
    """

    name: str
    calls: int
    errors: int
    size: int
    seconds: float | None
    tokens: int | None = None


def share_by(
    steps: Sequence[StepView], name: Callable[[StepView], str], problems: Iterable[Problem] = ()
) -> tuple[Share, ...]:
    """Return what each `name` had of the calls of models, the dearest first, then the longest."""
    groups, wrong = defaultdict[str, list[StepView]](list), Counter(problem.step for problem in problems)
    for step in steps:
        if step.completion is not None or step.api:
            groups[name(step)].append(step)
    shares = [_sum(group, of, wrong) for group, of in groups.items()]
    return tuple(sorted(shares, key=lambda one: (-one.cost, -one.input - one.output, -one.calls)))


def share_by_tool(
    steps: Sequence[StepView], asides: Sequence[Aside], pieces: Sequence[Piece]
) -> tuple[ToolShare, ...]:
    """Return what each tool did, the one called most first: as models called it, else as the run did."""
    calls, names = defaultdict[str, int](int), dict[str, str]()
    for completion in (step.completion for step in steps):
        for call in _list_calls(completion):
            calls[call[1]] += 1
            names[call[0]] = call[1]
    errors, sizes = defaultdict[str, int](int), defaultdict[str, int](int)
    for result, size in _list_results(steps, pieces):
        name = result.name or names.get(result.id, "")
        errors[name] += result.is_error
        sizes[name] += size
    read = defaultdict[str, int](int)
    for name, tokens in _measure_results(steps, pieces, names):
        read[name] += tokens
    run: dict[str, list[Aside]] = {}
    for aside in asides:
        if aside.kind in ("tool", "agent"):
            run.setdefault(aside.name, []).append(aside)
    made = [
        ToolShare(
            name,
            calls.get(name) or len(run.get(name, ())),
            errors.get(name, 0) or sum(aside.failed for aside in run.get(name, ())),
            sizes.get(name, 0),
            sum(aside.ended - aside.began for aside in run[name]) if name in run else None,
            read.get(name),
        )
        for name in dict.fromkeys([*calls, *run])
    ]
    return tuple(sorted(made, key=lambda one: -one.calls))


def drop_repeated(steps: Iterable[StepView]) -> Iterator[StepView]:
    """Give the steps without those that fetch an answer whose tokens were counted already."""
    answers = Answers()
    return (step for step in steps if answers.take(step.exchange, step.completion) != "again")


def has_price(step: StepView) -> bool:
    """True of a model's answer that cost something, whether one knows how much."""
    return should_cost(step.completion, step.cost)


# -- below ---------------------------------------------------------------------------


def _sum(name: str, steps: Sequence[StepView], wrong: Mapping[int, int]) -> Share:
    paid = list(drop_repeated(steps))
    usages = [step.usage or Usage() for step in paid]
    costs = [step.cost for step in paid if step.cost is not None]
    return Share(
        name,
        len(steps),
        sum(usage.input or 0 for usage in usages),
        sum(usage.cached or 0 for usage in usages),
        sum(usage.output or 0 for usage in usages),
        sum(costs, Decimal(0)),
        len(costs),
        sum(step.ended - step.began for step in steps),
        sum(map(has_price, paid)),
        sum(wrong[step.index] for step in steps),
        sum((step.saved for step in paid if step.saved is not None), Decimal(0)),
    )


def _list_calls(completion: Completion | None) -> Iterator[tuple[str, str]]:
    for choice in completion.choices if completion else ():
        for call in choice.message.calls:
            yield call.id, call.name


def _list_results(steps: Iterable[StepView], pieces: Sequence[Piece]) -> Iterator[tuple[ToolResult, int]]:
    """Each result that a model was told, once, and how many bytes of the question it takes."""
    for number in dict.fromkeys(n for step in steps for n in step.lineage.fresh):
        piece = pieces[number]
        if isinstance(piece.reading, Message):
            found = [part for part in piece.reading.parts if isinstance(part, ToolResult)]
            yield from ((part, piece.size // len(found)) for part in found)


def _measure_results(
    steps: Sequence[StepView], pieces: Sequence[Piece], names: Mapping[str, str]
) -> Iterator[tuple[str, int]]:
    """The tool whose results alone are new in a question, and how many tokens these are."""
    for step in steps:
        base = None if step.lineage.base is None else steps[step.lineage.base]
        before, now = (None, None) if base is None else (base.usage, step.usage)
        if base is None or before is None or now is None:
            continue
        fresh = [pieces[n].reading for n in step.lineage.fresh if n not in step.echoed]
        parts = [part for one in fresh if isinstance(one, Message) for part in one.parts]
        called = {part.name or names.get(part.id, "") for part in parts if isinstance(part, ToolResult)}
        if len(called) != 1 or not all(isinstance(part, ToolResult) for part in parts):
            continue
        more = (now.input or 0) - (before.input or 0) - (before.output or 0)
        if now.input and before.input and more > 0:
            yield called.pop(), more
