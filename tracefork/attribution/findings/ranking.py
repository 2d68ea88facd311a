"""Reports from the estimates of each method: steps of the tape for arms, ranked. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from statistics import median
from typing import TypedDict

from attrs import evolve

from ..forks.arms import Arms
from ..forks.jobs import Line
from ..forks.parts import PartKind
from ..forks.repeats import Audit
from ..search.conclusion import Conclusion
from ..search.direct import DirectReport
from ..search.estimate import Estimate
from ..search.flip import FlipReport, Flips
from ..search.state import Grade, Kind, Tally
from ..statistics.sequences import log_evidence
from .findings import BlameReport, Point, Ranked, RankedDrop, RankedEffect, RankedFlips, count_notes


def rank_drops(estimate: Estimate, arms: Arms, lines: Sequence[Line]) -> BlameReport:
    """Return the report of a search for the value drop, without what its study knows beside it."""
    parts = _describe_parts(arms, lines)
    fall = _find_fall(estimate)
    entries = [
        RankedDrop(
            **parts[drop.step],
            value_drop=drop.estimate if drop.estimate is not None else estimate.posterior[drop.step] * fall,
            low=drop.interval.low,
            high=drop.interval.high,
            measured=drop.estimate is not None,
            certified=drop.certified,
            posterior=estimate.posterior[drop.step],
            before=estimate.values[drop.step].estimate,
            after=estimate.values[drop.step + 1].estimate,
            forks=drop.forks,
            trusted=not drop.untrusted,
        )
        for drop in estimate.drops
    ]
    entries.sort(key=lambda e: (not e.certified, -e.value_drop if e.certified else -e.posterior, e.step))
    values = tuple(
        Point(arms.upto(v.arm), v.estimate, v.interval.low, v.interval.high, v.forks) for v in estimate.values
    )
    found = estimate.segment
    return BlameReport(
        estimate.conclusion,
        tuple(entries),
        "value",
        segment=tuple(dict.fromkeys(arms.steps[found[0] : found[1]])) if found else (),
        values=values,
        null=estimate.null,
        forks=len(lines),
        undefined=estimate.undefined,
        broken=estimate.broken,
        notes=count_notes(line.done for line in lines),
    )


def hold(report: BlameReport, held: Iterable[tuple[str, int]]) -> BlameReport:
    """Return `report` of forks in which these tools' results were held; none of them then denies a cause.

    That no step is to blame, or none by much, is not known where what tools did to the run is not measured.
    """
    counted = tuple(held)
    is_denied = bool(counted) and report.verdict in DENIALS
    verdict = Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET if is_denied else report.verdict
    return evolve(report, verdict=verdict, held=counted, inconclusive=is_denied)


DENIALS = frozenset({Conclusion.SYSTEMIC, Conclusion.NO_DROP, Conclusion.DIFFUSE})
"""The verdicts by which no step, or no single one, is to blame."""


def withdraw(report: BlameReport) -> BlameReport:
    """Return `report` with nothing named or valued, because the recorded run was judged in two ways."""
    ranking = tuple(evolve(entry, certified=False) for entry in report.ranking)
    return evolve(
        report,
        verdict=Conclusion.UNSTABLE,
        ranking=ranking,
        segment=(),
        values=(),
        more=None,
        more_cost=None,
    )


def withhold(report: BlameReport, found: Audit) -> BlameReport:
    """Return `report` with nothing certified or valued, if too many forks are copies."""
    if found.forks == found.effective:
        return report
    if found.is_sound:
        return evolve(report, effective=found.effective)
    undecided = withdraw(report)
    return evolve(
        undecided,
        verdict=Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET,
        ranking=tuple(map(_widen, undecided.ranking)),
        effective=found.effective,
    )


def _widen(entry: Ranked) -> Ranked:
    """`entry` with an interval that says nothing."""
    return evolve(entry, low=-1.0 if isinstance(entry, RankedDrop) else 0.0, high=1.0)


def rank_flips(
    found: FlipReport, arms: Arms, lines: Sequence[Line], *, alpha: float, margin: float, mutated: bool
) -> BlameReport:
    """Return the report of flip rates, ranked by their excess over the no-op rate.

    A step is certified by an e-value of both rates at alpha over the number of steps, since the
    intervals guarantee nothing. Where answers were `mutated` none is: what a run cannot bear is not
    what made its outcome.
    """
    parts = _describe_parts(arms, lines)
    least = math.log(len(found.steps) / alpha)
    entries = [
        RankedFlips(
            **parts[flips.step],
            low=flips.interval.low,
            high=flips.interval.high,
            certified=not mutated and not flips.untrusted and _find_evidence(flips, margin) >= least,
            forks=flips.trials + flips.noop_trials,
            trusted=not flips.untrusted,
            flips=flips.flips,
            trials=flips.trials,
            noop_rate=flips.noop_rate,
            excess=flips.excess,
            excess_low=flips.excess_interval.low,
            excess_high=flips.excess_interval.high,
        )
        for flips in found.steps
    ]
    excesses = [flips.excess for flips in found.steps if flips.excess is not None]
    harm = median(excesses) if mutated and excesses else None
    return evolve(_make_report("flip", entries, lines), mutated=mutated, harm=harm)


def rank_effects(found: DirectReport, arms: Arms, lines: Sequence[Line]) -> BlameReport:
    """Return the report of direct effects, ranked by the rate of the other outcome."""
    parts = _describe_parts(arms, lines)
    entries = [
        RankedEffect(
            **parts[effect.step],
            low=effect.interval.low,
            high=effect.interval.high,
            certified=effect.certified,
            forks=effect.forks,
            trusted=not effect.untrusted,
            direct=effect.estimate,
        )
        for effect in found.steps
    ]
    return _make_report("direct", entries, lines)


def _make_report(method: str, entries: Sequence[Ranked], lines: Sequence[Line]) -> BlameReport:
    """The report of a method that has nothing but its entries: the certified first, then by effect.

    It concludes that there is a step, if one is certified; to have found none says nothing, as few forks
    as a step has here.
    """
    ranking = sorted(entries, key=lambda e: (not e.certified, not e.measured, -e.value_drop, e.step))
    certified = any(entry.certified for entry in entries)
    tally = Tally()
    for line in lines:
        tally = tally.add(line.done.grade)
    return BlameReport(
        Conclusion.STEP if certified else Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET,
        tuple(ranking),
        method,
        forks=len(lines),
        undefined=tally.undefined,
        broken=tally.broken,
        notes=count_notes(line.done for line in lines),
    )


def _find_evidence(flips: Flips, margin: float) -> float:
    """The log e-value of a flip rate above the no-op rate by `margin`; unclear forks count against it."""
    return log_evidence(*flips.changed.worst, *flips.same.best, margin)


def _find_fall(estimate: Estimate) -> float:
    """The difference between the first value that was tried and the last: the largest drop of one step."""
    tried = [value.estimate for value in estimate.values if value.estimate is not None]
    return tried[0] - tried[-1] if len(tried) > 1 else 0.0


class _Described(TypedDict):
    """What all methods say of a part."""

    step: int
    kind: PartKind
    what: str
    asked: int
    differed: int
    branches: tuple[str, ...]
    contrast: tuple[str, ...]


def _describe_parts(arms: Arms, lines: Sequence[Line]) -> list[_Described]:
    """What is known of the part that each arm stands before, whatever is measured of it."""
    branches = _list_branches(arms, lines)
    same, differed = [0] * (arms.n + 1), [0] * (arms.n + 1)
    for line in lines:
        same[line.probe.arm] += line.done.asked_same is True
        differed[line.probe.arm] += line.done.asked_same is False
    return [
        _Described(
            step=arms.part(arm).step,
            kind=arms.part(arm).kind,
            what=arms.part(arm).what,
            asked=same[arm] + differed[arm],
            differed=differed[arm],
            branches=branches[arm],
            contrast=_find_contrast(arm, lines),
        )
        for arm in range(arms.n)
    ]


def _list_branches(arms: Arms, lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """The run_ids of the branches on both sides of each step."""
    found: list[list[str]] = [[] for _ in range(arms.n)]
    for line in lines:
        at = line.probe.arm
        sides = (at,) if line.probe.kind in (Kind.PERTURB, Kind.FORCED) else (at - 1, at)
        for step in sides:
            if line.done.run_id and 0 <= step < arms.n:
                found[step].append(line.done.run_id)
    return [tuple(run_ids) for run_ids in found]


def _find_contrast(step: int, lines: Sequence[Line]) -> tuple[str, ...]:
    """Two branches to compare: one whose outcome changed with the step asked again, one as recorded."""
    anew = (x for x in lines if x.probe.arm == step and x.done.grade is Grade.SUCCESS)
    same = (x for x in lines if x.probe.arm == step + 1 and x.done.grade is Grade.FAILURE)
    return tuple(
        line.done.run_id for line in (next(anew, None), next(same, None)) if line and line.done.run_id
    )
