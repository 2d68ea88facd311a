"""Oracles that do not stand by their word, and those that give scores: what is known is measured."""

from __future__ import annotations

import asyncio
import random

import pytest
from attribution.planting import CULPRIT

from tracefork.attribution.findings.tables import summary
from tracefork.attribution.oracles import check_answer
from tracefork.attribution.study.blame import ablame, blame
from tracefork.validation.planted import succeeded


def flipping(share, seed):
    """An oracle that says the opposite of what is so with a chance of `share`."""
    chance = random.Random(seed)
    return lambda result: succeeded(result) != (chance.random() < share)


@pytest.mark.slow
def test_an_oracle_that_errs_names_no_step_that_did_nothing(planted):
    tape, agent, _ = planted
    named = [
        [entry.step for entry in blame(tape, agent, flipping(0.3, seed), seed=seed).named]
        for seed in range(4)
    ]
    assert all(steps in ([], [CULPRIT]) for steps in named)


@pytest.mark.slow
def test_the_value_of_the_whole_run_is_measured_where_the_oracle_wavers(planted):
    tape, agent, _ = planted
    said = iter([True, False, False, False])
    report = blame(tape, agent, lambda result: next(said, succeeded(result)))
    assert report.values[-1].forks > 0
    assert report.verdict != "UNSTABLE"


@pytest.mark.slow
def test_nothing_is_named_by_an_oracle_that_takes_back_its_word(planted):
    tape, agent, _ = planted
    said = []

    def turns(result):
        said.append(result)
        return succeeded(result) if len(said) < 20 else True

    report = blame(tape, agent, turns)
    assert report.verdict == "UNSTABLE"
    assert report.named == () and report.segment == () and report.values == ()
    assert "was judged otherwise than before" in summary(report)
    assert "best guess" not in summary(report)


@pytest.mark.slow
def test_an_oracle_that_breaks_in_the_end_loses_no_fork(planted):
    tape, agent, _ = planted
    said = []

    async def breaks(result):
        said.append(result)
        if len(said) > 20:
            raise RuntimeError("the judge is away")
        return succeeded(result)

    report = asyncio.run(ablame(tape, agent, breaks))
    assert report.verdict == "UNSTABLE"
    assert report.forks > 0


@pytest.mark.slow
def test_scores_are_weighed_as_they_are(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, lambda result: 0.9 if succeeded(result) else 0.05, seed=2)
    assert [entry.step for entry in report.named] in ([], [CULPRIT])
    assert report.top().step == CULPRIT
    assert report.values[-1].forks > 0, "a score between is measured"


@pytest.mark.parametrize("answer", [1.5, -0.1, float("nan")])
def test_a_score_out_of_range_is_refused(answer):
    with pytest.raises(ValueError, match="a score is within"):
        check_answer(answer, succeeded)


@pytest.mark.parametrize("answer", ["yes", 1j, [True]])
def test_what_is_no_answer_is_refused(answer):
    with pytest.raises(TypeError, match="True, False, None or a score"):
        check_answer(answer, succeeded)
