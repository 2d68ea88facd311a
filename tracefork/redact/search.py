"""The search for secrets in one text: for all that are known at once, and by finders. Pure.

A text is read as it is, without what is escaped in it, without the ends of lines in base64, and with
the strings put together that go on from event to event; each reading is walked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from .. import patterns
from ..codec.spread import texts
from ..codec.views import View, unescaped, upon
from ..patterns import Span
from .finders import OURS, Finder
from .forms import base64s, forms
from .needles import Needles
from .spans import joined, with_groups

Guard: TypeAlias = "Callable[[Finder, bytes, int], Iterable[Span]]"
"""Asks a finder of somebody else's, which may fail, or never come back."""


def ask(finder: Finder, data: bytes, start: int) -> Iterable[Span]:
    """Ask a finder that is trusted."""
    return finder(data, start)


@frozen
class Search:
    """Looks for what `needles` know, and what `finders` find."""

    needles: tuple[Needles, ...]
    finders: tuple[Finder, ...]
    guard: Guard = ask

    def spans(self, data: bytes, start: int = 0) -> list[Span]:
        """Where secrets stand that begin at `start` or later, in order, apart from each other."""
        tail = data[start:] if start else data
        text, lines = patterns.read(tail)
        spans = self._known(tail)
        for view in (text, lines):
            if view is not None and view.data is not tail:
                more = [(*patterns.span(view, low, high), mark) for low, high, mark in self._known(view.data)]
                spans = joined(spans, _sorted(more))
        if patterns.found in self.finders:
            spans = joined(spans, _sorted(patterns.within(text, lines)))
        spans = [(low + start, high + start, mark) for low, high, mark in spans] if start else spans
        for finder in self.finders:
            if finder is not patterns.found:
                spans = joined(spans, _sorted((ask if finder in OURS else self.guard)(finder, data, start)))
        return spans

    def found(self, body: bytes) -> list[Span]:
        """Where secrets stand in a body: also in pieces, over its events or its strings."""
        return self.with_pieces(body, self.spans(body))

    def with_pieces(self, body: bytes, spans: list[Span]) -> list[Span]:
        """`spans`, and what stands in pieces beside them."""
        if not self.needles and patterns.found not in self.finders:
            return spans
        return with_groups(spans, self._pieces(body), len(body))

    def _pieces(self, body: bytes) -> Iterator[list[Span]]:
        for view in texts(body):
            plain = unescaped(view.data)
            for reading in (view, upon(view, plain)) if plain else (view,):
                yield from self._across(reading)
            if patterns.found in self.finders:
                yield from patterns.across(view)

    def _across(self, view: View) -> Iterator[list[Span]]:
        for start, stop, mark in self._known(view.data):
            if len(parts := view.parts(start, stop)) > 1:
                yield patterns.marked(parts, mark)

    def _known(self, data: bytes) -> list[Span]:
        spans = list[Span]()
        for needles in self.needles:
            more = needles.found(data)
            spans = joined(spans, more) if spans else more
        return spans


@lru_cache(maxsize=64)
def needles(secrets: tuple[tuple[str, str], ...]) -> Needles:
    """What looks for these names and values in all their forms; the first go before others."""
    marks = dict[bytes, bytes]()
    for name, value in secrets:
        for form in forms(value):
            marks.setdefault(form.encode("utf-8", "surrogatepass"), b"[secret:%s]" % name.encode())
        for coded in base64s(value):
            marks.setdefault(coded, b"[secret:%s.base64]" % name.encode())
    marks.pop(b"", None)
    return Needles(marks)


def _sorted(spans: Iterable[Span]) -> list[Span]:
    return sorted(spans, key=lambda span: (span[0], -span[1]))
