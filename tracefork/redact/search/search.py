"""The search for secrets in one text: for all that are known at once, and by finders. Pure.

A text is read as it is, without what is escaped in it, without the ends of lines in base64, and with
the strings put together that go on from event to event; each reading is walked once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import TypeAlias

from attrs import frozen

from ..by_form import patterns
from ..by_form.finders import OURS, Finder
from ..by_name import members, urls
from ..by_name.names import ENOUGH, count_bits, is_drawn
from ..texts.across_events import join_texts
from ..texts.decoded import View, rebase, unescape
from . import pieces
from .forms import list_ways
from .needles import Known, Needles
from .spans import ISSUER, Hit, Span, Spans, complete_groups, join, make_hit, make_marked

_FEW = 64
_SHORT = 256
_MORE = re.compile(rb"[\\%%&\n]|[%s]{20}" % re.escape(patterns.UNBROKEN))
"""What a short text has in which more may stand than is known: something escaped, or a long word."""

_SCOPE = re.compile(rb"/|%2[Ff]")
Guard: TypeAlias = "Callable[[Finder, bytes, int], Iterable[patterns.Span]]"
"""Asks a finder of somebody else's, which may fail, or never come back."""


def ask(finder: Finder, data: bytes, start: int) -> Iterable[patterns.Span]:
    """Ask a finder that is trusted."""
    return finder(data, start)


@frozen
class Search:
    """Looks for what `needles` know, and what `finders` find.

    What stands in base64 is taken `wide`: with the characters that hold bits of a secret and of others.
    """

    needles: tuple[Needles, ...]
    finders: tuple[Finder, ...]
    guard: Guard = ask
    wide: bool = True

    def in_text(self, text: bytes) -> Spans:
        """Where secrets stand in a text, those too that are named before them, as parameters of URLs are."""
        return self._with_named(text, self.spans(text, names=True), least=0.0)

    def in_body(self, body: bytes, start: int = 0, *, names: bool = True, in_string: bool = False) -> Spans:
        """Where secrets stand in a body, from `start` on: also in pieces, over its events or its strings.

        Those that are named before them are told if `names` count. If `start` is within a string, this is
        looked at as if it began there. Hits are placed in what is looked at.
        """
        tail, begun = body[start:] if start else body, start
        if in_string:
            tail, begun = b'"' + tail, start - 1
        spans = self.spans(tail, names=names)
        if self.needles or patterns.found in self.finders or names:
            spans = complete_groups(spans, self._pieces(tail, names=names), len(tail))
        if start:
            spans = [span._replace(start=span.start + begun, stop=span.stop + begun) for span in spans]
        return self._with_named(body, spans, start, least=ENOUGH) if names else spans

    def spans(self, data: bytes, *, names: bool = False) -> Spans:
        """Where secrets stand in `data`, in order, apart from each other.

        Those that are named before them are told in base64 alone, if `names` count.
        """
        if len(data) < _SHORT and not _MORE.search(data):
            return self._with_finders(data, self._known(data))
        text, lines = patterns.list_readings(data)
        coded = patterns.decode(text, lines)
        spans = self._known(data)
        for view in (text, lines):
            if view is not None and view.data is not data:
                more = [_in_view(view, span) for span in self._known(view.data)]
                spans = join(spans, _sort(more))
        if patterns.found in self.finders:
            found = [_in_view_at(*seen) for seen in patterns.find_within([text, *coded])]
            spans = join(spans, _sort(found)) if found else spans
        for view in coded if names else ():
            found = [_in_view_at(view, *span[:4]) for span in _find_named(view.data, 0, ENOUGH)]
            spans = join(spans, _sort(found)) if found else spans
        return self._with_finders(data, spans)

    def _with_finders(self, data: bytes, spans: Spans) -> Spans:
        """`spans`, and what finders find that the caller has added."""
        for finder in self.finders:
            if finder is not patterns.found:
                named = _of_finder(data, (ask if finder in OURS else self.guard)(finder, data, 0))
                spans = join(spans, _sort(named))
        return spans

    def _with_named(self, data: bytes, spans: Spans, start: int = 0, *, least: float) -> Spans:
        """`spans`, and what is named as a secret in `data` from `start` on."""
        if not (b"=" in data or b"@" in data or b'"' in data):
            return spans
        more = [
            Span(low, high, b"[secret:userinfo]", Hit(data[low:high], low, place="parameter"))
            for low, high in urls.find_users(data, start)
            if self._is_login(data[low:high], least)
        ]
        spans = join(more, spans) if more else spans
        more = list(_find_named(data, start, least))
        if more:
            known = {span[:2] for span in spans}
            more = [span for span in more if span[:2] not in known]
            spans = join(more, spans)
        return spans

    def _is_login(self, login: bytes, least: float) -> bool:
        """True if what stands before a host is more than a name such as `git`, and has as many bits."""
        if least:
            return _is_drawn(login, least)
        return not self.wide or not login.isalpha() or count_bits(login.decode("utf-8", "replace")) >= ENOUGH

    def _pieces(self, body: bytes, *, names: bool) -> Iterator[Spans]:
        for view in join_texts(body):
            plain = unescape(view.data)
            for reading in (view, rebase(view, plain)) if plain else (view,):
                yield from self._across(reading)
            found = patterns.find_across(view) if patterns.found in self.finders else ()
            for reading, low, high, mark in found:
                stop = pieces.find_end(reading, body, low, high, self._is_whole)
                if len(parts := reading.parts(low, stop)) > 1:
                    yield make_marked(parts, mark, Hit(reading.data[low:stop], low, reading, place=ISSUER))
            for span in _find_named(view.data, 0, ENOUGH) if names else ():
                stop = pieces.find_end(view, body, span.start, span.stop, bool)
                if len(parts := view.parts(span.start, stop)) > 1:
                    hit = (
                        span.hit if stop == span.stop else make_hit(view.data, span.start, stop, "parameter")
                    )
                    yield make_marked(parts, span.mark, hit.within(view)) if hit else []

    def _is_whole(self, text: bytes) -> bool:
        """True if this is a token of an issuer's by itself."""
        return any(span[:2] == (0, len(text)) for span in patterns.found(text))

    def _across(self, view: View) -> Iterator[Spans]:
        for span in self._known(view.data):
            if span.hit and len(parts := view.parts(span.start, span.stop)) > 1:
                yield make_marked(parts, span.mark, span.hit.within(view))

    def _known(self, data: bytes) -> Spans:
        found = [spans for needles in self.needles if (spans := needles.found(data))]
        if self.wide:
            found = [[_widen(span, data) for span in spans] for spans in found]
        if len(found) < 2:  # noqa: PLR2004
            return found[0] if found else Spans()
        spans = Spans()
        if sum(map(len, found)) > _FEW:
            for some in found:
                spans = join(spans, some)
            return spans
        for span in sorted([span for some in found for span in some], key=_length, reverse=True):
            spans = join(spans, [span])  # what begins as another does goes before that
        return spans


