"""Latency, growth of the context, blame and branches over one time axis, as paths of an SVG.

The drawing is `WIDTH` wide and stretched to whatever room there is; lines keep
their width, and a dot is a line without length and with round ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from attrs import field, frozen

from ..figures import duration, short
from ..model.parents import RUN
from ..model.view import StepView, View

WIDTH = 1000
COLUMNS = 700  # bars that can be told apart; of more steps those that fall together are drawn as one
ROWS = 6  # lanes that have a row of their own

_LATENCY, _ROW, _BAR = 6, 4.5, 3.5
_CONTEXT, _CONTEXT_FOOT = 34, 62
_BLAME, _BLAME_FOOT = 70, 112
_FORKS = 16  # height of the branches
_EDGE = 4  # of the width, left free on both sides


@frozen
class Strip:
    """`paths` are pairs of a kind, which has a colour, and SVG path data; `labels` stand at heights."""

    paths: tuple[tuple[str, str], ...]
    labels: tuple[tuple[int, str], ...]
    peak: str
    label: str
    height: int


@frozen
class Axis:
    """Places steps from left to right: by their times, or in their order where there are none."""

    steps: Sequence[StepView] = field(repr=False)
    total: float

    @classmethod
    def of(cls, steps: Sequence[StepView]) -> Axis:
        return cls(steps, max((step.ended for step in steps), default=0.0))

    def span(self, index: int) -> tuple[float, float, float]:
        """Where step `index` begins, has its head, and ends."""
        step = self.steps[index]
        if self.total <= 0:
            return (
                self._x(index, len(self.steps)),
                self._x(index + 0.5, len(self.steps)),
                self._x(index + 0.9, len(self.steps)),
            )
        return (
            self._x(step.began, self.total),
            self._x(step.headed, self.total),
            self._x(step.ended, self.total),
        )

    def cover(self, indices: Sequence[int]) -> tuple[float, float, float]:
        """From the first beginning to the last end; between them the share that was waiting for heads."""
        spans = [self.span(index) for index in indices]
        began, ended = min(span[0] for span in spans), max(span[2] for span in spans)
        waited, took = sum(span[1] - span[0] for span in spans), sum(span[2] - span[0] for span in spans)
        return began, began + (ended - began) * (waited / took if took else 0.0), ended

    def middle(self, index: int) -> float:
        began, _, ended = self.span(index)
        return (began + ended) / 2

    @staticmethod
    def _x(at: float, total: float) -> float:
        return _EDGE + (WIDTH - 2 * _EDGE) * min(1.0, max(0.0, at / total))


def strip(view: View, *, live: bool = False) -> Strip | None:
    """The strip of the run's own steps; None where there are none, unless a `live` page will draw some."""
    labels = [(_LATENCY, "latency"), (_CONTEXT, "context")]
    if not view.steps:
        return Strip((), tuple(labels), "", "the steps so far", _CONTEXT_FOOT + 4) if live else None
    axis = Axis.of(view.steps)
    peak = max(_context(step) or 0 for step in view.steps)
    foot = _BLAME_FOOT if view.blame else _CONTEXT_FOOT
    paths = [
        *_latency(view, axis),
        *_growth(view.steps, axis, peak),
        *_blame(view, axis),
        *_forks(view, axis, foot + 2),
    ]
    if view.blame:
        labels.append((_BLAME, "blame"))
    if view.branches:
        labels.append((foot, "branches"))
        foot += _FORKS
    shown = ["latency", *(["context size"] if peak else []), *(name for _, name in labels[2:])]
    label = f"{len(view.steps)} steps in {duration(view.totals.seconds)}: {', '.join(shown)}"
    return Strip(tuple(paths), tuple(labels), f"to {short(peak)}" if peak else "", label, foot + 4)


def _latency(view: View, axis: Axis) -> Iterator[tuple[str, str]]:
    """A bar a step, light up to its head; strands that run side by side lie below one another."""
    lanes = {lane: n for n, lane in enumerate(dict.fromkeys(step.lane for step in view.steps))}
    rows = min(len(lanes), ROWS) if len(lanes) > 1 else 3
    bars = defaultdict[str, list[str]](list)
    for number, column in enumerate(_columns(len(view.steps))):
        falling = defaultdict[int, list[int]](list)
        for index in column:
            row = lanes[view.steps[index].lane] if len(lanes) > 1 else number
            falling[row % rows].append(index)
        for row, together in falling.items():
            y = _LATENCY + _ROW * row
            began, headed, ended = axis.cover(together)
            ended = max(ended, began + 1)
            if any(view.steps[index].is_error for index in together):
                bars["error"].append(_bar(began, ended, y))
            else:
                bars["first"].append(_bar(began, headed, y))
                bars["rest"].append(_bar(headed, ended, y))
    return ((kind, "".join(bars[kind])) for kind in ("first", "rest", "error") if bars[kind])


def _growth(steps: Sequence[StepView], axis: Axis, peak: int) -> Iterator[tuple[str, str]]:
    """A point for the largest context of each column."""
    if not peak:
        return
    points = list[tuple[float, float]]()
    for column in _columns(len(steps)):
        tokens, n = max((_context(steps[n]) or 0, -n) for n in column)
        if tokens:
            points.append((axis.middle(-n), _CONTEXT_FOOT - (_CONTEXT_FOOT - _CONTEXT) * tokens / peak))
    line = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    yield "area", f"M{_n(points[0][0])} {_CONTEXT_FOOT}L{line}L{_n(points[-1][0])} {_CONTEXT_FOOT}z"
    yield "growth", f"M{line}"


def _blame(view: View, axis: Axis) -> Iterator[tuple[str, str]]:
    if not view.blame:
        return
    yield "zero", f"M0 {_height(0)}H{WIDTH}"
    yield "line", f"M0 {_n(_height(view.blame.threshold))}H{WIDTH}"
    for mark in view.blame.marks:
        if not 0 <= mark.step < len(view.steps):
            continue
        x = _n(axis.middle(mark.step))
        decided = " decided" if mark.decided else ""
        yield f"whisker{decided}", f"M{x} {_n(_height(mark.low))}V{_n(_height(mark.high))}"
        yield f"dot{decided}", f"M{x} {_n(_height(mark.value))}h0"
        yield f"core{decided}", f"M{x} {_n(_height(mark.value))}h0"


def _forks(view: View, axis: Axis, top: int) -> Iterator[tuple[str, str]]:
    places = sorted(
        {
            branch.parts_at
            for branch in view.branches
            if branch.above == RUN and branch.parts_at < len(view.steps)
        }
    )
    if places:
        yield "stem", "".join(f"M{_n(axis.middle(at))} {top}v9" for at in places)
        yield "fork", "".join(f"M{_n(axis.middle(at))} {top + 11}h0" for at in places)


def _columns(count: int) -> list[range]:
    """The steps that are drawn together, by their numbers."""
    every = max(1, -(-count // COLUMNS))
    return [range(start, min(count, start + every)) for start in range(0, count, every)]


def _context(step: StepView) -> int | None:
    return step.usage.input if step.usage else None


def _bar(start: float, end: float, y: float) -> str:
    return f"M{_n(start)} {_n(y)}H{_n(end)}v{_BAR}H{_n(start)}z" if end > start else ""


def _height(share: float) -> float:
    return _BLAME_FOOT - (_BLAME_FOOT - _BLAME) * min(1.0, max(-0.1, share))


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
