"""Where secrets stand in the bodies of conversations: what repeats the body before is not looked at again."""

from __future__ import annotations

from .. import patterns
from ..codec.delta import common_prefix
from .search import Search
from .spans import Span, Spans

_LARGE = 2**14
"""Bytes from which a body is compared to the ones before it, to look only at what is new."""

_LARGEST = 2**22
"""Bytes up to which a body is remembered for that."""

_BODIES = 8


class Growing:
    """Remembers the last bodies, and where secrets stood in them.

    Args:
        search: what looks for secrets.
        longest: how many bytes a secret may go over, however it is written.
    """

    def __init__(self, search: Search, longest: int) -> None:
        self._search, self._longest = search, longest
        self._bodies: list[tuple[bytes, tuple[Span, ...]]] = []

    def spans(self, body: bytes, *, names: bool) -> Spans:
        """Where secrets stand in `body`; those that are named before them are told if `names` count.

        What was met in the part that is new is placed as if the body began there.
        """
        if not _LARGE <= len(body) <= _LARGEST:
            return self._search.in_body(body, names=names)
        shared, known = 0, tuple[Span, ...]()
        for earlier, spans in self._bodies:
            if (common := common_prefix(body, earlier)) > shared:
                shared, known = common, spans
                if 2 * shared > len(body):  # the question before this one, most likely
                    break
        start = patterns.safe(body, max(0, shared - self._longest))
        start = min([start, *(span.start for span in known if span.stop + self._longest > shared)])
        kept = [span for span in known if span.stop <= start]
        now = (*kept, *self._search.in_body(body, start, names=names))
        self._bodies.insert(0, (body, now))
        del self._bodies[_BODIES:]
        return list(now)
