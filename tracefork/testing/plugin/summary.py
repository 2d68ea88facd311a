"""What became of the tapes, in words, after the tests; and where the pages of failures are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

_LISTED = 20  # lines of one kind


def tell_news(news: Sequence[Mapping[str, Any]], root: Path) -> Iterator[str]:
    """What became of the tapes, a line each; nothing of those that only answered."""
    pages = [one for one in news if "page" in one]
    tapes = [one for one in news if "page" not in one]
    recorded = [one for one in tapes if one["kept"] == "recorded"]
    if recorded:
        yield f"{plural(len(recorded), 'tape')} recorded"
        yield from _list(f"  {shorten(one['place'], root)}" for one in recorded)
        if bad := [one["test"] for one in recorded if one["failed"]]:
            yield "of tests that did not pass; --tracefork-mode=all records them again:"
            yield from _list(f"  {test}" for test in bad)
    for one in tapes:
        counts = f"{plural(one['served'], 'answer')} kept, {one['asked']} asked anew"
        dropped = f", {len(one['dropped'])} dropped" if one["dropped"] else ""
        if one["kept"] == "taken away":
            yield f"{shorten(one['place'], root)}: taken away, since {one['test']} asks nothing any more"
        if one["kept"] == "renewed":
            yield f"{shorten(one['place'], root)}: renewed, {counts}{dropped}"
            yield from _list(f"  nobody asks any more: {question}" for question in one["dropped"])
        if one["kept"] == "left":
            why = f"since {one['test']} did not pass"
            yield f"{shorten(one['place'], root)}: not written, {why}; {counts}"
    stale = [one for one in tapes if one["stale"]]
    if stale:
        yield f"{plural(len(stale), 'test')} answered by cassettes that have answers to other questions:"
        yield from _list(f"  {one['test']}, {one['stale'][0]}" for one in stale)
    for one in pages:
        yield f"{one['test']}: {one['page']}"


def _list(lines: Iterable[str]) -> Iterator[str]:
    listed = list(lines)
    yield from listed[:_LISTED]
    if len(listed) > _LISTED:
        yield f"  and {len(listed) - _LISTED} more"


def shorten(path: str, root: Path) -> str:
    """`path` from `root`, if it lies below; else whole."""
    place = Path(path)
    return str(place.relative_to(root)) if place.is_relative_to(root) else path


def plural(number: int, what: str) -> str:
    """`1 tape`, `14 tapes`."""
    return f"{number} {what}{'' if number == 1 else 's'}"
