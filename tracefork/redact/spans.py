"""Where secrets stand in a text, as (start, stop, placeholder): found, put together, replaced. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..patterns import Span


def places(data: bytes, form: bytes, mark: bytes, start: int) -> Iterator[Span]:
    """Where `form` stands that begins at `start` or later, from left to right."""
    at = data.find(form, start)
    while at >= 0:
        yield at, at + len(form), mark
        at = data.find(form, at + len(form))


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


def add_all(spans: list[Span], pieces: Iterable[Span]) -> None:
    """Add all of `pieces`, unless another has a part of one."""
    if all(stop <= s or e <= start for start, stop, _ in pieces for s, e, _ in spans):
        spans.extend(pieces)


def replaced(data: bytes, spans: Iterable[Span]) -> bytes:
    """`data` with its placeholders in the place of `spans`; the same object where there are none."""
    out, at = list[bytes](), 0
    for start, stop, mark in spans:
        out += [data[at:start], mark]
        at = stop
    return b"".join([*out, data[at:]]) if out else data
