"""Flip rates, mutations and direct effects, over real agents; and what is kept of a report."""

from __future__ import annotations

import json
from random import Random

import httpx
import pytest
from attribution.planting import CULPRIT, STEPS, slips
from hypothesis import given, settings
from hypothesis import strategies as st

import tracefork
from tracefork import Budget, Response
from tracefork.attribution.findings import saved
from tracefork.attribution.findings.tables import points, spending, summary, table
from tracefork.attribution.forks.arms import Arm, Arms
from tracefork.attribution.forks.parts import Part
from tracefork.attribution.mutations import Poison, Text
from tracefork.attribution.search import direct
from tracefork.attribution.search.state import Grade, Tally
from tracefork.attribution.study.blame import blame
from tracefork.attribution.study.methods import FLOOR, ByDirectEffect
from tracefork.errors import CorruptTape
from tracefork.report.model.blame import Blame
from tracefork.testing.scripted import by_rule, transport
from tracefork.validation.planted import (
    RECORDING,
    PlantedAgent,
    PlantedRun,
    read_seed,
    recorded,
    succeeded,
)


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
    assert report.named == (), "not even the culprit: what a run cannot bear is no cause"


class Brittle:
    """An agent that stops at any answer it does not know; `unsteady` forks end well by themselves."""

    def __init__(self, unsteady=0.0):
        self.unsteady = unsteady
        self.script = by_rule(lambda request: Response(200, (), (b"heard " + request.body,)))

    def __call__(self):
        run = tracefork.current()
        with httpx.Client(transport=transport(self.script, httpx)) as client:
            for step in range(4):
                if client.post("http://model/", content=f"{step}".encode()).text != f"heard {step}":
                    return "stopped"
        seed = read_seed(run)
        return "stopped" if seed != RECORDING and Random(seed).random() < self.unsteady else "done"


@pytest.mark.parametrize("unsteady", [0.0, 0.2])
def test_a_mutation_that_harms_everywhere_names_no_step(unsteady):
    agent = Brittle(unsteady)
    with tracefork.record() as run:
        agent()
    report = blame(
        run.tape,
        agent,
        lambda result: result == "done",
        method="flip",
        mutation=Text("?"),
        k=12,
        budget=Budget(forks=200),
    )

    assert [entry.flip_rate for entry in report.ranking] == [1.0] * 4
    assert report.named == ()
    assert report.verdict == "NOT_IDENTIFIED_WITHIN_BUDGET"
    assert report.harm == pytest.approx(1 - unsteady, abs=0.15)
    told = summary(report)
    assert "no step is named, since a mutation shows what a run cannot bear" in told
    assert f"more often by {points(report.harm)}: so much it harms wherever it is made." in told
    assert "within the budget." not in told
    assert Blame.of(report).conclusion == "no step named: a mutation shows what a run cannot bear"
    assert saved.loads(saved.dumps(report)) == report


def test_steps_that_are_only_asked_anew_may_be_certified():
    script = by_rule(lambda request: Response(200, (), (b"well" if said else b"ill",)))
    said = []

    def agent():
        with httpx.Client(transport=transport(script, httpx)) as client:
            return client.post("http://model/", content=b"how").text

    with tracefork.record() as run:
        agent()
    said.append(True)
    report = blame(run.tape, agent, lambda result: result == "well", method="flip", k=20, repeats="drawn")
    assert ([entry.step for entry in report.named], report.harm) == ([0], None)


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
