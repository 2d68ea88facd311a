"""Experiments: what a comparison and a tournament decide, and the live runs they take beside fixed designs.

Worlds are rates of success for each tape and version. The fixed comparison makes 200 runs an arm, decided by
exact (Clopper-Pearson) bounds of both arms, each at half of alpha. The uniform one runs each fix and no
change equally often, and certifies the best against no change and the second with alpha shared by all fixes;
its runs are the fewest that reach the certificate in 95 of 100 worlds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from random import Random

from attrs import frozen

from tracefork.attribution.statistics.bets import of, weigh_above
from tracefork.attribution.statistics.intervals import clopper_pearson
from tracefork.experiments.blocks import Ended, Side
from tracefork.experiments.evidence import Evidence, Verdict
from tracefork.experiments.pairs import Pairs
from tracefork.experiments.race import Race

ALPHA = 0.05
FIXED = 200
"""Runs of each arm in the fixed design."""
MOST = 300
"""Blocks at most."""
FIXES = (0.2, 0.8, 0.2, 0.2, 0.2)
"""How often a run succeeds with each fix; 0.2 is no change."""

Rates = Sequence[tuple[float, float]]


@frozen
class Row:
    """Of all repetitions: how often each verdict came, or that of the fixed design; the share of its runs."""

    better: float
    worse: float
    agrees: float
    runs: float


def compare(rates: Rates, margin: float, seed: int) -> tuple[Verdict, int]:
    """Return the verdict, looked at after every pair, and the runs that it took, controls among them."""
    chance = Random(seed)
    pairs = Pairs(seed, tuple(range(len(rates))), Evidence(ALPHA, margin))
    ended: tuple[Ended, ...] = ()
    while len(ended) < MOST and (block := pairs.draw(len(ended), ended)) is not None:
        scores = [float(chance.random() < rates[block.tape][arm]) for arm in block.arms]
        ended += (Ended(block, tuple(Side(a, s, s) for a, s in zip(block.arms, scores, strict=True))),)
    return pairs.weigh(ended).verdict, 2 * len(ended)


def compare_fixed(rates: Rates, margin: float, seed: int) -> Verdict:
    """Return the verdict of 200 runs an arm, spread over the tapes."""
    chance = Random(seed)
    before, after = (
        clopper_pearson(
            sum(chance.random() < rates[n % len(rates)][arm] for n in range(FIXED)), FIXED, 1 - ALPHA / 2
        )
        for arm in (0, 1)
    )
    least, most = after.low - before.high, after.high - before.low
    if least > 0:
        return Verdict.BETTER
    if most < 0:
        return Verdict.WORSE
    return Verdict.SAME if -margin < least and most < margin else Verdict.NOT_DECIDED


def measure(rates: Rates, margin: float, repetitions: int, seed: int = 2026) -> Row:
    """Return the row of a world."""
    found = [compare(rates, margin, seed + n) for n in range(repetitions)]
    fixed = [compare_fixed(rates, margin, seed + n) for n in range(repetitions)]
    verdicts = [verdict for verdict, _ in found]
    return Row(
        verdicts.count(Verdict.BETTER) / repetitions,
        verdicts.count(Verdict.WORSE) / repetitions,
        sum(a is b for a, b in zip(verdicts, fixed, strict=True)) / repetitions,
        sum(runs for _, runs in found) / repetitions / (2 * FIXED),
    )


def race(seed: int, fixes: Sequence[float] = FIXES) -> tuple[bool, bool, int]:
    """Return whether the right fix is certified, whether any other is, and the runs that it took."""
    chance, rates = Random(seed), (0.2, *fixes)
    design = Race(seed, (0,), len(fixes), Evidence(ALPHA))
    ended: tuple[Ended, ...] = ()
    while len(ended) < MOST and (block := design.draw(len(ended), ended)) is not None:
        scores = [float(chance.random() < rates[arm]) for arm in block.arms]
        ended += (Ended(block, tuple(Side(a, s, s) for a, s in zip(block.arms, scores, strict=True))),)
    final = design.weigh(ended)
    right = final is not None and final.is_best and final.ranked[0] == 2
    wrong = final is not None and final.is_cure and final.ranked[0] != 2
    return right, wrong, sum(len(one.sides) for one in ended)


def find_uniform(repetitions: int, seed: int = 2026) -> int:
    """Return the runs of the smallest uniform tournament that certifies the right fix in 95 of 100 worlds."""
    for blocks in range(8, 100, 2):
        if sum(_certifies(blocks, seed + n) for n in range(repetitions)) >= 0.95 * repetitions:
            return blocks * (1 + len(FIXES))
    raise AssertionError("no uniform design of less than 100 blocks certifies it")


def _certifies(blocks: int, seed: int) -> bool:
    chance, rates = Random(seed), (0.2, *FIXES)
    rows = [[float(chance.random() < rate) for rate in rates] for _ in range(blocks)]
    first, second = sorted(range(1, len(rates)), key=lambda arm: -sum(row[arm] for row in rows))[:2]
    needed = math.log(len(FIXES) / ALPHA)
    against = (of(row[first] - row[other] for row in rows) for other in (0, second))
    return first == 2 and all(weigh_above(seen, 0.0) >= needed for seen in against)
