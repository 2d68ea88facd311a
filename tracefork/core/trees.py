"""Where two JSON values differ, place by place; and how a place and both values are shown. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from enum import Enum
from itertools import zip_longest
from typing import Any, Literal, TypeAlias
from unicodedata import normalize

from attrs import frozen

from .visible import visible

WINDOW = 60  # characters of either text that are shown around the place where they part


class Nothing(Enum):
    """What stands where one of two values has nothing."""

    NOTHING = "nothing"


NOTHING: Literal[Nothing.NOTHING] = Nothing.NOTHING

Forgive: TypeAlias = "Callable[[str, str, object, object], bool]"
"""Given a path, the last key in it and both values, or `NOTHING`: True where that is no difference."""


@frozen
class Place:
    """A place where two values differ, and what each has there; `NOTHING` where it has nothing."""

    path: str
    left: object
    right: object


def never(path: str, key: str, left: object, right: object) -> bool:  # noqa: ARG001  as Forgive has it
    """Forgive nothing."""
    return False


def find_places(
    left: Any, right: Any, path: str = "$", forgive: Forgive = never, key: str = "", *, alike: Forgive = never
) -> Iterator[Place]:
    """Give every place where two JSON values differ, in the order of the left one.

    `forgive` is asked at each pair of values before it is looked into. Of two lists that are not of
    one length, what is `alike` at either end is left out first.
    """
    if forgive(path, key, left, right) or _are_one(left, right, forgive):
        return
    match left, right:
        case dict(), dict():
            for name in [*left, *(k for k in right if k not in left)]:
                inside = f"{path}.{name}" if str(name).isidentifier() else f"{path}[{name!r}]"
                one, other = left.get(name, NOTHING), right.get(name, NOTHING)
                yield from find_places(one, other, inside, forgive, str(name), alike=alike)
        case list(), list():
            for n, one, other in _pair_up(left, right, alike):
                yield from find_places(one, other, f"{path}[{n}]", forgive, alike=alike)
        case _ if left != right or not (type(left) is type(right) or _are_numbers(left, right, forgive)):
            yield Place(path, left, right)


def _are_one(left: object, right: object, forgive: Forgive) -> bool:
    """Whether two trees need no look inside, where not every letter counts."""
    return (
        forgive is not never
        and isinstance(left, dict | list)
        and left == right
        and repr(left) == repr(right)  # Python takes true for 1
    )


def _are_numbers(left: object, right: object, forgive: Forgive) -> bool:
    """Whether 1 and 1.0 are the same here, as they are to servers."""
    numbers = {int, float}
    return forgive is not never and type(left) in numbers and type(right) in numbers


def _pair_up(left: list[Any], right: list[Any], alike: Forgive) -> Iterator[tuple[int, Any, Any]]:
    """The elements of two lists beside each other, and their numbers."""
    begin = end = 0
    if len(left) != len(right) and alike is not never:
        shorter = min(len(left), len(right))
        while begin < shorter and _same(left[begin], right[begin], alike):
            yield begin, left[begin], right[begin]
            begin += 1
        while end < shorter - begin and _same(left[-1 - end], right[-1 - end], alike):
            end += 1
    inner = left[begin : len(left) - end], right[begin : len(right) - end]
    for n, (one, other) in enumerate(zip_longest(*inner, fillvalue=NOTHING), begin):
        yield n, one, other
    for n in range(end, 0, -1):
        yield len(left) - n, left[-n], right[-n]


def _same(left: object, right: object, alike: Forgive) -> bool:
    return next(find_places(left, right, forgive=alike, alike=alike), None) is None


# -- shown -------------------------------------------------------------------------


def show_both(left: object, right: object) -> tuple[str, str]:
    """Both values as short text: two texts are quoted where they part."""
    if isinstance(left, str) and isinstance(right, str):
        return quote_both(left, right)
    return abridge(left), abridge(right)


def quote_both(one: str, other: str) -> tuple[str, str]:
    """Quote both texts where they part; what is cut off is marked by dots."""
    at = next(
        (n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other))
    )
    low = max(0, at - WINDOW // 3)
    cuts = _cut(one, low), _cut(other, low)
    look_alike = normalize("NFKC", cuts[0]) == normalize("NFKC", cuts[1])
    return (ascii(cuts[0]), ascii(cuts[1])) if look_alike else (repr(cuts[0]), repr(cuts[1]))


def abridge(value: object) -> str:
    """One value as JSON, its beginning if it is long."""
    if value is NOTHING:
        return "nothing"
    shown: str = json.dumps(value, ensure_ascii=False, default=repr)
    return visible(shown if len(shown) <= WINDOW else shown[:WINDOW] + "...", one_line=True)


def _cut(text: str, low: int) -> str:
    dots = "..." if low else ""
    more = "..." if len(text) > low + WINDOW else ""
    return f"{dots}{text[low : low + WINDOW]}{more}"
