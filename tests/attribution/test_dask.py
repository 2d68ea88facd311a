"""Forks on a Dask cluster of real worker processes come to what one process comes to."""

from __future__ import annotations

import pytest

from tracefork.attribution.study.blame import blame
from tracefork.validation.planted import PlantedAgent, PlantedRun, recorded

distributed = pytest.importorskip("distributed", reason="Dask is not installed: pip install distributed")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Dask's own
]


def test_a_cluster_comes_to_the_same_conclusion_and_keeps_its_forks(tmp_path):
    world = PlantedRun("dask", 6, frozenset({2}), unless_spoiled, (0.0, 0.0, 0.1, 0.0, 0.0, 0.0))
    tape, server = recorded(world)
    oracle = "tracefork.validation.planted:succeeded"
    how = {"barrier": True, "batch": 4}
    store = tmp_path / "runs.db"
    with server:
        agent = PlantedAgent(server.url, 6)
        here = blame(tape, agent, oracle, **how)
        with (
            distributed.LocalCluster(
                n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
            ) as cluster,
            distributed.Client(cluster) as client,
        ):
            there = blame(tape, agent, oracle, executor=client.get_executor(), store=store, **how)

    assert there.verdict == here.verdict == "STEP"
    assert [(e.step, e.value_drop, e.low, e.high) for e in there.ranking] == [
        (e.step, e.value_drop, e.low, e.high) for e in here.ranking
    ]
    assert len({run_id for entry in there.ranking for run_id in entry.branches}) == there.forks


def unless_spoiled(flags):
    return 0.05 if flags[2] else 0.95
