"""Searches the bodies of a growing conversation for secrets: only what is new since the last body."""

from __future__ import annotations

from bisect import bisect_left

from attrs import frozen

from ...codec.bodies.delta import measure_prefix
from ..by_form import patterns
from .search import Search
from .spans import Span, Spans, join

_LARGE = 2**14
"""Bytes from which a body is compared to the ones before it, to look only at what is new."""

_LARGEST = 2**22
"""Bytes up to which a body is remembered for that."""

_BODIES = 8

CONTEXT = 512
"""Bytes before what is looked at again that are read with it: a key, and the words before a secret."""


@frozen
class _Body:
    """A body, where secrets stand in it, and from where on it was looked at; was that in a string?"""

    data: bytes
    spans: tuple[Span, ...]
    start: int
    in_string: bool

    def is_in_string(self, place: int) -> bool:
        """True if `place` is within a string of this body, if the body is JSON."""
        low, within = (self.start, self.in_string) if self.start <= place else (0, False)
        marks = self.data[low:place].replace(rb"\\", b"").replace(rb"\"", b"")
        return within != bool(marks.count(b'"') % 2)


_NONE = _Body(b"", (), 0, in_string=False)


class Growing:
    """Remembers the last bodies, and where secrets stood in them.

    Args:
        search: what looks for secrets.
        longest: how many bytes a secret may go over, however it is written.
    """

    def __init__(self, search: Search, longest: int) -> None:
        self._search, self._longest = search, longest
        self._bodies: list[_Body] = []

    def spans(self, body: bytes, *, names: bool) -> Spans:
        """Where secrets stand in `body`; those that are named before them are told if `names` count.

        What was met is told of the part that is new, and placed there.
        """
        if not _LARGE <= len(body) <= _LARGEST:
            return self._search.in_body(body, names=names)
        shared, before = 0, _NONE
        for earlier in self._bodies:
            if (common := measure_prefix(body, earlier.data)) > shared:
                shared, before = common, earlier
                if 2 * shared > len(body):  # the question before this one, most likely
                    break
        known = [span for span in before.spans if span.stop + self._longest <= shared]
        start = self._safe(body, shared, known)
        in_string = before.is_in_string(start)
        now = join(known, self._search.in_body(body, start, names=names, in_string=in_string))
        plain = tuple([span._replace(hit=None) for span in now])  # a hit holds on to what it was met in
        self._bodies.insert(0, _Body(body, plain, start, in_string))
        del self._bodies[_BODIES:]
        return now

    def _safe(self, body: bytes, shared: int, known: Spans) -> int:
        """From where to look at `body`, of which so much was looked at: amid nothing that is secret."""
        start = patterns.find_safe(body, max(0, shared - self._longest - CONTEXT))
        while n := bisect_left(known, start, key=_start):
            if known[n - 1].stop <= start:
                break
            start = patterns.find_safe(body, known[n - 1].start)
        return start


def _start(span: Span) -> int:
    return span.start
