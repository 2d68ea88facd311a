"""What went on from another run, in `serve`: the list, the pages, the JSON, and a rerun as it happens."""

from __future__ import annotations

import json

import pytest
import reruns
from attrs import evolve
from server.asking import got
from server.growing import Growing
from server.test_live import Watching

import tracefork
from tracefork import Branch, TapeStore
from tracefork.server import serving


@pytest.fixture
def store(tmp_path):
    with TapeStore.open(tmp_path / "runs.db") as store:
        reruns.fill(store)
        yield store


def test_the_list_says_where_each_left_its_parent(store):
    with serving(store) as server:
        page = got(server.door, "/").body.decode()
        listed = {run["run_id"]: run["parent_run_id"] for run in got(server.door, "/api/runs").json}

    for place in ("first at 1 rerun", "first rerun", "first at 4 another end", "first at 5 resumed"):
        assert f"from {place}</span>" in page
    assert "None" not in page
    assert listed["same"] == "first"


def test_a_page_of_a_rerun_is_made_beside_its_parent(store):
    with serving(store) as server:
        page = got(server.door, "/run/edited")
        first = got(server.door, "/run/first").body.decode()
        store.delete("edited")
        store.save(evolve(store.load("same"), run_id="edited"))
        other = got(server.door, "/run/edited")

    assert "Rerun of first" in page.body.decode()
    assert "<dt>saved</dt><dd>$0.0060: 3 calls of models, 3.6k tokens</dd>" in page.body.decode()
    assert "<dt>edited</dt><dd>the model is claude-sonnet-4-5</dd>" in first
    assert page.header("etag") != other.header("etag")


def test_a_run_says_to_programs_what_was_served(store):
    with serving(store) as server:
        edited, first = got(server.door, "/api/run/edited").json, got(server.door, "/api/run/first").json
        same, branch = got(server.door, "/api/branch/same").json, got(server.door, "/api/branch/edited").json

    assert [exchange["served"] for exchange in edited["exchanges"]] == [True, False, True, True, False]
    assert edited["parted"].startswith("step 1: at $.messages[0].content")
    assert {exchange["served"] for exchange in first["exchanges"]} == {None}
    assert (same["divergence_step"], same["parted"]) == (None, None)
    assert branch["parted"] == edited["parted"]


@pytest.mark.parametrize("name", ["edited", "forked", "resumed"])
def test_the_steps_of_a_run_that_goes_on_say_it_as_they_come(store, name):
    """A header knows no place where a rerun left its tape."""
    tape = store.load(name)
    where = None if name == "edited" else tape.parent.step
    growing = evolve(tape, run_id="growing", parent=Branch("first", where, tape.parent.name))
    with serving(store) as server:
        grown = Growing(store, growing)
        page = got(server.door, "/run/growing").body.decode()
        with Watching(server.door) as watching:
            grown.step(len(tape.steps))
            grown.close()
            came = [event.json["row"].get("o") for event in watching if event.name == "step"]

    word = {"edited": "live", "forked": "new", "resumed": "live"}[name]
    assert came == [word if step.origin is None else "served" for step in tape]
    assert "None" not in page


def test_a_rerun_is_followed_from_where_it_left_its_tape(store):
    tape = store.load("first")
    with serving(store) as server, tracefork.rerun(tape, store, run_id="now") as run:
        reruns.ask("What is the weather?")
        reruns.ask("Plan a trip to Oslo.")
        with Watching(server.door, "now") as watching:
            events = iter(watching)
            came = [next(events).json["row"]["o"] for _ in range(2)]
        page = got(server.door, "/run/now").body.decode()
        said = got(server.door, "/api/run/now").json
        assert run.parted.step == 1

    assert came == ["served", "live"]
    assert "rerun of first" in page
    assert json.dumps(said["parted"]) != "null"
    assert [exchange["served"] for exchange in said["exchanges"]] == [True, False]
