"""Planted worlds: runs of which it is known what every fork would do, to try a search on.

A world is a curve V(0) .. V(n), and for each step the rate at which a run succeeds
when that step alone is asked anew. The figures are those of a small structural model:
a run succeeds at HIGH when all is well, at LOW when it is spoilt, and a fresh answer
is wrong now and then.
"""

from __future__ import annotations

from enum import StrEnum

from attrs import evolve, frozen

from ..attribution.search.conclusion import Conclusion
from ..attribution.search.state import Grade, Probe
from ..attribution.statistics.chance import places, share, unit

HIGH, LOW = 0.95, 0.05
WRONG = 0.1  # how often a fresh answer is as bad as the recorded one


class Planted(StrEnum):
    """The kind of fault in a world. The recorded outcome is a failure in all of them.

    CLEAR: one drop, .9 to .05. ROOT: one, as the model above has it. DECOYS: steps after
    it look bad and do no harm. ECHO: later steps repeat the mistake, so that to ask one
    anew saves nothing. LATE: the drop is in the last tenth. CONJUNCTION: two steps had to
    go wrong together. REDUNDANCY: either of two would have done. RECOVERY: a drop, a
    rise and a drop. TWO: two drops. DRIFT: a little at each step. FLAT: nothing; the
    oracle is noisy, and the recorded failure was a fluke. FLAT_LOW: the same, where
    success is one. SYSTEMIC: nothing ever helps. FLOOR_10, _20, _30: one drop from .8 to
    the rate at which spoilt runs pass anyway. BOUNDARY: one drop of exactly the margin
    of .1; BOUNDARY_END: the same at the last step, where V(n) is known. RESCUED: hopeless from
    the start, a lucky answer, and one that throws that away. DIP: .6, .2 and .6 again. FAINT: one
    drop of .25. TURNS: no drop, and two replicas that answer every other fork, a good one and a bad one.
    WANDERING: no drop, and a provider that is better and worse for twenty forks at a time. LOST: no drop,
    and half of the forks that fail end in a fault that says nothing.
    """

    CLEAR = "clear"
    ROOT = "root"
    DECOYS = "decoys"
    ECHO = "echo"
    LATE = "late"
    CONJUNCTION = "conjunction"
    REDUNDANCY = "redundancy"
    RECOVERY = "recovery"
    TWO = "two drops"
    DRIFT = "drift"
    FLAT = "flat noise"
    FLAT_LOW = "flat noise, mostly failing"
    SYSTEMIC = "systemic"
    FLOOR_10 = "noise floor 10%"
    FLOOR_20 = "noise floor 20%"
    FLOOR_30 = "noise floor 30%"
    BOUNDARY = "boundary null"
    BOUNDARY_END = "boundary null at the end"
    RESCUED = "rescued, and thrown away"
    DIP = "a dip"
    FAINT = "one drop of .25"
    TURNS = "replicas that take turns"
    WANDERING = "a provider that wanders"
    LOST = "failures that get lost"


@frozen
class World:
    """`curve` is V(0) .. V(n), `final` V(n) if a search may know it, `forced` the direct rate of each step.

    `culprits` are the steps of which the first that is named should be one, `necessary`
    those whose direct effect is large, `right` the conclusions that are. The rate of the forks made
    in the first `period` is higher than the curve's by `sway`, that of the next ones lower, and so on; of
    those that fail a share of `lost` has no grade.
    """

    curve: tuple[float, ...]
    culprits: frozenset[int]
    necessary: frozenset[int]
    forced: tuple[float, ...]
    right: frozenset[Conclusion]
    final: float | None = 0.0
    sway: float = 0.0
    period: int = 1
    lost: float = 0.0

    def grade(self, probe: Probe, made: int) -> Grade:
        """Return how the fork of `probe` ends, made after so many others."""
        sign = -1 if made // self.period % 2 else 1
        if share(probe.seed) < self.curve[probe.arm] + sign * self.sway:
            return Grade.SUCCESS
        return Grade.CENSORED if unit(probe.seed, "lost") < self.lost else Grade.FAILURE

    def drop(self, step: int) -> float:
        return self.curve[step] - self.curve[step + 1]


