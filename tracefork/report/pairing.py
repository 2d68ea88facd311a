"""Which step of one tape stands beside which of another. Pure.

Draws of clocks, ids and random numbers are left aside, variables are not.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import TypeAlias

from ..core.matching import normalise
from ..core.values import Draw, Effect, Exchange, Lane, Step
from ..providers import read
from ..providers.messages import Part, ToolCall, ToolResult

Pair: TypeAlias = "tuple[int, int | None, int | None]"
"""The number of the exchange that is next, and the places of two steps in their tapes, or None."""

_Numbered: TypeAlias = "tuple[int, int, Step]"
"""The number of exchanges before a step, its place, and the step."""


def pair_by_kind(left: Sequence[Step], right: Sequence[Step]) -> Iterator[Pair]:
    """Yield the steps beside each other: strand by strand if both runs had the same, else in their order."""
    ours, theirs = _number(left), _number(right)
    lanes = [{step.lane for *_, step in side} for side in (ours, theirs)]
    if lanes[0] != lanes[1] or len(lanes[0]) == 1:
        yield from _align(ours, theirs)
        return
    pairs = [
        pair
        for lane in lanes[0]
        for pair in _align(*([n for n in side if n[2].lane == lane] for side in (ours, theirs)))
    ]
    yield from _sort(pairs, left, right)


def pair_by_origins(
    parent: Sequence[Step], steps: Sequence[Step], origins: Mapping[int, int]
) -> Iterator[Pair]:
    """Yield each step beside the one of `parent` that it was served from; others where both stand alike.

    `origins` has the places of these by the places of those. What was served from nothing stands beside
    what was not asked any more, if both come next after the same served step of their strand.
    """
    ours, theirs = _number(parent), _number(steps)
    numbers, known = {place: number for number, place, _ in ours}, {place for _, place, _ in theirs}
    served = {n: there for n, there in origins.items() if n in known and there in numbers}
    pairs: list[Pair] = [(numbers[there], there, n) for n, there in served.items()]
    gaps = _find_gaps(ours, {there: there for there in served.values()}), _find_gaps(theirs, served)
    for gap in gaps[0] | gaps[1]:
        pairs += _align(gaps[0].get(gap, []), gaps[1].get(gap, []))
    yield from _sort(pairs, parent, steps)


# -- below ---------------------------------------------------------------------------


def _find_gaps(numbered: Iterable[_Numbered], served: Mapping[int, int]) -> dict[int | Lane, list[_Numbered]]:
    """The steps that are not `served`, by what the last one before them in their lane was served from.

    Those that none was before are found by their lane.
    """
    last, gaps = dict[Lane, int](), defaultdict[int | Lane, list[_Numbered]](list)
    for one in numbered:
        _, place, step = one
        if place in served:
            last[step.lane] = served[place]
        else:
            gaps[last.get(step.lane, step.lane)].append(one)
    return dict(gaps)


def _sort(pairs: list[Pair], left: Sequence[Step], right: Sequence[Step]) -> list[Pair]:
    def order(pair: Pair) -> tuple[int, int]:
        number, one, other = pair
        if one is not None:
            return number, left[one].span.began
        return number, right[other].span.began if other is not None else 0

    return sorted(pairs, key=order)


def _number(steps: Sequence[Step]) -> list[_Numbered]:
    """The steps that say something, each with the number of exchanges before it."""
    found, number = list[_Numbered](), 0
    for place, step in enumerate(steps):
        if not isinstance(step, Draw) or step.source.kind == "env":
            found.append((number, place, step))
        number += isinstance(step, Exchange)
    return found


def _align(ours: list[_Numbered], theirs: list[_Numbered]) -> Iterator[Pair]:
    """The steps beside each other; where one side has more, what asks the same stands beside the same."""
    if len(ours) == len(theirs):
        yield from _align_by(_key, ours, theirs)
        return
    for begin, end, first, last in _blocks(*(list(map(_describe, side)) for side in (ours, theirs))):
        yield from _align_by(_key, ours[begin:end], theirs[first:last])


def _align_by(
    key: Callable[[Step], object], ours: list[_Numbered], theirs: list[_Numbered]
) -> Iterator[Pair]:
    for begin, end, first, last in _blocks(*([key(step) for *_, step in side] for side in (ours, theirs))):
        for one, other in zip_longest(ours[begin:end], theirs[first:last]):
            if one and other and key(one[2]) != key(other[2]):
                yield one[0], one[1], None
                yield one[0], None, other[1]
            else:
                place = one or other
                yield place[0] if place else 0, one and one[1], other and other[1]


def _blocks(ours: list[object], theirs: list[object]) -> Iterator[tuple[int, int, int, int]]:
    if all(one == other for one, other in zip(ours, theirs, strict=False)):
        yield 0, len(ours), 0, len(theirs)
        return
    for _, begin, end, first, last in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        yield begin, end, first, last


def _describe(numbered: _Numbered) -> object:
    """What a step asks, as closely as tells it from those beside it, whatever ids it has."""
    step = numbered[2]
    match step:
        case Exchange(request=request):
            prompt = read.prompt(request)
            if prompt is None or not prompt.messages:
                return request.method, request.url, normalise(request).sha256
            return len(prompt.messages), tuple(_list_words(prompt.messages[-1].parts))
        case Effect(call=call):
            return call.name, call.arguments
        case Draw(source=source):
            return source


def _list_words(parts: Iterable[Part]) -> Iterator[object]:
    """What parts of a message say, without the ids that link them."""
    for part in parts:
        match part:
            case ToolCall(_, name, arguments):
                yield name, arguments
            case ToolResult(_, inner):
                yield from _list_words(inner)
            case _:
                yield part


def _key(step: Step) -> object:
    """What a step asks, as roughly as tells whether two can be compared at all."""
    match step:
        case Exchange():
            return "exchange"
        case Effect(call=call):
            return call.name
        case Draw(source=source):
            return source
