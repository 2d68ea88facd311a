"""What a run cost, by model, by strand and by tool."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from decimal import Decimal

from attrs import frozen

from ...providers.messages import Completion, Message, ToolResult, Usage
from .pool import Piece
from .view import Aside, StepView


@frozen
class Share:
    """What one model, or one strand, had of a run: calls, tokens, USD and seconds.

    `cost` is that of the `priced` calls alone. `cached` tokens are a part of `input`; what the cache `saved`
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
    errors: int = 0
    saved: Decimal = Decimal(0)


@frozen
class ToolShare:
    """What one tool was called for: how often, with how many errors, and how many bytes it told the model.

    `seconds` are those of the calls that the run recorded itself, None where it recorded none.
    """

    name: str
    calls: int
    errors: int
    size: int
    seconds: float | None


def share_by(steps: Sequence[StepView], name: Callable[[StepView], str]) -> tuple[Share, ...]:
    """Return what each `name` had of the calls of models, the dearest first, then the longest."""
    groups = defaultdict[str, list[StepView]](list)
    for step in steps:
        if step.completion is not None or step.api:
            groups[name(step)].append(step)
    shares = [_sum(group, of) for group, of in groups.items()]
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
    run = defaultdict[str, list[Aside]](list)
    for aside in asides:
        if aside.kind in ("tool", "agent"):
            run[aside.name].append(aside)
    made = [
        ToolShare(
            name,
            calls.get(name) or len(run.get(name, ())),
            errors.get(name, 0) or sum(aside.failed for aside in run.get(name, ())),
            sizes.get(name, 0),
            sum(aside.ended - aside.began for aside in run[name]) if name in run else None,
        )
        for name in dict.fromkeys([*calls, *run])
    ]
    return tuple(sorted(made, key=lambda one: -one.calls))


# -- below ---------------------------------------------------------------------------


def _sum(name: str, steps: Sequence[StepView]) -> Share:
    usages = [step.usage or Usage() for step in steps]
    costs = [step.cost for step in steps if step.cost is not None]
    return Share(
        name,
        len(steps),
        sum(usage.input or 0 for usage in usages),
        sum(usage.cached or 0 for usage in usages),
        sum(usage.output or 0 for usage in usages),
        sum(costs, Decimal(0)),
        len(costs),
        sum(step.ended - step.began for step in steps),
        sum(step.is_error for step in steps),
        sum((step.saved for step in steps if step.saved is not None), Decimal(0)),
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
