"""Latency, growth of the context, blame and branches over one time axis, as paths of an SVG.

The drawing is `WIDTH` wide and stretched to whatever room there is; lines keep
their width, and a dot is a line without length and with round ends.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from attrs import field, frozen

from ...core.values import Lane
from ..figures import duration, short
from ..model.parents import RUN
from ..model.strands import name_strands, shorten
from ..model.view import StepView, View

WIDTH = 1000
COLUMNS = 700  # bars that can be told apart; of more steps those that fall together are drawn as one
ROWS = 16  # strands that have a row of their own
MARGIN = 96  # pixels at the left, in which labels stand

_TOP, _ROW, _BAR = 6, 4.5, 3.5
_NAMED_ROW, _NAMED_BAR = 11, 7  # of strands, each of which has its name beside it
_GROWTH = 28  # height of the context
_BLAME = 42
_FORKS = 16  # height of the branches
_GAP = 14  # between two of these; half of it before the blame
_EDGE = 4  # of the width, left free on both sides
_LETTERS = 15  # of a strand's name


@frozen
class Strip:
    """`paths` are pairs of a kind, which has a colour, and SVG path data; `labels` stand at heights.

    All lengths but those from left to right are in pixels.
    """

    paths: tuple[tuple[str, str], ...]
    labels: tuple[tuple[int, str], ...]
    label: str
    height: int
    margin: int = MARGIN


@frozen
class Heights:
    """Where the parts of the strip lie, in pixels from its top."""

    rows: int
    row: float
    bar: float
    context: int
    blame: int | None
    forks: int | None
    foot: int

    @classmethod
    def of(cls, lanes: int, *, blame: bool = False, forks: bool = False) -> Heights:
        """Return the heights of a run of so many `lanes`, without what it has nothing of."""
        rows, row, bar = (3, _ROW, _BAR) if lanes < 2 else (min(lanes, ROWS), _NAMED_ROW, _NAMED_BAR)  # noqa: PLR2004
        context = round(_TOP + rows * row + _GAP)
        foot = context + _GROWTH
        blamed = foot + _GAP // 2 + 1 if blame else None
        foot = foot if blamed is None else blamed + _BLAME
        forked = foot if forks else None
        return cls(rows, row, bar, context, blamed, forked, foot + (_FORKS if forks else 0) + 4)

    @property
    def context_foot(self) -> int:
        return self.context + _GROWTH

    def scale(self, share: float) -> float:
        """The height at which a share of 1 lies in the part of the blame."""
        top = self.blame or 0
        return top + _BLAME - _BLAME * min(1.0, max(-0.1, share))


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
    lanes = list(dict.fromkeys(step.lane for step in view.steps))
    at = Heights.of(1 if live else len(lanes), blame=view.blame is not None, forks=bool(view.branches))
    if not view.steps:
        labels = ((_TOP + 8, "latency"), (at.context + 10, "context"))
        return Strip((), labels, "the steps so far", at.foot) if live else None
    axis = Axis.of(view.steps)
    peak = max(_context(step) or 0 for step in view.steps)
    paths = [
        *_latency(view, axis, lanes, at),
        *_growth(view.steps, axis, peak, at),
        *_blame(view, axis, at),
        *_forks(view, axis, at),
    ]
    shown = ["latency", *(["context size"] if peak else []), *(["blame"] if view.blame else [])]
    shown += ["branches"] if view.branches else []
    label = f"{len(view.steps)} steps in {duration(view.totals.seconds)}: {', '.join(shown)}"
    return Strip(tuple(paths), tuple(_list_labels(view, lanes, at, peak)), label, at.foot)


def _list_labels(view: View, lanes: Sequence[Lane], at: Heights, peak: int) -> Iterator[tuple[int, str]]:
    if len(lanes) > 1:
        for number, name in enumerate(name_strands(view.strands, lanes)[: at.rows]):
            more = f" +{len(lanes) - at.rows}" if number == at.rows - 1 and len(lanes) > at.rows else ""
            yield round(_TOP + at.row * number + at.bar), shorten(name, _LETTERS - len(more)) + more
    else:
        yield _TOP + 8, "latency"
    yield at.context + 10, "context"
    if peak:
        yield at.context + 23, f"to {short(peak)}"
    if at.blame is not None:
        yield at.blame + 12, "blame"
    if at.forks is not None:
        yield at.forks + 12, "branches"


def _latency(view: View, axis: Axis, lanes: Sequence[Lane], at: Heights) -> Iterator[tuple[str, str]]:
    """A bar a step, light up to its head; strands that run side by side lie below one another."""
    places = {lane: n for n, lane in enumerate(lanes)}
    wrong = {problem.step for problem in view.problems}
    bars = defaultdict[str, list[str]](list)
    for number, column in enumerate(_columns(len(view.steps))):
        falling = defaultdict[int, list[int]](list)
        for index in column:
            row = min(places[view.steps[index].lane], at.rows - 1) if len(lanes) > 1 else number
            falling[row % at.rows].append(index)
        for row, together in falling.items():
            y = _TOP + at.row * row
            began, headed, ended = axis.cover(together)
            ended = max(ended, began + 1)
            if not wrong.isdisjoint(together):
                bars["error"].append(_bar(began, ended, y, at.bar))
            else:
                bars["first"].append(_bar(began, headed, y, at.bar))
                bars["rest"].append(_bar(headed, ended, y, at.bar))
    return ((kind, "".join(bars[kind])) for kind in ("first", "rest", "error") if bars[kind])


def _growth(steps: Sequence[StepView], axis: Axis, peak: int, at: Heights) -> Iterator[tuple[str, str]]:
    """A point for the largest context of each column."""
    if not peak:
        return
    points = list[tuple[float, float]]()
    for column in _columns(len(steps)):
        tokens, n = max((_context(steps[n]) or 0, -n) for n in column)
        if tokens:
            points.append((axis.middle(-n), at.context_foot - _GROWTH * tokens / peak))
    points.sort()  # strands that run side by side end in another order than they began
    line = "L".join(f"{_n(x)} {_n(y)}" for x, y in points)
    yield "area", f"M{_n(points[0][0])} {at.context_foot}L{line}L{_n(points[-1][0])} {at.context_foot}z"
    yield "growth", f"M{line}"


def _blame(view: View, axis: Axis, at: Heights) -> Iterator[tuple[str, str]]:
    if not view.blame:
        return
    yield "zero", f"M0 {at.scale(0)}H{WIDTH}"
    yield "line", f"M0 {_n(at.scale(view.blame.threshold))}H{WIDTH}"
    for mark in view.blame.by_step:
        if not 0 <= mark.step < len(view.steps):
            continue
        x = _n(axis.middle(mark.step))
        decided = " decided" if mark.decided else ""
        yield f"whisker{decided}", f"M{x} {_n(at.scale(mark.low))}V{_n(at.scale(mark.high))}"
        yield f"dot{decided}", f"M{x} {_n(at.scale(mark.value))}h0"
        yield f"core{decided}", f"M{x} {_n(at.scale(mark.value))}h0"


def _forks(view: View, axis: Axis, at: Heights) -> Iterator[tuple[str, str]]:
    places = sorted(
        {
            branch.parts_at
            for branch in view.branches
            if branch.above == RUN and branch.parts_at < len(view.steps)
        }
    )
    if places and at.forks is not None:
        top = at.forks + 2
        yield "stem", "".join(f"M{_n(axis.middle(place))} {top}v9" for place in places)
        yield "fork", "".join(f"M{_n(axis.middle(place))} {top + 11}h0" for place in places)


def _columns(count: int) -> list[range]:
    """The steps that are drawn together, by their numbers."""
    every = max(1, -(-count // COLUMNS))
    return [range(start, min(count, start + every)) for start in range(0, count, every)]


def _context(step: StepView) -> int | None:
    return step.usage.input if step.usage else None


def _bar(start: float, end: float, y: float, height: float) -> str:
    return f"M{_n(start)} {_n(y)}H{_n(end)}v{height}H{_n(start)}z" if end > start else ""


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
