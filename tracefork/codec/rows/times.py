"""Ticks and times of records as JSON: as distances in whole units where that is exact. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate
from operator import sub

from ...core.values import Span, Timing
from ...errors import CorruptTape
from ..records import Asked
from ..strict_json import are_whole, expect_finite, expect_list, expect_whole

_MICRO, _MILLI = 1e6, 1e3
_MOST_SECONDS = 8e9  # up to which a float has whole microseconds


def write_span(span: Span, asked: Asked | None) -> list[int]:
    """Return `span` as distances: from the row that asked, and from each tick to the next."""
    began = asked.began if asked else 0
    return [span.began - began, span.headed - span.began, span.ended - span.headed]


def read_span(row: object, asked: Asked | None) -> Span:
    """Return the span that `write_span` made `row` of; within `strict_json.damage`."""
    since, headed, ended = map(expect_whole, expect_list(row))
    began = since + (asked.began if asked else 0)
    return Span(began, began + headed, began + headed + ended)


def write_timing(timing: Timing, asked: Asked | None) -> list[object]:
    """Return `timing`; its beginning is null where it is that of the row that asked."""
    began = None if asked and asked.at == timing.began else timing.began
    chunks = _write_distances(timing.chunks)
    return [
        began,
        _count_micros(timing.headed),
        _count_micros(timing.ended),
        chunks,
        timing.head_hops,
        timing.end_hops,
    ]


def read_timing(row: object, asked: Asked | None) -> Timing:
    """Return the timing that `write_timing` made `row` of."""
    began, headed, ended, chunks, head_hops, end_hops = expect_list(row)
    if began is None:
        began = asked.at if asked else 0.0
    return Timing(
        expect_finite(began),
        _read_seconds(headed),
        _read_seconds(ended),
        _read_times(expect_list(chunks)),
        None if head_hops is None else expect_whole(head_hops),
        None if end_hops is None else expect_whole(end_hops),
    )


def write_time(at: float, last: float) -> object:
    """Return the microseconds between two times, where both are whole ones; else the time `at` itself."""
    here, there = _count_micros(at), _count_micros(last)
    return here - there if isinstance(here, int) and isinstance(there, int) else at


def read_time(row: object, last: float) -> float:
    """Return the time that `write_time` made `row` of."""
    if type(row) is float:
        return expect_finite(row)
    there = _count_micros(last)
    if not isinstance(there, int):
        raise CorruptTape("a time is counted from none")
    return (there + expect_whole(row)) / _MICRO


def _count_micros(seconds: float) -> int | float:
    """`seconds` as whole microseconds, where that is exact."""
    return _count_units(seconds, _MICRO)


def _read_seconds(unit: object) -> float:
    return expect_finite(unit) if type(unit) is float else expect_whole(unit) / _MICRO


def _write_distances(times: Sequence[float]) -> list[object]:
    """Whole milliseconds from one time to the next, where all are exact; else the times themselves."""
    if sum(map(abs, times)) < _MOST_SECONDS:
        whole = [round(time * _MILLI) for time in times]
        if [unit / _MILLI for unit in whole] == list(times):
            return list(map(sub, whole, [0, *whole]))
    units = [_count_units(time, _MILLI) for time in times]
    if any(isinstance(unit, float) for unit in units):
        return [float(time) for time in times]
    return [int(here - there) for there, here in zip([0, *units], units, strict=False)]


def _read_times(units: list[object]) -> tuple[float, ...]:
    if are_whole(units):
        return tuple([unit / _MILLI for unit in accumulate(units)])
    return tuple(map(expect_finite, units))


def _count_units(seconds: float, unit: float) -> int | float:
    whole = round(seconds * unit) if abs(seconds) < _MOST_SECONDS else 0
    return whole if whole / unit == seconds else float(seconds)
