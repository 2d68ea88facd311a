"""Where a text stands spread over the events of a stream, which no search for it finds. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

_REST = rb'"[^\n]*\n\r?\n'  # from the string's end to that of its event
_BETWEEN = rb"(?:(?:[^\n]+\n)+?\r?\n){0,2}?"  # events that bear no text
_NEXT = rb'(?:[^\n]+\n)*?data:[^\n]*?"'  # to the beginning of a string
_SEAM = rb"(" + _REST + _BETWEEN + _NEXT + rb")?"
_STRING = re.compile(rb'"([^"\\]{1,40})"[ \t]*:[ \t]*"((?:[^"\\\n]|\\.)*)"')
_EVENTS = re.compile(rb"^data:[^\n]*", re.MULTILINE)


def spread(body: bytes, text: bytes) -> Iterator[list[tuple[int, int]]]:
    """Give each place where `text` is cut over strings of successive events: its parts as (start, stop).

    Where it stands in one piece is not given.
    """
    if b"data:" not in body:
        return
    for found in _pattern(text).finditer(body):
        seams = [found.span(n) for n in range(1, len(text)) if found.start(n) >= 0]
        if seams:
            starts = [found.start(), *(stop for _, stop in seams)]
            stops = [*(start for start, _ in seams), found.end()]
            yield list(zip(starts, stops, strict=True))


def strings(body: bytes) -> list[list[tuple[int, int]]]:
    """Of a stream of events the strings that go on from event to event: by name, where values stand.

    They are as JSON has them, in order, as (start, stop). A name that one event has
    more than once is the same text for us: a choice that is cut over events is mostly the only one.
    """
    if b"data:" not in body:
        return []
    found = dict[bytes, list[tuple[int, int]]]()
    for event in _EVENTS.finditer(body):
        for pair in _STRING.finditer(body, event.start(), event.end()):
            found.setdefault(pair[1], []).append(pair.span(2))
    return [parts for parts in found.values() if len(parts) > 1]


@lru_cache(maxsize=256)
def _pattern(text: bytes) -> re.Pattern[bytes]:
    return re.compile(_SEAM.join(re.escape(text[n : n + 1]) for n in range(len(text))))
