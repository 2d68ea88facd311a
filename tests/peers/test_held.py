"""The page of frameworks is what is drawn of the results that are kept, and a cell is held by its block."""

from __future__ import annotations

import json

import pytest
from peers import held
from peers.held import cell, frameworks

ROW = {
    "agent": "A",
    "way": "gateway",
    "version": "a 1",
    "cells": {"record": True, "fork": "it cannot"},
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    file = tmp_path / "results.json"
    file.write_text(json.dumps([ROW]))
    monkeypatch.setattr(frameworks, "RESULTS", file)
    monkeypatch.setattr(held, "KEEPS", False)
    return file


def hold(column, passes, version="a 1", agent="A"):
    with cell(agent, column, way="gateway", version=version):
        assert passes, "the reason"


def test_the_page_is_what_is_drawn_of_the_results_that_are_kept():
    assert frameworks.PAGE.read_text() == frameworks.page(), "run `python docs/frameworks.py`"


def test_every_row_has_every_cell():
    rows = frameworks.load()

    assert rows and all(set(row["cells"]) == set(frameworks.COLUMNS) for row in rows)
    assert all(row["way"] in frameworks.WAYS and row["version"] for row in rows)


def test_a_cell_is_as_its_block_says(results):
    hold("record", passes=True)
    hold("fork", passes=False)
    with pytest.raises(AssertionError, match="the reason"):
        hold("record", passes=False)
    with pytest.raises(pytest.fail.Exception):
        hold("fork", passes=True)


def test_a_row_is_of_one_version(results):
    for other in ({"version": "a 2"}, {"agent": "B"}):
        with pytest.raises(AssertionError):
            hold("record", passes=True, **other)


def test_what_comes_of_a_block_is_kept_where_that_is_asked_for(results, monkeypatch):
    monkeypatch.setattr(held, "KEEPS", True)
    hold("record", passes=False)
    hold("fork", passes=True)
    hold("verify", passes=True, agent="B", version="b 3")

    first, second = frameworks.load()
    assert first["cells"] == {"record": "the reason", "fork": True}
    assert (second["agent"], second["version"], second["cells"]) == ("B", "b 3", {"verify": True})


def test_a_cell_that_is_not_ticked_has_a_note():
    drawn = frameworks.draw([ROW])

    assert "| ✓ | [1] | [1] | [2] |" in drawn
    assert "1. not tried\n2. it cannot" in drawn
