"""What peers are fed is what was recorded, and the agent that feeds them measures what it says."""

from __future__ import annotations

import sys

from benchmarks import corpora, peers
from benchmarks.peers import wire


def test_a_file_gives_back_the_exchanges(tmp_path):
    exchanges = list(corpora.alone("A", 3))
    wire.write(tmp_path / "exchanges", map(peers.wired, exchanges))
    read = list(wire.read(tmp_path / "exchanges"))

    assert [one.body for one in read] == [one.request.body for one in exchanges]
    assert [tuple(one.chunks) for one in read] == [one.response.chunks for one in exchanges]


def test_the_agent_measures_a_recording_and_its_replay(tmp_path):
    wire.write(tmp_path / "exchanges", map(peers.wired, corpora.alone("A", 5)))
    found = peers.measured(sys.executable, "tracefork", tmp_path / "exchanges", replay=True)

    assert isinstance(found, peers.Measured), found
    assert found.same
    assert found.bytes > 0


def test_a_peer_that_fails_says_why(tmp_path):
    wire.write(tmp_path / "exchanges", map(peers.wired, corpora.alone("A", 3)))
    found = peers.measured(sys.executable, "no such recorder", tmp_path / "exchanges")

    assert found == peers.Missing("KeyError: 'no such recorder'")
