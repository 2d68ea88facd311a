"""The ledger of a study: what was paid is not paid again, whenever the study is killed."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from attribution.planting import STEPS, world

import tracefork
from tracefork import Budget
from tracefork.attribution.study.blame import blame
from tracefork.errors import Conflict, CorruptTape
from tracefork.validation.planted import PlantedAgent, recorded, succeeded


@pytest.mark.slow
def test_what_was_paid_is_not_paid_again(planted, tmp_path):
    tape, agent, server = planted
    file = tmp_path / "study.jsonl"
    first = blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=7))
    before = len(server.requests)
    second = blame(tape, agent, succeeded, ledger=file)
    whole = blame(tape, agent, succeeded)

    assert first.forks == 7
    assert second == whole
    assert len(server.requests) - before == 2 * whole.spent.calls - first.spent.calls


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 4])
def test_an_interrupted_study_goes_on(planted, tmp_path, workers):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def interrupt(how):
        if how.forks == 11:
            raise KeyboardInterrupt

    how = {"barrier": True, "batch": 4}
    with ThreadPoolExecutor(workers) as pool:
        with pytest.raises(KeyboardInterrupt):
            blame(tape, agent, succeeded, ledger=file, watch=interrupt, executor=pool, **how)
        report = blame(tape, agent, succeeded, ledger=file, executor=pool, **how)
    whole = blame(tape, agent, succeeded, **how)
    assert (report.verdict, report.ranking, report.values) == (whole.verdict, whole.ranking, whole.values)


@pytest.mark.slow
@pytest.mark.parametrize("cut", [1, 20])
def test_a_torn_last_line_is_dropped(planted, tmp_path, cut):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"
    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=4))
    file.write_bytes(file.read_bytes()[:-cut])
    assert blame(tape, agent, succeeded, ledger=file).ranking == blame(tape, agent, succeeded).ranking


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"probe": 1}', b"null", b'{"begun": {"arm": "x"}}'])
def test_a_damaged_line_in_the_middle_is_named(planted, tmp_path, line):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"
    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=4))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], line + b"\n", *lines[3:]]))
    with pytest.raises(CorruptTape, match="line 3"):
        blame(tape, agent, succeeded, ledger=file)


def test_a_ledger_is_of_one_study(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"
    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=2))
    with pytest.raises(Conflict, match=r"another study: margin, seed differ"):
        blame(tape, agent, succeeded, ledger=file, seed=1, margin=0.05)
    (tmp_path / "other").write_text("{}\n")
    with pytest.raises(Conflict, match="no ledger"):
        blame(tape, agent, succeeded, ledger=tmp_path / "other")


def test_two_studies_do_not_write_one_ledger(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def again(how):
        with pytest.raises(Conflict, match="being written"):
            blame(tape, agent, succeeded, ledger=file)

    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=2), watch=again)


KILLED = """
import sys
sys.path[:0] = {path!r}
import tracefork
from tracefork.testing.planted import PlantedAgent, succeeded
from tracefork.attribution.study.blame import blame
tape = tracefork.load({tape!r})
blame(tape, PlantedAgent({url!r}, {steps}), succeeded, ledger={ledger!r}, store={store!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("times", [6, pytest.param(30, marks=pytest.mark.nightly)])
def test_a_study_killed_at_many_moments_ends_as_if_it_had_never_stopped(tmp_path, times):
    slow = world()
    tape, server = recorded(slow)
    agent = PlantedAgent(server.url, STEPS)
    with server:
        whole = blame(tape, agent, succeeded)
        ledger, store, file = (str(tmp_path / name) for name in ("study.jsonl", "runs.db", "tape"))
        tracefork.save(tape, file)
        code = KILLED.format(
            path=sys.path, tape=file, url=server.url, steps=STEPS, ledger=ledger, store=store
        )
        before = len(server.requests)
        kills = 0
        for round_ in range(times):
            child = subprocess.Popen([sys.executable, "-c", code])
            began, lines = time.monotonic(), _lines(ledger)
            while (
                _lines(ledger) < lines + 2 + round_ % 3
                and time.monotonic() < began + 20
                and child.poll() is None
            ):
                time.sleep(0.002 * (1 + round_ % 4))
            kills += child.poll() is None
            child.kill()
            child.wait()
            if child.returncode == 0:
                break
        report = blame(tape, agent, succeeded, ledger=ledger, store=store)
        paid = len(server.requests) - before

    assert kills >= times // 3
    assert (report.verdict, report.ranking[0].step) == (whole.verdict, whole.ranking[0].step)
    assert [(e.step, e.value_drop, e.low, e.high) for e in report.ranking] == [
        (e.step, e.value_drop, e.low, e.high) for e in whole.ranking
    ]
    twice = paid - whole.spent.calls
    assert 0 <= twice <= kills * STEPS, "more was paid twice than what was in flight"
    begun = [json.loads(line) for line in Path(ledger).read_text().splitlines()[1:]]
    ended = [(line["probe"]["arm"], line["probe"]["draw"]) for line in begun if "probe" in line]
    assert len(ended) == len(set(ended))


def _lines(path):
    file = Path(path)
    return file.read_bytes().count(b"\n") if file.exists() else 0


def test_a_smaller_budget_goes_on_from_a_larger_ones_ledger(planted, tmp_path):
    tape, agent, server = planted
    file = tmp_path / "study.jsonl"
    first = blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=12))
    before = len(server.requests)
    again = blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=5))
    assert (again.forks, again.ranking, len(server.requests)) == (12, first.ranking, before)


def test_an_oracle_that_says_something_else_is_another_study(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def having(word):
        return lambda result: word in result

    blame(tape, agent, having("success"), ledger=file, budget=Budget(forks=2))
    blame(tape, agent, having("success"), ledger=file, budget=Budget(forks=3))
    with pytest.raises(Conflict, match="oracle"):
        blame(tape, agent, having("Outcome: success"), ledger=file, budget=Budget(forks=4))


def test_forks_lost_in_several_kills_stay_paid(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def killed(how):
        raise KeyboardInterrupt

    spent = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            blame(tape, agent, succeeded, ledger=file, watch=killed, budget=Budget(forks=40))
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:-1]))  # as if it had died before it could tell
        spent.append(blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=1)).spent.calls)
    assert spent == sorted(spent)
    assert spent[-1] > 0
