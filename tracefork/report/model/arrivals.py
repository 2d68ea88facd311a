"""Times at which the events of a stream arrived: those of the chunks that complete them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate

from ...providers.sse import find_ends


def arrivals(chunks: Sequence[bytes], times: Sequence[float]) -> tuple[float, ...]:
    """A time for each event of `providers.sse.events`, in its order; none where chunks have no times."""
    if len(chunks) != len(times) or not chunks:
        return ()
    ends = list(accumulate(map(len, chunks)))
    found = find_ends(b"".join(chunks))
    return tuple(times) if found == ends else tuple([times[bisect_left(ends, end)] for end in found])
