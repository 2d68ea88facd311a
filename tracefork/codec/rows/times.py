"""Ticks and times of records as JSON: as distances in whole units where that is exact. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from ...core.values import Span, Timing
from ...errors import CorruptTape
from ..records import Asked
from ..strict_json import are_whole, expect_finite, expect_list, expect_whole

_MICRO, _MILLI = 1e6, 1e3
_MOST_SECONDS = 8e9  # up to which a float has whole microseconds


def span_row(span: Span, asked: Asked | None) -> list[int]:
    """Return `span` as distances: from the row that asked, and from each tick to the next."""
    began = asked.began if asked else 0
    return [span.began - began, span.headed - span.began, span.ended - span.headed]


def span_of(said: object, asked: Asked | None) -> Span:
    """Return the span that `span_row` made `said` of; within `strict_json.damage`."""
    since, headed, ended = map(expect_whole, expect_list(said))
    began = since + (asked.began if asked else 0)
    return Span(began, began + headed, began + headed + ended)


def timing_row(timing: Timing, asked: Asked | None) -> list[object]:
    """Return `timing`; its beginning is null where it is that of the row that asked."""
    began = None if asked and asked.at == timing.began else timing.began
    chunks = _measure_distances(timing.chunks)
    return [began, _micros(timing.headed), _micros(timing.ended), chunks, timing.head_hops, timing.end_hops]


def timing_of(said: object, asked: Asked | None) -> Timing:
    """Return the timing that `timing_row` made `said` of."""
    began, headed, ended, chunks, head_hops, end_hops = expect_list(said)
    if began is None:
        began = asked.at if asked else 0.0
    return Timing(
        expect_finite(began),
        _seconds(headed),
        _seconds(ended),
        _times(expect_list(chunks)),
        None if head_hops is None else expect_whole(head_hops),
        None if end_hops is None else expect_whole(end_hops),
    )


def at_row(at: float, last: float) -> object:
    """Return the microseconds between two times, where both are whole ones; else the time `at` itself."""
    here, there = _micros(at), _micros(last)
    return here - there if isinstance(here, int) and isinstance(there, int) else at


def at_of(said: object, last: float) -> float:
    """Return the time that `at_row` made `said` of."""
    if type(said) is float:
        return expect_finite(said)
    there = _micros(last)
    if not isinstance(there, int):
        raise CorruptTape("a time is counted from none")
    return (there + expect_whole(said)) / _MICRO


def _micros(seconds: float) -> int | float:
    """`seconds` as whole microseconds, where that is exact."""
    return _units(seconds, _MICRO)


def _seconds(said: object) -> float:
    return expect_finite(said) if type(said) is float else expect_whole(said) / _MICRO


def _measure_distances(times: Sequence[float]) -> list[object]:
    """Whole milliseconds from one time to the next, where all are exact; else the times themselves."""
    units = [_units(time, _MILLI) for time in times]
    if any(isinstance(unit, float) for unit in units):
        return [float(time) for time in times]
    return [int(here - there) for there, here in zip([0, *units], units, strict=False)]


def _times(said: list[object]) -> tuple[float, ...]:
    if are_whole(said):
        return tuple([unit / _MILLI for unit in accumulate(said)])
    return tuple(map(expect_finite, said))


def _units(seconds: float, unit: float) -> int | float:
    whole = round(seconds * unit) if abs(seconds) < _MOST_SECONDS else 0
    return whole if whole / unit == seconds else float(seconds)
