"""The suites of the benchmark are the same tests, and hold; and tapes take the room that is promised."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks.corpora.recorded import FOLDER
from benchmarks.testing import sizes, times
from benchmarks.testing.agent import look_up
from benchmarks.testing.suites import MIX, RECORDERS, Shape, write

CORPUS, AGENTS = 0.5, 0.05


def test_the_mix_is_a_thousand_tests_as_long_as_the_corpuses_runs_and_agents():
    lengths = {1: 624, 2: 225, 3: 107, 4: 29, 5: 13, 6: 17, 7: 5, 8: 10, 10: 1, 11: 1, 12: 1, 13: 1}
    of_corpus = {legs: max(1, round(many * 900 / sum(lengths.values()))) for legs, many in lengths.items()}

    assert MIX.size == 1_000
    assert MIX.tests == {**of_corpus, 20: 100}


@pytest.mark.skipif(FOLDER is None, reason="there is no corpus: point TRACEFORK_CORPUS at its folder")
def test_the_lengths_are_those_of_the_corpus():
    runs = [run for name in sizes.FILES for run in sizes.read_runs(Path(FOLDER, f"{name}.jsonl.zst"))]
    share = {legs: sum(len(run) == legs for run in runs) / len(runs) for legs in MIX.tests}

    assert all(abs(share[legs] - many / 900) < 0.001 for legs, many in MIX.tests.items() if legs != 20)


def test_each_result_of_the_tool_is_another_page():
    pages = [look_up(journey, leg) for journey in range(20) for leg in range(1, 20)]

    assert {len(page) for page in pages} == {1_500}
    assert len(set(pages)) == len(pages)


def test_each_recorder_has_the_same_tests_but_for_their_mark(tmp_path):
    for name, recorder in RECORDERS.items():
        write(tmp_path / name, recorder, Shape("a few", {1: 60, 3: 2}), "http://model", shared=True)
    bare = {
        name: [
            [line for line in file.read_text().splitlines() if not line.startswith("@pytest.mark.")]
            for file in sorted((tmp_path / name).glob("test_*.py"))
        ]
        for name in RECORDERS
    }

    assert len(bare["stub"]) == 2
    assert all(tests == bare["stub"] for tests in bare.values())


def test_ours_and_the_stub_hold_once_recorded_though_the_model_is_gone(tmp_path):
    pytest.importorskip("anthropic")
    pytest.importorskip("httpx2")
    pythons = dict.fromkeys(("stub", "tracefork"), sys.executable)
    found = times.compare(pythons, Shape("a few", {1: 2, 3: 1}), tmp_path, shared=False)

    assert found.worst("stub") > 0
    assert len(list((tmp_path / "tracefork").rglob("*.tape"))) == 3


@pytest.mark.skipif(FOLDER is None, reason="there is no corpus: point TRACEFORK_CORPUS at its folder")
def test_tapes_of_the_corpus_take_half_the_bytes_of_its_yaml():
    pytest.importorskip("vcr")
    runs = sizes.read_runs(Path(FOLDER, "exchanges.jsonl.zst"))[::20]
    texts = [sizes.write_yaml(rows) for rows in runs]

    assert sum(map(sizes.weigh_tape, texts)) <= CORPUS * sum(map(len, texts))
