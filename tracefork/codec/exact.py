"""JSON values that are exactly of a kind: nothing is coerced, the rest is a CorruptTape. Pure.

Readers of rows ask here, and not by patterns such as `int(call)`: these let truth
values pass, and each costs more than half a microsecond in CPython 3.11.
"""

from __future__ import annotations

from typing import TypeGuard

from ..errors import CorruptTape

_WHOLE = frozenset({int})


def listed(said: object) -> list[object]:
    if type(said) is not list:
        raise CorruptTape("a row has something else where a list belongs")
    return said


def whole_number(said: object) -> int:
    if type(said) is not int:
        raise CorruptTape("a row has something else where a whole number belongs")
    return said


def is_whole(numbers: list[object]) -> TypeGuard[list[int]]:
    """True when all of them are whole numbers."""
    return _WHOLE.issuperset(map(type, numbers))


def natural(said: object) -> int:
    number = whole_number(said)
    if number < 0:
        raise CorruptTape("a row counts from the end")
    return number


def naturals(said: object) -> list[int]:
    numbers = listed(said)
    if not is_whole(numbers) or (numbers and min(numbers) < 0):
        raise CorruptTape("a row has something else where lengths belong")
    return numbers


def string(said: object) -> str:
    if type(said) is not str:
        raise CorruptTape("a row has something else where text belongs")
    return said


def finite(said: object) -> float:
    if type(said) not in (int, float):
        raise CorruptTape("a row has something else where a time belongs")
    number = float(said)  # type: ignore[arg-type]
    if number - number != 0:  # JSON has no word for infinity, but 1e999 for it
        raise CorruptTape("a time is not finite")
    return number
