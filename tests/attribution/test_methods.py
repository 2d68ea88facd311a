"""Flip rates, mutations and direct effects, over real agents; and what is kept of a report."""

from __future__ import annotations

import json

import pytest
from attribution.planting import CULPRIT, STEPS, slips
from hypothesis import given, settings
from hypothesis import strategies as st

from tracefork import Budget
from tracefork.attribution.findings import saved
from tracefork.attribution.findings.tables import spending, table
from tracefork.attribution.forks.arms import Arm, Arms
from tracefork.attribution.forks.parts import Part
from tracefork.attribution.mutations import Poison, Text
from tracefork.attribution.search import direct
from tracefork.attribution.search.state import Grade, Tally
from tracefork.attribution.study.blame import blame
from tracefork.attribution.study.methods import FLOOR, ByDirectEffect
from tracefork.errors import CorruptTape
from tracefork.validation.planted import PlantedAgent, PlantedRun, recorded, succeeded


@pytest.mark.slow
def test_flip_rates_have_the_no_op_rate_beside_them(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, succeeded, method="flip", k=12, budget=Budget(forks=1000))
    assert report.forks == 2 * 12 * STEPS
    top = report.top()
    assert top.step == CULPRIT
    assert top.trials == 12
    assert top.excess > 0.4
    assert top.excess_low < top.excess < top.excess_high
    before = [entry for entry in report.ranking if entry.step < CULPRIT]
    assert all(entry.flip_rate > 0.5 and entry.noop_rate > 0.5 for entry in before), (
        "every earlier step flips"
    )
    assert not [entry for entry in report.named if entry.step != CULPRIT]


@pytest.mark.slow
def test_a_mutation_is_put_in_the_place_of_the_answer(planted):
    tape, agent, _ = planted
    text = Text(f"Step {CULPRIT} is sound.")
    report = blame(tape, agent, succeeded, method="flip", k=8, mutation=text, budget=Budget(forks=1000))
    of = {entry.step: entry for entry in report.ranking}
    assert of[CULPRIT].flip_rate > 0.5
    assert of[CULPRIT].noop_rate < 0.5
    assert all(of[step].flip_rate < 0.6 for step in range(CULPRIT + 1, STEPS))


def test_a_mutation_that_changes_nothing_leaves_the_step_out(planted):
    tape, agent, _ = planted
    report = blame(
        tape, agent, succeeded, method="flip", k=1, mutation=Poison("seat", 1), budget=Budget(forks=99)
    )
    assert report.untrusted == tuple(range(STEPS))
    assert report.notes == (("the mutation changes nothing here", STEPS),)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_no_draw_is_made_twice_whichever_ends_first(random, batch):
    arms = Arms(tuple(Arm(Part(i), i, i or None, i + 1) for i in range(3)), 3)
    method = ByDirectEffect(direct.init(direct.Screen(3, batch=batch)), arms, Tally())
    flying, seen = [], []
    while True:
        begun = method.plan(tuple(flying))
        flying += begun
        seen += begun
        if not flying:
            break
        probe = flying.pop(random.randrange(len(flying)))
        method = method.observe(probe, random.choice([Grade.SUCCESS, Grade.FAILURE, Grade.ERROR]), 1.0)
    assert len(seen) == len(set(seen))
    assert sum(probe.arm == 3 for probe in seen) == FLOOR


@pytest.mark.slow
def test_both_halves_of_a_conjunction_are_found_by_their_direct_effect():
    both = PlantedRun(
        "conjunction",
        STEPS,
        frozenset({1, 5}),
        lambda flags: 0.05 if flags[1] and flags[5] else 0.95,
        slips(1, 5),
        after=True,
    )
    tape, server = recorded(both)
    with server:
        agent = PlantedAgent(server.url, STEPS, after=True)
        report = blame(tape, agent, succeeded, method="direct", tools="live", budget=Budget(forks=400))
    assert {entry.step for entry in report.named} == {1, 5}
    assert report.spent.calls < report.forks, "the forks that find the floor ask no model"
    assert report.given > 0


@pytest.mark.slow
def test_a_report_is_told_kept_and_read_again(planted, tmp_path):
    tape, agent, _ = planted
    report = blame(tape, agent, succeeded)
    assert saved.loads(saved.dumps(report)) == report
    assert json.loads(saved.dumps(report))["top"] == CULPRIT
    assert f"step {CULPRIT} decided the outcome" in report.summary
    assert "caused" not in report.summary
    lines = list(table(report))
    assert lines[1].split()[0] == str(CULPRIT)
    assert "decided" in lines[1]
    assert f"{report.forks} forks" in spending(report)
    for text in ("", "{}", "[]", '{"verdict": "MAYBE", "ranking": []}'):
        with pytest.raises(CorruptTape, match="no report of blame"):
            saved.loads(text)
