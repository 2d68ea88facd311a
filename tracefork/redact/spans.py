"""Where secrets stand in a text, as (start, stop, placeholder): found, put together, replaced. Pure."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

from ..patterns import KINDS, Span


def joined(spans: list[Span], more: Iterable[Span]) -> list[Span]:
    """`spans` and what `more` has beside them; both are in order, and so is what comes of it, apart."""
    out, reached, n = list[Span](), 0, 0
    for start, stop, mark in more:
        low = max(start, reached)
        while n < len(spans) and spans[n][0] < stop:
            begin, end, _ = spans[n]
            if low < begin:
                out.append((low, begin, mark))
            low = max(low, end)
            if end > stop:
                break
            n += 1
        if low < stop:
            out.append((low, stop, mark))
        reached = max(reached, stop)
    return sorted([*spans, *out]) if out else spans


def with_groups(spans: list[Span], groups: Iterable[list[Span]], size: int) -> list[Span]:
    """`spans` and all of each group of which no part is among them yet, in order; `size` is the text's.

    A span that is only the beginning of what a group is all of goes with that: a token may look
    whole where its first piece ends.
    """
    taken, added, gone = bytearray(0), list[Span](), set[Span]()
    for group in groups:
        if not taken:
            taken = bytearray(size)
            for start, stop, _ in spans:
                taken[start:stop] = b"\1" * (stop - start)
        begun = _begun(spans, group)
        for start, stop, _ in begun:
            taken[start:stop] = bytes(stop - start)
        free = all(taken.find(1, start, stop) < 0 for start, stop, _ in group)
        for start, stop, _ in group if free else begun:
            taken[start:stop] = b"\1" * (stop - start)
        if free:
            added += group
            gone.update(begun)
    return sorted([*(span for span in spans if span not in gone), *added]) if added else spans


def _begun(spans: list[Span], group: list[Span]) -> list[Span]:
    """Those of `spans`, which are in order, that are within a part of this group and not known as such."""
    out = list[Span]()
    for low, high, _ in group:
        for n in range(bisect_left(spans, (low,)), len(spans)):
            start, stop, mark = spans[n]
            if stop > high:
                break
            if mark == group[0][2] or mark in _ISSUED:
                out.append((start, stop, mark))
    return out


def replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with its placeholders in the place of `spans`; the same object where there are none."""
    out, at = list[bytes](), 0
    for start, stop, mark in spans:
        out += [data[at:start], mark]
        at = stop
    return b"".join([*out, data[at:]]) if out else data


_ISSUED = frozenset(kind.mark for kind in KINDS)
