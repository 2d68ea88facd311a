"""Where secrets stand in a text, as (start, stop, placeholder): found, put together, replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from ..patterns import Span


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
    """`spans` and all of each group of which no part is among them yet, in order; `size` is the text's."""
    taken, out = bytearray(0), spans
    for group in groups:
        if not taken:
            taken, out = bytearray(size), list(spans)
            for start, stop, _ in spans:
                taken[start:stop] = b"\1" * (stop - start)
        if all(taken.find(1, start, stop) < 0 for start, stop, _ in group):
            out += group
            for start, stop, _ in group:
                taken[start:stop] = b"\1" * (stop - start)
    return sorted(out)


def replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with its placeholders in the place of `spans`; the same object where there are none."""
    out, at = list[bytes](), 0
    for start, stop, mark in spans:
        out += [data[at:start], mark]
        at = stop
    return b"".join([*out, data[at:]]) if out else data
