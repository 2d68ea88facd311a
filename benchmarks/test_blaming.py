"""The designs of the table see the same runs, and forks cost what they are made of."""

from __future__ import annotations

import os

import pytest

from benchmarks import blaming
from benchmarks.peers import Missing
from tracefork.validation.worlds import Planted


def test_our_search_names_the_culprit_and_no_innocent_for_a_part_of_the_calls():
    found = blaming.compared(Planted.CLEAR, 100, 20, published=False)
    ours, uniform = found["tracefork"], found["ten forks a step"]

    assert isinstance(ours, blaming.Score)
    assert isinstance(uniform, blaming.Score)
    assert (ours.guessed, ours.innocent) == (1.0, 0.0)
    assert ours.calls < 0.1 * uniform.calls


@pytest.mark.nightly  # it has an environment to be made
def test_the_published_release_ranks_by_itself():
    found = blaming.compared(Planted.CLEAR, 10, 20)
    live, recorded = found["1.0.0, live tails"], found["1.0.0, recorded tails"]
    if isinstance(live, Missing) or isinstance(recorded, Missing):
        pytest.skip(f"tracefork 1.0.0: {live}")

    assert recorded.guessed > 0.9  # the design that suits these worlds
    assert live.innocent > 0.9  # every step before the mistake changes the outcome, when all after it is new


def test_forks_are_made_of_their_prefix_and_their_tail():
    found = blaming.overhead(20)

    assert found.bare < found.recorded < found.forks
    assert found.beyond < found.beyond_bare


@pytest.mark.nightly  # times are of this machine and this hour
def test_forks_cost_no_more_than_replaying_their_prefixes():
    assert blaming.overhead().beyond <= 1.1


@pytest.mark.nightly  # it needs two processors that do nothing else
@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="there is one processor")
def test_four_workers_are_sooner_done():
    alone, together = blaming.spread(0.0)

    assert alone / together >= 1.7
