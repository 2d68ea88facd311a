"""JSON values that are exactly of a kind: nothing is coerced, the rest is a CorruptTape. Pure."""

from __future__ import annotations

from ..errors import CorruptTape


def listed(said: object) -> list[object]:
    if type(said) is not list:
        raise CorruptTape("a row has something else where a list belongs")
    return said


def whole_number(said: object) -> int:
    if type(said) is not int:
        raise CorruptTape("a row has something else where a whole number belongs")
    return said


def natural(said: object) -> int:
    number = whole_number(said)
    if number < 0:
        raise CorruptTape("a row counts from the end")
    return number


def finite(said: object) -> float:
    if type(said) not in (int, float):
        raise CorruptTape("a row has something else where a time belongs")
    number = float(said)  # type: ignore[arg-type]
    if number - number != 0:  # JSON has no word for infinity, but 1e999 for it
        raise CorruptTape("a time is not finite")
    return number
