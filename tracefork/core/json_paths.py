"""Paths into JSON: `$.orders[0].state`. A negative index counts from the end.

`['a.b']` or `["a.b"]` names any key, `*` or `[*]` stands for any index or key.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import Enum
from typing import Literal, TypeAlias


class Every(Enum):
    """What stands in a path for any index or key."""

    EVERY = "*"


EVERY: Literal[Every.EVERY] = Every.EVERY

Place: TypeAlias = "tuple[str | int, ...]"
"""The keys and indexes that lead to one value, outermost first."""

Path: TypeAlias = "tuple[str | int | Every, ...]"
"""The same where it may lead to several values."""

_PART = re.compile(
    r"""(?P<every>\.\*(?=[.\[]|$)|\[\*\])|\.(?P<key>[^.\[\]]+)|\[(?P<index>-?\d+)\]"""
    r"""|\["(?P<double>[^"]*)"\]|\['(?P<single>[^']*)'\]"""
)
_PLAIN = re.compile(r"[^\W\d][\w-]*")


def parse_path(path: str) -> Path:
    """Return the keys and indexes that `path` names, and EVERY for each `*`; none for `$`.

    Raises:
        ValueError: it is no such path.
    """
    at, found = 1, list[str | int | Every]()
    while path.startswith("$") and at < len(path):
        part = _PART.match(path, at)
        if part is None:
            break
        at = part.end()
        found.append(_read(part))
    if not path.startswith("$") or at != len(path):
        raise ValueError(f"{path!r} is no path such as $.orders[0].state")
    return tuple(found)


def parse_place(path: str) -> Place:
    """Return the keys and indexes that `path` names, as `parse_path` does, of one place alone.

    Raises:
        ValueError: it is no such path, or leads to several places.
    """
    return tuple(_check_one(part, path) for part in parse_path(path))


def write_path(path: Iterable[str | int | Every]) -> str:
    """Return the text of a path, as `parse_path` reads it."""
    return "$" + "".join(map(_write, path))


def _read(part: re.Match[str]) -> str | int | Every:
    if part["every"]:
        return EVERY
    if part["index"]:
        return int(part["index"])
    return next(text for name in ("key", "double", "single") if (text := part[name]) is not None)


def _check_one(part: str | int | Every, path: str) -> str | int:
    if isinstance(part, Every):
        raise ValueError(f"{path!r} leads to several places, and one is wanted")  # noqa: TRY004  of a text
    return part


def _write(part: str | int | Every) -> str:
    match part:
        case Every():
            return "[*]"
        case int():
            return f"[{part}]"
        case _ if _PLAIN.fullmatch(part):
            return f".{part}"
        case _:
            return f'["{part}"]' if "'" in part else f"['{part}']"
