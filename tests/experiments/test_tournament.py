"""A tournament finds the fix that works, certifies it on fresh runs, and names none where none does."""

from __future__ import annotations

import asyncio
from random import Random

import pytest
from experiments import booths

import tracefork
from tracefork import Budget
from tracefork.edits import Replace
from tracefork.experiments.blocks import Ended, Side
from tracefork.experiments.evidence import Evidence
from tracefork.experiments.race import Race

FIXES = [Replace("0.2", "0.20"), Replace("0.2", "0.95"), Replace("0.2", "0.200")]


def race(rates, seed, most=120):
    """The final of fixes with these rates, the first of no change; and how many runs it took."""
    chance = Random(seed)
    design, ended, runs = Race(seed, (0,), len(rates) - 1, Evidence()), (), 0
    while runs < most and (block := design.draw(len(ended), ended)) is not None:
        sides = tuple(Side(arm, *[float(chance.random() < rates[arm])] * 2) for arm in block.arms)
        ended += (Ended(block, sides),)
        runs += len(sides)
    return design.weigh(ended), runs


@pytest.mark.parametrize("seed", range(4))
def test_the_fix_that_works_is_certified(seed):
    final, runs = race((0.1, 0.1, 0.1, 0.9, 0.1, 0.1), seed, 200)

    assert final.ranked[0] == 3
    assert final.is_best
    assert runs < 120


@pytest.mark.slow
def test_where_no_fix_works_none_is_certified():
    finals = [race((0.5,) * 6, seed, 100)[0] for seed in range(200)]

    assert sum(final.is_cure for final in finals) <= 9  # 2.5% are 5


def test_heats_wait_for_all_their_blocks_and_halve_the_fixes():
    design = Race(0, (0,), 5, Evidence())
    blocks = [design.draw(n, ()) for n in range(6)]
    ended = tuple(Ended(b, tuple(Side(a, a / 5, a / 5) for a in b.arms)) for b in blocks[:4])

    assert blocks[4:] == [None, None]
    assert sorted(blocks[0].arms) == [1, 2, 3, 4, 5]
    assert sorted(design.draw(4, ended).arms) == [4, 5]


def test_a_cure_of_a_run_is_found_and_told_with_its_interval():
    found = tracefork.tournament(booths.record(), booths.agent, FIXES, booths.booked)

    assert found.final.ranked[0] == 2
    assert found.final.is_cure
    assert found.cure == found.fixes[1]
    assert found.summary().startswith("CURE: ")
    assert found.summary().count("[+") >= 1
    assert found.runs == found.spent.calls


def test_tasks_find_the_same_and_a_ledger_goes_on(tmp_path):
    tape, path = booths.record(run_id="one"), tmp_path / "t.jsonl"
    tracefork.tournament(tape, booths.agent, FIXES, booths.booked, ledger=path, budget=Budget(forks=15))
    found = tracefork.tournament(tape, booths.agent, FIXES, booths.booked, ledger=path)
    beside = asyncio.run(tracefork.atournament(tape, booths.agent, FIXES, booths.booked, workers=3))

    assert found.final == beside.final


def test_without_a_final_there_is_no_cure():
    tape = booths.record()
    spent = tracefork.tournament(tape, booths.agent, FIXES, booths.booked, budget=Budget(forks=3))

    assert (spent.final, spent.cure) == (None, None)
    assert spent.summary().startswith("NO CURE FOUND")
    with pytest.raises(ValueError, match="there is no fix"):
        tracefork.tournament(tape, booths.agent, [], booths.booked)
