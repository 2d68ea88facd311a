"""Ray's own workers, on loopback: the contract of an executor, and forks that are made there."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, CancelledError, wait
from pathlib import Path

import pytest
from attrs import frozen

import tracefork
from tracefork import Budget
from tracefork.attribution.study.blame import blame
from tracefork.validation.planted import PlantedAgent, PlantedRun, recorded

ray = pytest.importorskip("ray", reason="Ray is not installed: pip install ray")

pytestmark = [
    pytest.mark.peers,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore"),  # Ray's own
]

WAIT = 60  # seconds that no test needs


@pytest.fixture(scope="module", autouse=True)
def cluster():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        paths = os.pathsep.join([str(Path(__file__).parents[1]), str(Path(tracefork.__file__).parents[1])])
        patch.setenv("PYTHONPATH", paths)
        ray.init(
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            _node_ip_address="127.0.0.1",
        )
        yield
        ray.shutdown()


@pytest.fixture
def pool():
    with tracefork.executors.ray() as made:
        yield made


def test_calls_are_made_in_other_processes_side_by_side(pool, tmp_path):
    def meet(mine, other):
        (tmp_path / mine).touch()
        until = time.monotonic() + WAIT
        while not (tmp_path / other).exists() and time.monotonic() < until:
            time.sleep(0.01)
        return os.getpid(), (tmp_path / other).exists()

    (one, met), (two, too) = (f.result(WAIT) for f in [pool.submit(meet, *ab) for ab in ("ab", "ba")])

    assert met
    assert too
    assert len({one, two, os.getpid()}) == 3


def test_results_are_mapped_in_order_and_waited_for(pool):
    assert list(pool.map(lambda x, y: x * y, range(5), range(5), timeout=WAIT)) == [0, 1, 4, 9, 16]

    soon = pool.submit(str, 1)
    assert soon in wait([soon], WAIT, FIRST_COMPLETED).done


def test_what_a_call_raises_is_raised_as_it_is(pool):
    with pytest.raises(ZeroDivisionError) as caught:
        pool.submit(lambda: 1 / 0).result(WAIT)

    assert type(caught.value) is ZeroDivisionError


def test_what_cannot_be_sent_is_refused_at_once(pool):
    import threading

    with pytest.raises(TypeError, match="serialize"):
        pool.submit(print, threading.Lock())


def test_a_call_whose_worker_dies_is_made_once_and_breaks(pool, tmp_path):
    def die():
        with (tmp_path / "began").open("a") as file:
            file.write("x")
        os._exit(1)

    with pytest.raises(BrokenExecutor, match="Ray lost a task"):
        pool.submit(die).result(WAIT)
    assert (tmp_path / "began").read_text() == "x"
    assert pool.submit(int, "7").result(WAIT) == 7


def test_a_call_that_is_cancelled_while_it_waits_never_begins(pool, tmp_path):
    def hold(name):
        (tmp_path / name).touch()
        until = time.monotonic() + WAIT
        while not (tmp_path / "go").exists() and time.monotonic() < until:
            time.sleep(0.01)

    busy = [pool.submit(hold, f"busy{n}") for n in range(2)]
    while not all((tmp_path / f"busy{n}").exists() for n in range(2)):
        time.sleep(0.01)
    queued = pool.submit(hold, "queued")

    assert queued.cancel()
    (tmp_path / "go").touch()
    for future in busy:
        future.result(WAIT)
    pool.shutdown()
    assert not (tmp_path / "queued").exists()
    with pytest.raises(CancelledError):
        queued.result(WAIT)


def test_after_a_shutdown_nothing_is_taken_and_a_connection_of_somebody_elses_stays(pool):
    pool.shutdown()

    with pytest.raises(RuntimeError, match="was shut down"):
        pool.submit(int)
    assert ray.is_initialized()


def test_a_second_address_is_refused():
    with pytest.raises(ValueError, match="connected to Ray already"):
        tracefork.executors.ray(address="auto")


CONNECTING = """
import sys, ray, tracefork
with tracefork.executors.ray(address=sys.argv[1]) as pool:
    print(pool.submit(int, "7").result(60), ray.is_initialized())
print(ray.is_initialized())
"""


def test_a_connection_that_was_made_for_it_ends_with_it():
    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, "-c", CONNECTING, address]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=WAIT)

    assert done.stdout.split() == ["7", "True", "False"]


def test_there_are_as_many_workers_as_cpus(pool):
    assert pool._max_workers == 2
    with tracefork.executors.ray(5, num_cpus=0.1) as many:
        assert many._max_workers == 5


def unless_spoiled(flags):
    return 0.05 if flags[2] else 0.95


WORLD = PlantedRun("ray", 6, frozenset({2}), unless_spoiled, (0.0, 0.0, 0.1, 0.0, 0.0, 0.0))
ORACLE = "tracefork.validation.planted:succeeded"


def test_a_cluster_comes_to_the_same_conclusion_and_keeps_its_forks(pool, tmp_path):
    tape, server = recorded(WORLD)
    how = {"barrier": True, "batch": 4}
    with server:
        agent = PlantedAgent(server.url, 6)
        here = blame(tape, agent, ORACLE, **how)
        there = blame(tape, agent, ORACLE, executor=pool, store=tmp_path / "runs.db", **how)

    assert there.verdict == here.verdict == "STEP"
    assert [(e.step, e.value_drop, e.low, e.high) for e in there.ranking] == [
        (e.step, e.value_drop, e.low, e.high) for e in here.ranking
    ]
    assert len({run_id for entry in there.ranking for run_id in entry.branches}) == there.forks


@frozen
class Mortal:
    """A planted agent whose process dies in a fork, once: when it has asked, and `grave` is not there."""

    agent: PlantedAgent
    grave: str

    def __call__(self):
        result = self.agent()
        if tracefork.current().lineage is not None and not Path(self.grave).exists():
            Path(self.grave).touch()
            os._exit(1)
        return result


def test_a_fork_whose_worker_dies_stays_paid_and_the_study_goes_on(pool, tmp_path):
    tape, server = recorded(WORLD)
    with server:
        agent = Mortal(PlantedAgent(server.url, 6), str(tmp_path / "grave"))
        how = {"ledger": tmp_path / "study.jsonl", "executor": pool, "barrier": True, "batch": 2}
        before = len(server.requests)
        with pytest.raises(BrokenExecutor):
            blame(tape, agent, ORACLE, **how)
        report = blame(tape, agent, ORACLE, **how)
        asked = len(server.requests) - before

    assert (tmp_path / "grave").exists()
    assert report.verdict == "STEP"
    assert report.spent.calls >= asked


def test_a_budget_holds_there(pool):
    tape, server = recorded(WORLD)
    with server:
        report = blame(tape, PlantedAgent(server.url, 6), ORACLE, executor=pool, budget=Budget(forks=5))

    assert report.forks == 5
