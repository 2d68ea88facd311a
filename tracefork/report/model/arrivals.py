"""Times at which the events of a stream arrived: those of the chunks that complete them."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

_END_OF_LINE = re.compile(rb"\r\n|\r|\n")
_BOM = b"\xef\xbb\xbf"


def arrivals(chunks: Sequence[bytes], times: Sequence[float]) -> tuple[float, ...]:
    """A time for each event of `providers.sse.events`, in its order; none where chunks have no times."""
    if len(chunks) != len(times) or not chunks:
        return ()
    ends = list(accumulate(map(len, chunks)))
    return tuple(times[bisect_left(ends, end)] for end in _event_ends(b"".join(chunks)))


def _event_ends(body: bytes) -> Iterator[int]:
    """The place behind the blank line of each event that has data."""
    start, has_data = 0, False
    for found in _END_OF_LINE.finditer(body):
        line = body[start : found.start()]
        start = found.end()
        if not line:
            if has_data:
                yield start
            has_data = False
        elif line.removeprefix(_BOM).partition(b":")[0] == b"data":
            has_data = True