def plant(kind: Planted, n: int, seed: int) -> World:
    """Return a world of `n` steps, with its fault at places that follow from `seed`.

    Raises:
        ValueError: there are fewer than 5 steps.
    """
    if n < 5:  # noqa: PLR2004
        raise ValueError(f"a planted world has at least 5 steps, not {n}")
    known, spoilt = 0.0, (1 - WRONG) * HIGH + WRONG * LOW
    one = places(seed, 1, n)
    match kind:
        case Planted.CLEAR:
            return _make_world(n, one, (0.9, LOW), known)
        case Planted.ROOT | Planted.DECOYS:
            return _make_world(n, places(seed, 1, n - 3), (spoilt, LOW), known)
        case Planted.ECHO:
            return _make_world(n, places(seed, 1, n - 3), (spoilt, LOW), known, necessary=())
        case Planted.LATE:
            first = n - max(1, n // 10)
            return _make_world(n, (first + int(unit(seed, "late") * (n - first)),), (spoilt, LOW), known)
        case Planted.CONJUNCTION:
            both = places(seed, 2, n)
            again = 0.3  # either mistake is common
            levels = HIGH - again**2 * (HIGH - LOW), HIGH - again * (HIGH - LOW), LOW
            return _make_world(n, both, levels, known, culprits=both[1:])
        case Planted.REDUNDANCY:
            well = (1 - WRONG) ** 2
            first, _ = places(seed, 2, n)
            return _make_world(n, (first,), (well * HIGH + (1 - well) * LOW, LOW), known, necessary=())
        case Planted.RECOVERY:
            a, rise, b = places(seed, 3, n)
            return _make_world(n, (a, rise, b), (0.86, 0.3, 0.8, LOW), known, culprits=(a, b), necessary=(b,))
        case Planted.TWO:
            return _make_world(n, places(seed, 2, n), (0.95, 0.5, LOW), known)
        case Planted.DRIFT:
            curve = tuple(0.85 * (1 - step / n) for step in range(n + 1))
            right = frozenset({Conclusion.DIFFUSE, Conclusion.SEGMENT})
            return World(curve, frozenset(), frozenset(), (LOW,) * n, right)
        case Planted.FLAT:
            return _make_world(n, (), (0.7,), None, right=Conclusion.NO_DROP)
        case Planted.FLAT_LOW:
            return _make_world(n, (), (0.3,), None, right=Conclusion.NO_DROP)
        case Planted.SYSTEMIC:
            return _make_world(n, (), (0.02,), known, right=Conclusion.SYSTEMIC)
        case Planted.FLOOR_10:
            return _make_world(n, one, (0.8, 0.1), None)
        case Planted.FLOOR_20:
            return _make_world(n, one, (0.8, 0.2), None)
        case Planted.FLOOR_30:
            return _make_world(n, one, (0.8, 0.3), None)
        case Planted.BOUNDARY:
            return _make_world(n, one, (0.6, 0.5), None, culprits=(), right=Conclusion.NO_DROP)
        case Planted.BOUNDARY_END:
            return _make_world(n, (), (0.1,), known, right=Conclusion.SYSTEMIC)
        case Planted.RESCUED:
            rise, b = places(seed, 2, n)
            return _make_world(n, (rise, b), (LOW, 0.8, LOW), known, culprits=(b,), necessary=(b,))
        case Planted.DIP:
            a, rise = places(seed, 2, n)
            return _make_world(n, (a, rise), (0.6, 0.2, 0.6), None, culprits=(a,), necessary=())
        case Planted.FAINT:
            return _make_world(n, one, (0.6, 0.35), None)
        case Planted.TURNS:
            return evolve(_make_world(n, (), (0.5,), None, right=Conclusion.NO_DROP), sway=0.4)
        case Planted.WANDERING:
            return evolve(_make_world(n, (), (0.5,), None, right=Conclusion.NO_DROP), sway=0.3, period=20)
        case Planted.LOST:
            return evolve(_make_world(n, (), (0.5,), None, right=Conclusion.NO_DROP), lost=0.5)


def _make_world(
    n: int,
    steps: tuple[int, ...],
    levels: tuple[float, ...],
    final: float | None,
    *,
    culprits: tuple[int, ...] | None = None,
    necessary: tuple[int, ...] | None = None,
    right: Conclusion = Conclusion.STEP,
) -> World:
    """The world whose curve goes to the next of `levels` at each of `steps`."""
    curve = [levels[sum(arm > step for step in steps)] for arm in range(n)]
    curve.append(levels[-1] if final is None else final)
    needed = steps if necessary is None else necessary
    forced = tuple(curve[step] if step in needed else levels[-1] for step in range(n))
    blamed = steps if culprits is None else culprits
    return World(tuple(curve), frozenset(blamed), frozenset(needed), forced, frozenset({right}), final)
