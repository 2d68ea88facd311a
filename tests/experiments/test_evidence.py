"""What pairs show is wrong no more often than said, however often one looks and however tapes differ."""

from __future__ import annotations

from random import Random

import pytest

from tracefork.experiments.blocks import Ended, Side, draw_block
from tracefork.experiments.evidence import Evidence, Verdict
from tracefork.experiments.pairs import Pairs

TOUCHED = tuple(range(6))


def compare(rates, seed, most=100, start=None):
    """The evidence after at most `most` pairs; `rates[tape]` are those of before and after."""
    chance = Random(seed)
    pairs, ended = Pairs(seed, tuple(range(len(rates))), start or Evidence()), ()
    while len(ended) < most and (block := pairs.draw(len(ended), ended)) is not None:
        sides = [Side(arm, *[float(chance.random() < rates[block.tape][arm])] * 2) for arm in block.arms]
        ended += (Ended(block, tuple(sides)),)
    return pairs.weigh(ended)


def fill(low, high, share=1.0, margin=0.1, count=60):
    evidence = Evidence(margin=margin, share=share)
    for _ in range(count):
        evidence = evidence.add(low, high)
    return evidence


@pytest.mark.slow
def test_tapes_that_differ_lead_to_no_false_verdict():
    """Half of the tapes gain .8 by the change, half lose it: on average it does nothing."""
    rates = [(0.1, 0.9)] * 3 + [(0.9, 0.1)] * 3
    verdicts = [compare(rates, seed).verdict for seed in range(200)]

    assert verdicts.count(Verdict.BETTER) <= 9  # 2.5% are 5
    assert verdicts.count(Verdict.WORSE) <= 9


@pytest.mark.parametrize(("rates", "verdict"), [((0.2, 0.8), "BETTER"), ((0.8, 0.2), "WORSE")])
def test_a_large_difference_is_found(rates, verdict):
    found = [compare([rates] * 3, seed, 60).verdict for seed in range(8)]

    assert found == [verdict] * 8


def test_equal_agents_are_the_same_within_the_margin():
    found = fill(0.0, 0.0)

    assert found.verdict is Verdict.SAME
    assert -0.1 < found.interval.low < 0 < found.interval.high < 0.1


def test_a_score_that_is_not_known_is_no_evidence_for_either_side():
    assert fill(-1.0, 1.0).verdict is Verdict.NOT_DECIDED
    assert fill(0.0, 1.0).verdict is Verdict.NOT_DECIDED


def test_tapes_that_are_not_touched_count_as_no_difference():
    found = fill(1.0, 1.0, share=0.25, margin=0.5, count=20)

    assert found.mean == 0.25
    assert found.interval.high == 0.25
    assert found.verdict is Verdict.BETTER
    assert Evidence(share=0.05).verdict is Verdict.SAME  # whatever the change does there
    assert Evidence(share=0.0).mean == 0.0


def test_verdict_and_interval_say_the_same():
    for seed in range(10):
        found = compare([(0.3, 0.7)] * 2, seed, 40)
        assert (found.verdict is Verdict.BETTER) == (found.interval.low > 0)
        assert found.interval.low <= found.mean <= found.interval.high


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"margin": 1.0}, {"share": 1.5}])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ValueError, match=f"{next(iter(wrong))}= is within"):
        Evidence(**wrong)


def test_blocks_follow_from_the_seed_and_their_number():
    blocks = [draw_block(n, 7, TOUCHED, (0, 1)) for n in range(300)]

    assert blocks == [draw_block(n, 7, TOUCHED, (0, 1)) for n in range(300)]
    assert {block.tape for block in blocks} == set(TOUCHED)
    assert 100 < sum(block.arms == (0, 1) for block in blocks) < 200
    with pytest.raises(ValueError, match="a tape and an arm"):
        draw_block(0, 7, (), (0, 1))


def test_pairs_that_end_after_the_verdict_do_not_change_it():
    pairs = Pairs(0, (0,), Evidence())
    won = [Ended(draw_block(n, 0, (0,), (0, 1)), (Side(0, 0, 0), Side(1, 1, 1))) for n in range(12)]
    lost = [Ended(draw_block(n, 0, (0,), (0, 1)), (Side(0, 1, 1), Side(1, 0, 0))) for n in range(12, 30)]

    assert pairs.weigh((*won, *lost)).verdict is Verdict.BETTER
    assert pairs.draw(30, (*won, *lost)) is None
    with pytest.raises(ValueError, match="has arms"):
        won[0].subtract(2)
