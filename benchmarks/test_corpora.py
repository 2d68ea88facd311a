"""The runs are what they say: well formed, the same every time, and of the shape that is asked for."""

from __future__ import annotations

import itertools
import json

import pytest

import tracefork
from benchmarks import corpora

TURNS = 12


@pytest.mark.parametrize("name", corpora.CORPORA)
def test_a_run_is_made_of_json_and_survives_packing(name):
    tape = corpora.tape(corpora.CORPORA[name](TURNS), name)

    assert all(json.loads(one.request.body)["stream"] for one in tape)
    assert all(one.response.body.startswith((b"event: message_start", b"data: {")) for one in tape)
    assert tracefork.loads(tracefork.dumps(tape)) == tape


@pytest.mark.parametrize("name", corpora.CORPORA)
def test_a_handful_of_headers_changes_from_call_to_call(name):
    for before, after in itertools.pairwise(corpora.CORPORA[name](TURNS)):
        asked = set(after.request.headers) - set(before.request.headers)
        said = set(after.response.headers) - set(before.response.headers)

        assert len(after.request.headers) == len(after.response.headers) == 17
        assert len(asked) <= 2
        assert 3 <= len(said) <= 8


@pytest.mark.parametrize("name", corpora.SHAPES)
def test_a_longer_run_begins_as_a_shorter_one_does(name):
    assert list(corpora.alone(name, TURNS))[:5] == list(corpora.alone(name, 5))


def test_a_run_grows_by_what_was_said():
    bodies = [one.request.body for one in corpora.alone("A", TURNS)]

    for before, after in itertools.pairwise(bodies):
        said = json.loads(before)["messages"]
        assert json.loads(after)["messages"][: len(said)] == said


def test_a_stamp_at_the_top_leaves_nothing_in_common():
    first, second = (json.loads(one.request.body) for one in corpora.alone("B-stamp", 2))

    assert first["messages"][0]["content"][:40] != second["messages"][0]["content"][:40]


def test_a_crew_asks_while_others_wait():
    tape = corpora.tape(corpora.crew(40), "C")
    ticks = [tick for one in tape for tick in (one.span.began, one.span.headed, one.span.ended)]

    assert len({one.lane for one in tape}) >= 5
    assert any(after.span.began < before.span.ended for before, after in itertools.pairwise(tape))
    assert sorted(ticks) == list(range(3 * 40))


def test_a_fork_is_its_parent_up_to_its_step():
    parent, forks = corpora.forks(10, 20)
    for fork in forks:
        tape = corpora.branch(parent, fork, "fork")

        assert tape.steps[: fork.step] == parent.steps[: fork.step]
        assert tape[fork.step].request.body != parent[fork.step].request.body
        assert [one.span.began for one in tape] == list(range(0, 3 * len(tape), 3))
