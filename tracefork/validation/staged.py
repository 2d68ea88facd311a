"""The planted worlds of `validation.worlds` as runs of a real agent, to try all of blame on."""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve

from tracefork.attribution.statistics.chance import places
from tracefork.validation.worlds import HIGH, LOW, WRONG, Planted

from .planted import PlantedRun

__all__ = ["stage"]

Flags = tuple[bool, ...]


def stage(kind: Planted, n: int, seed: int) -> PlantedRun:
    """Return a run of `n` steps with the fault `kind`, at places that follow from `seed`."""
    one = places(seed, 1, n)[0]
    two = places(seed, 2, n)
    early = places(seed, 1, n - 3)[0]
    match kind:
        case Planted.CLEAR:
            return _make_run(kind, n, {one}, _fall_at(0.9, LOW, one))
        case Planted.ROOT:
            return _make_run(kind, n, {early}, _fall_at(HIGH, LOW, early), {early: WRONG})
        case Planted.DECOYS:
            decoys = dict.fromkeys(range(early + 1, n), 0.5)
            return _make_run(kind, n, {early, *decoys}, _fall_at(HIGH, LOW, early), {early: WRONG, **decoys})
        case Planted.ECHO:
            later = tuple((step, step - 1) for step in range(early + 1, n))
            return _make_run(kind, n, set(range(early, n)), _fall_at(HIGH, LOW, n - 1), {early: WRONG}, later)
        case Planted.LATE:
            late = n - max(1, n // 10)
            return _make_run(kind, n, {late}, _fall_at(HIGH, LOW, late), {late: WRONG})
        case Planted.CONJUNCTION:
            both = lambda flags: LOW if all(flags[step] for step in two) else HIGH  # noqa: E731
            return _make_run(kind, n, set(two), both, dict.fromkeys(two, 0.3))
        case Planted.REDUNDANCY:
            return _make_run(kind, n, set(two), _fall_at(HIGH, LOW, *two), dict.fromkeys(two, WRONG))
        case Planted.RECOVERY:
            a, rise, b = places(seed, 3, n)

            def recovers(flags: Flags) -> float:
                return LOW if flags[b] or (flags[a] and not flags[rise]) else HIGH

            return _make_run(kind, n, {a, rise, b}, recovers, {a: WRONG, rise: 0.3, b: WRONG})
        case Planted.TWO:
            return _make_run(
                kind, n, set(two), lambda flags: (HIGH, 0.5, LOW)[sum(flags[step] for step in two)]
            )
        case Planted.DRIFT:
            return _make_run(kind, n, set(range(n)), lambda flags: 0.85 * (1 - sum(flags) / n))
        case Planted.SYSTEMIC:
            return _make_run(kind, n, set(), lambda _: 0.02)
        case Planted.FLAT | Planted.FLAT_LOW:
            rate = {Planted.FLAT: 0.9, Planted.FLAT_LOW: 0.3}[kind]
            return _make_run(kind, n, set(), lambda _: rate, after=True)
        case Planted.FLOOR_10 | Planted.FLOOR_20 | Planted.FLOOR_30:
            floor = {Planted.FLOOR_10: 0.1, Planted.FLOOR_20: 0.2, Planted.FLOOR_30: 0.3}[kind]
            return _make_run(kind, n, {one}, _fall_at(0.8, floor, one), after=True)
        case Planted.BOUNDARY:
            return _make_run(kind, n, {one}, _fall_at(0.6, 0.5, one), after=True)
        case Planted.BOUNDARY_END:
            return _make_run(kind, n, set(), lambda _: 0.1)
        case Planted.RESCUED:
            rise, b = two
            return _make_run(kind, n, {b}, _fall_at(HIGH, LOW, rise, b), {rise: 0.95, b: WRONG})
        case Planted.DIP:
            a, mended = two
            dips = lambda flags: 0.2 if flags[a] and not flags[mended] else 0.6  # noqa: E731
            return _make_run(kind, n, {a, mended}, dips, after=True)
        case Planted.FAINT:
            return _make_run(kind, n, {one}, _fall_at(0.6, 0.35, one), after=True)
        case Planted.TURNS:
            return evolve(_make_run(kind, n, set(), lambda _: 0.5, after=True), sway=0.4)
        case Planted.WANDERING:
            return evolve(_make_run(kind, n, set(), lambda _: 0.5, after=True), sway=0.3, period=20)
        case Planted.LOST:
            return evolve(_make_run(kind, n, set(), lambda _: 0.5, after=True), lost=0.5)


def _fall_at(high: float, low: float, *steps: int) -> Callable[[Flags], float]:
    """The success rate of a run: `high`, or `low` once one of `steps` is spoiled."""
    return lambda flags: low if any(flags[step] for step in steps) else high


def _make_run(
    kind: Planted,
    n: int,
    spoiled: set[int],
    success: Callable[[Flags], float],
    chance: dict[int, float] | None = None,
    echoes: tuple[tuple[int, int], ...] = (),
    *,
    after: bool = False,
) -> PlantedRun:
    odds = tuple((chance or {}).get(step, 0.0) for step in range(n))
    return PlantedRun(str(kind), n, frozenset(spoiled), success, odds, echoes, after)