def _length(span: Span) -> int:
    return span.stop - span.start


@lru_cache(maxsize=64)
def make_needles(secrets: tuple[tuple[str, str], ...]) -> Needles:
    """What looks for these names and values in all their forms; the first go before others."""
    known = dict[bytes, Known]()
    for name, value in sorted(secrets, key=lambda pair: -len(pair[1])):
        secret = value.encode("utf-8", "surrogatepass")
        for written, form in list_ways(value):
            mark = b"[secret:%s]" if form.before is None else b"[secret:%s.base64]"
            known.setdefault(written, Known(mark % name.encode(), secret, form))
    known.pop(b"", None)
    return Needles(known)


def _widen(span: Span, data: bytes) -> Span:
    """`span`; of a secret in base64 with the characters at its ends that have bits of others too."""
    form = span.hit and span.hit.form
    if not form or form.before is None or not span.hit:
        return span
    ends = 8 * (form.before + len(span.hit.secret)) % 6 and data[span.stop : span.stop + 1].isalnum()
    start = span.start - (form.before > 0 and data[max(0, span.start - 1) : span.start].isalnum())
    return span._replace(start=start, stop=span.stop + bool(ends))


def _in_view(view: View, span: Span) -> Span:
    """`span` of a view, in what that was made of."""
    return Span(*patterns.map_span(view, *span[:2]), span.mark, span.hit and span.hit.within(view), span.cut)


def _in_view_at(view: View, low: int, high: int, mark: bytes, hit: Hit | None = None) -> Span:
    """What stands between these places of a view."""
    met = hit.within(view) if hit else Hit(view.data[low:high], low, view, place=ISSUER)
    return Span(*patterns.map_span(view, low, high), mark, met)


def _find_named(data: bytes, start: int, least: float) -> Iterator[Span]:
    """The values of parameters and members that are named as secrets, of `least` bits or more, in order."""
    found = [(name, low, high) for name, (low, high) in urls.find_named(data, start)]
    if least:
        found = [one for one in found if _is_drawn(data[one[1] : one[2]], least)]
    found += [(name, low, high) for name, (low, high) in members.find_named(data, start)]
    for name, low, high in sorted(found, key=lambda one: one[1]):
        stop = high
        if name.endswith("credential") and (scope := _SCOPE.search(data, low, high)):
            stop = scope.start()  # the day, the region and the service that a URL is signed for are no secret
        yield Span(low, high, f"[secret:{name}]".encode(), make_hit(data, low, stop, "parameter"))


def _is_drawn(value: bytes, least: float) -> bool:
    """True if this has `least` bits, and was drawn rather than written."""
    text = value.decode("utf-8", "replace")
    return count_bits(text) >= least and is_drawn(text)


def _of_finder(data: bytes, found: Iterable[patterns.Span]) -> list[Span]:
    within = [(max(0, low), min(high, len(data)), mark) for low, high, mark in found]
    return [Span(low, high, mark, Hit(data[low:high], low)) for low, high, mark in within if low < high]


def _sort(spans: Iterable[Span]) -> Spans:
    return sorted(spans, key=lambda span: (span.start, -span.stop))
