"""Paths into JSON: `$.orders[0].state`. A negative index counts from the end; `["a.b"]` names any key."""

from __future__ import annotations

import re

_PART = re.compile(r"\.([^.\[\]]+)|\[(-?\d+)\]|\[\"([^\"]*)\"\]")


def parse_path(path: str) -> tuple[str | int, ...]:
    """Return the keys and indexes that `path` names, outermost first; none for `$`.

    Raises:
        ValueError: it is no such path.
    """
    at, found = 1, list[str | int]()
    while path.startswith("$") and at < len(path):
        part = _PART.match(path, at)
        if part is None:
            break
        at = part.end()
        found.append(int(part[2]) if part[2] else part[1] or part[3])
    if not path.startswith("$") or at != len(path):
        raise ValueError(f"{path!r} is no path such as $.orders[0].state")
    return tuple(found)
