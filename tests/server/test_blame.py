"""What blame found is in the page and in the JSON; of its many forks only the telling ones are listed."""

from __future__ import annotations

import re
from functools import partial

import pytest
from server.asking import got

from tracefork import TapeStore
from tracefork.attribution.findings import saved
from tracefork.attribution.study.blame import blame
from tracefork.server import serving
from tracefork.validation.planted import PlantedAgent, PlantedRun, recorded, succeeded


@pytest.fixture(scope="module")
def studied(tmp_path_factory):
    """A store with a run whose step 2 is to blame, all forks of the study, and the report beside it."""
    path = tmp_path_factory.mktemp("studied") / "runs.db"
    world = PlantedRun("web", 5, frozenset({2}), lambda flags: 0.05 if flags[2] else 0.95, (0, 0, 0.1, 0, 0))
    tape, model = recorded(world, str(path))
    with model:
        report = blame(tape, PlantedAgent(model.url, 5), succeeded, store=path)
    saved.keep(report, path, tape.run_id)
    return path, tape, report


def test_the_page_and_the_json_say_what_was_found(studied):
    path, tape, report = studied
    with TapeStore.open(path) as store, serving(store, blames=partial(saved.find, path)) as server:
        page = got(server.door, f"/run/{tape.run_id}").body.decode()
        said = got(server.door, f"/api/run/{tape.run_id}").json

    assert "step 2 decided the outcome" in page
    assert said["blame"]["verdict"] == "STEP"
    assert said["blame"]["top"] == 2
    assert len(said["blame"]["ranking"]) == 5
    first, second = report.contrast
    assert first != second


def test_of_the_forks_only_the_telling_ones_are_shown(studied):
    path, tape, report = studied
    assert report.forks > 10
    with TapeStore.open(path) as store, serving(store, blames=partial(saved.find, path)) as server:
        listed = got(server.door, "/api/runs").json
        page = got(server.door, f"/run/{tape.run_id}").body.decode()
        fork = got(server.door, f"/api/branch/{report.contrast[0]}").json

    assert [run["run_id"] for run in listed] == [tape.run_id]
    assert len(set(re.findall(r"#branch-\d+", page))) == 2
    assert fork["parent_run_id"] == tape.run_id
    assert fork["divergence_step"] == 2


def test_a_new_report_changes_the_page_and_its_tag(studied):
    path, tape, _ = studied
    with TapeStore.open(path) as store:
        with serving(store) as server:
            plain = got(server.door, f"/run/{tape.run_id}")
            assert got(server.door, f"/api/run/{tape.run_id}").json["blame"] is None
        with serving(store, blames=partial(saved.find, path)) as server:
            blamed = got(server.door, f"/run/{tape.run_id}")
    assert "decided the outcome" not in plain.body.decode()
    assert plain.header("etag") != blamed.header("etag")


def test_a_report_that_is_damaged_is_named(studied, tmp_path):
    path, tape, _ = studied
    _, file = saved.locate(tmp_path / "runs.db", tape.run_id)
    file.parent.mkdir()
    file.write_text("{}")
    with (
        TapeStore.open(path) as store,
        serving(store, blames=partial(saved.find, tmp_path / "runs.db")) as server,
    ):
        answer = got(server.door, f"/api/run/{tape.run_id}")
    assert answer.status == 500
    assert "no report of blame" in answer.json["error"]
