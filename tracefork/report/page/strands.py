"""The strands of a run as the template takes them: a tree of who started whom."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from ..figures import duration, plural, short
from ..model.costs import share_by
from ..model.strands import Strand
from ..model.titles import line
from ..model.view import View
from .ending import count_money
from .sidebar import DEEPEST

_RESULT = 160  # characters of what a sub-agent came to


@frozen
class StrandRow:
    """A strand in a list where those that it started come next, one level deeper than its `depth`.

    `first` is its first step, None of one that asked nothing; `lane` its number among the lanes of the View.
    `links` are pairs of words and the number of a step.
    """

    name: str
    depth: int
    lane: int
    first: int | None
    figures: str
    links: tuple[tuple[str, int], ...]
    result: str
    errors: int


def list_strands(view: View) -> Iterator[StrandRow]:
    """List the strands of a run, each below the one that started it; none where there is but one."""
    if len(view.strands) < 2:  # noqa: PLR2004
        return
    shares = {share.name: share for share in share_by(view.steps, lambda step: step.lane)}
    lanes = {lane: number for number, lane in enumerate(view.lanes)}
    for strand in view.strands:
        share = shares.get(strand.lane)
        money = count_money(share.cost, share.priced, share.answered) if share else ""
        tokens = f"{short(share.input + share.output)} tokens" if share and share.input + share.output else ""
        parts = [
            plural(len(strand.steps), "step"),
            tokens,
            money if money != "not known" else "",
            duration(strand.ended - strand.began) if strand.ended > strand.began else "",
            plural(strand.errors, "error") if strand.errors else "",
        ]
        yield StrandRow(
            strand.name,
            min(strand.depth, DEEPEST),
            lanes.get(strand.lane, -1),
            strand.steps[0] if strand.steps else None,
            ", ".join(part for part in parts if part),
            tuple(_list_links(strand)),
            line(strand.result, _RESULT),
            strand.errors,
        )


def _list_links(strand: Strand) -> Iterator[tuple[str, int]]:
    if strand.started_by is not None:
        yield "started after", strand.started_by
    if strand.told_in is not None:
        yield "result read in", strand.told_in
