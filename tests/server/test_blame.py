"""What blame found is in the page and in the JSON; of its many forks only the telling ones are listed."""

from __future__ import annotations

import re
from functools import partial

import pytest
from server.asking import got
from storage.catalogue.runs import run

from tracefork import BlameReport, TapeStore
from tracefork.attribution.findings import saved
from tracefork.attribution.findings.findings import RankedDrop
from tracefork.attribution.search.conclusion import Conclusion
from tracefork.attribution.study.blame import blame
from tracefork.core.values import UNFINISHED, Outcome
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


@pytest.mark.slow
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


def judge(path, name, *, recorded, digest=""):
    """Keep a report beside the store that says how the run ended by its oracle."""
    with TapeStore.open(path) as store:
        said = digest or store.load(name).digest()
    drop = RankedDrop(step=0, value_drop=0.8, low=0.6, high=0.95, certified=True, before=0.9, after=0.1)
    saved.keep(BlameReport(Conclusion.STEP, (drop,), recorded=recorded, digest=said), path, name)


def words(found):
    return {row.run_id: row.outcome for row in found.runs}


def endings(page):
    text = re.search(r'id="ending-title">(.*?)</h2>', page)[1]
    return re.sub(r"<[^>]+>", "", text)


LONG = "n" * 300


@pytest.mark.parametrize("suffix", [".db", ""])
def test_a_run_that_its_oracle_failed_is_failed_wherever_it_is_told(tmp_path, suffix):
    path = tmp_path / f"runs{suffix}"
    with TapeStore.open(path) as store:
        for name in ("well", "judged", f"odd/%\ud800 {LONG}"[:200]):
            store.save(run(name, f"{name[:5]} says"))
        cut = run("cut", outcome=UNFINISHED)
        store.save(cut)
        assert set(words(store.search()).values()) == {"finished", "cut short"}
        for name in ("judged", "cut", f"odd/%\ud800 {LONG}"[:200]):
            judge(path, name, recorded=False)
        judge(path, "well", recorded=True)
        found = store.search(failed=True)

        assert set(words(found)) == {"judged", "cut", f"odd/%\ud800 {LONG}"[:200]}
        assert {row.error for row in found.runs} == {"the oracle that judged it for the blame says so"}
        assert words(store.search(outcome="finished")) == {"well": "finished"}
        assert dict(store.search().sums.words) == {"failed": 3, "finished": 1}
        with serving(store, blames=partial(saved.find, path)) as server:
            listed = got(server.door, "/api/search?failed=1").json
            page = got(server.door, "/run/judged").body.decode()
            compared = got(server.door, "/compare/judged/well").body.decode()
            well = got(server.door, "/compare/well/judged").body.decode()

    assert sorted(one["run_id"] for one in listed["runs"])[:2] == ["cut", "judged"]
    assert endings(page) == endings(compared)
    assert endings(page).startswith("failed: the oracle")
    assert endings(well).startswith("finished")


def test_a_judgement_is_of_one_recording_and_goes_with_its_report(tmp_path):
    path = tmp_path / "runs.db"
    with TapeStore.open(path) as store:
        store.save(run("one"))
        store.save(run("raised", outcome=Outcome("raised", "ValueError", "no")))
        judge(path, "raised", recorded=False)
        judge(path, "one", recorded=False)
        assert words(store.search()) == {"one": "failed", "raised": "failed"}
        assert next(row for row in store.search().runs if row.run_id == "raised").error == "ValueError: no"
        store.delete("one")
        store.save(run("one", "Another one."))
        assert words(store.search()) == {"one": "finished", "raised": "failed"}
        judge(path, "one", recorded=False)
        assert words(store.search())["one"] == "failed"
        judge(path, "one", recorded=True)
        assert words(store.search())["one"] == "finished"
        judge(path, "one", recorded=False)
        store.catalogue.clear()
        assert words(store.search())["one"] == "failed"
        saved.locate(path, "one")[1].unlink()
        assert words(store.search())["one"] == "finished"


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.write_text("{}"),
        lambda file: file.write_text("[" * 100_000),
        lambda file: file.write_bytes(b"\xff\xfe"),
        lambda file: file.write_text('{"recorded": false, "digest": 7}'),
        lambda file: (file.unlink(), file.mkdir()),
        lambda file: (file.unlink(), file.symlink_to("/dev/zero")),
        lambda file: file.with_name("\udcff.json").write_text('{"recorded": false, "digest": "x"}'),
    ],
)
def test_what_is_no_report_is_passed_over_by_the_list(tmp_path, harm):
    path = tmp_path / "runs.db"
    with TapeStore.open(path) as store:
        for name in ("one", "two"):
            store.save(run(name))
            judge(path, name, recorded=False)
        harm(saved.locate(path, "one")[1])

        assert words(store.search())["two"] == "failed"
