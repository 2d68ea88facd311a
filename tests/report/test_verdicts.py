"""What a report says of a replay is what the verdict said."""

from __future__ import annotations

import httpx
import pytest
from attrs import evolve
from report import stories

import tracefork
from tracefork import report
from tracefork.providers import anthropic
from tracefork.report.page import step_list
from tracefork.testing import scripted


def pill(verified, tape=None):
    """The pill of a verdict: its kind, and what it says."""
    head = step_list.head(report.view(tape or stories.release(), verified=verified))
    return next((kind, said) for kind, said, _ in head.pills if "replay" in said)


@pytest.mark.parametrize(
    ("verdict", "said"),
    [
        (stories.Verdict(True, 10, 10), ("good", "replays bit-exact")),
        (stories.Verdict(False, 7, 10), ("warn", "a replay matched 7 of 10")),
        (stories.Verdict(False, 10, 10), ("warn", "a replay differed")),
    ],
)
def test_only_a_replay_that_was_ok_is_called_exact(verdict, said):
    assert pill(verdict) == said


@pytest.mark.parametrize(
    ("ok", "said"), [(True, ("good", "replays, without an exchange")), (False, ("warn", "a replay differed"))]
)
def test_of_an_empty_run_nothing_is_called_exact(ok, said):
    assert pill(stories.Verdict(ok, 0, 0), evolve(stories.release(), steps=())) == said


def test_a_verdict_of_another_run_and_what_is_none_are_refused():
    with pytest.raises(ValueError, match="on 9 exchanges, and the run has 10"):
        report.view(stories.release(), verified=stories.Verdict(True, 9, 9))
    with pytest.raises(TypeError, match="ok, matched and total"):
        report.html(stories.release(), verified=10)


def test_the_verdict_of_an_agent_that_does_more_than_it_did_is_no_exact_one():
    def agent(times=2):
        for _ in range(times):
            client.post(stories.URL, json={"model": "claude-sonnet-4-5", "max_tokens": 9, "messages": []})

    client = httpx.Client(transport=scripted.transport(scripted.Script(*[anthropic.text("Yes.")] * 2), httpx))
    with tracefork.record() as run:
        agent()
    verdict = tracefork.verify(run.tape, lambda: agent(times=3))

    assert verdict.matched == verdict.total == 2
    assert pill(verdict, run.tape) == ("warn", "a replay differed")
    assert pill(tracefork.verify(run.tape, agent), run.tape) == ("good", "replays bit-exact")


def test_a_replay_that_parted_says_where_and_how_to_go_on():
    def ask(text):
        with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
            client.post("https://model.example/", json={"text": text})

    with tracefork.record(run_id="first") as run:
        ask("a flight")

    verdict = tracefork.verify(run.tape, lambda: ask("a train"))
    head = step_list.head(report.view(run.tape, verified=verdict))
    [long] = [told for _, said, told in head.pills if "replay" in said]

    assert "the tape has 'a flight', the agent 'a train'; tracefork rerun first goes on from there" in long
