"""Plain data, as JSON and YAML have it, and what is said where it has not the expected shape."""

from __future__ import annotations


class Misfit(ValueError):
    """Something in a cassette is not as any recorder writes it; `line` is where, 0 if that is not known."""

    def __init__(self, problem: str, line: int = 0) -> None:
        super().__init__(problem, line)
        self.problem, self.line = problem, line


class Mapped(dict[str, object]):
    """A table that knows on which line of its file it begins, counted from 1."""

    line = 0


class Pieces(list[object]):
    """A body that was given piece by piece."""


def expect_table(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise Misfit(f"{what} is {name_kind(value)}, and should be a table")
    return value


def expect_text(value: object, what: str) -> str:
    if not isinstance(value, str):
        raise Misfit(f"{what} is {name_kind(value)}, and should be a text")
    return value


def list_items(value: object, what: str) -> list[object]:
    """The items of a list; none of None."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise Misfit(f"{what} is {name_kind(value)}, and should be a list")
    return value


def count_items(value: object) -> int:
    """How many items `value` has, if it is a list; else 0."""
    return len(value) if isinstance(value, list) else 0


def find_line(*values: object) -> int:
    """The line of the first of `values` that knows its own; 0 if none does."""
    return next((value.line for value in values if isinstance(value, Mapped)), 0)


def list_merged(value: object) -> list[dict[str, object]] | None:
    """The tables that a merge key of YAML names, the first one first; None if these are no tables."""
    given = value if isinstance(value, list) else [value]
    tables = [table for table in given if isinstance(table, dict)]
    return tables if len(tables) == len(given) else None


def name_kind(value: object) -> str:
    """What `value` is, in a word, with its article."""
    match value:
        case None:
            return "nothing"
        case bool():
            return "a truth value"
        case int() | float():
            return "a number"
        case str():
            return "a text"
        case bytes():
            return "bytes"
        case list():
            return "a list"
        case _:
            return "a table"
