"""The table of frameworks: the page is what the kept results draw, and each cell of theirs is tried again."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest
from frameworks import rows
from frameworks.checks import CHECKS, MISSED, check_all
from frameworks.listing import list_programs
from frameworks.provider import TOKENS, answer
from frameworks.rows import load, make_row, try_program

from tracefork import Exchange, Request
from tracefork.providers import read

ROOT = Path(__file__).parents[2]
PROGRAMS = list_programs()
BRIEF = 40
"""Lines that a program may have: what is shown is that nothing need be done."""


@pytest.fixture(scope="module")
def drawing():
    spec = importlib.util.spec_from_file_location("drawing", ROOT / "docs" / "frameworks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_what_the_kept_results_draw(drawing):
    assert drawing.PAGE.read_text() == drawing.page(), "run `python docs/frameworks.py`"


def test_each_program_has_a_row_and_each_row_every_column(drawing):
    kept = load()

    assert [row["agent"] for row in kept] == sorted((one.title for one in PROGRAMS), key=str.lower)
    for row in kept:
        assert tuple(row["cells"]) == tuple(CHECKS) == drawing.COLUMNS
        assert row["way"] in drawing.WAYS and row["version"]
        assert all(cell is True or (isinstance(cell, str) and cell) for cell in row["cells"].values())


def test_there_are_sixteen_frameworks_at_least_whose_every_cell_is_ticked():
    packages = {one.title: one.packages[0] for one in PROGRAMS}
    whole = {packages[row["agent"]] for row in load() if set(row["cells"].values()) == {True}}

    assert len(whole) >= 16


def test_the_page_ticks_what_is_true_and_says_what_is_not(drawing):
    whole = make_row(PROGRAMS[0], "a 1", dict.fromkeys(CHECKS, True))
    other = make_row(PROGRAMS[1], "b 2", {**dict.fromkeys(CHECKS, True), "fork": "it cannot"})

    drawn = drawing.draw([whole, other])
    assert drawn.count("✓") == 2 * len(CHECKS) - 1
    assert "1. it cannot" in drawn and "`b 2`" in drawn


def test_a_row_takes_the_place_of_the_one_before(tmp_path, monkeypatch):
    monkeypatch.setattr(rows, "RESULTS", tmp_path / "results.json")
    for version, one in (("2", PROGRAMS[1]), ("1", PROGRAMS[0]), ("3", PROGRAMS[1])):
        rows.keep(make_row(one, version, "no"))

    assert [row["version"] for row in rows.load()] == ["1", "3"]


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_a_program_knows_nothing_of_tracefork_and_is_brief(program):
    text = (ROOT / "tests" / "frameworks" / "programs" / f"{program.name}.py").read_text()

    assert "tracefork" not in text
    assert len(text.splitlines()) <= BRIEF + len(program.needs)
    assert program.needs and program.title


PATHS = ("/v1/messages", "/v1/chat/completions", "/v1/responses", "/v1/models/m:generateContent", "/v2/chat")
MORE = ("/api/chat", "/model/m/converse")


@pytest.mark.parametrize("path", PATHS + MORE)
def test_the_models_call_the_tool_for_each_city_and_then_say_what_it_said(path):
    said, results = [], ""
    for _ in range(3):
        body = json.dumps({"model": "m", "stream": False, "messages": [results]}).encode()
        asked = Request("POST", f"http://127.0.0.1{path}", (), body)
        heard = read.completion(Exchange(asked, answer(asked)))
        assert (heard.usage.input, heard.usage.output) == tuple(TOKENS.values())
        said.append(heard.text or json.loads(heard.calls[0].arguments)["city"])
        results += f"{said[-1]} has 15 degrees;"

    assert said == ["Faro", "Lagos", "Faro has 15 degrees; Lagos has 15 degrees."]


@pytest.mark.slow
@pytest.mark.sdk
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_a_program_whose_packages_are_installed_passes_every_check(program, tmp_path):
    if program.missing:
        pytest.skip(f"{program.missing} is not installed: it is tried at night, in an environment of its own")

    assert check_all(program.name, tmp_path) == dict.fromkeys(CHECKS, True)


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    from frameworks.environments import Environments

    return Environments.open(tmp_path_factory.mktemp("environments"))


DRIFTING = """
import json, time, httpx
from weather_task import weather


def agent(url):
    messages = [{"role": "system", "content": f"It is {time.time_ns()}."}]
    while True:
        asked = httpx.post(f"{url}/v1/chat/completions", json={"model": "m", "messages": messages})
        said = asked.json()["choices"][0]["message"]
        messages.append(said)
        if not said.get("tool_calls"):
            return said["content"]
        for call in said["tool_calls"]:
            result = weather(**json.loads(call["function"]["arguments"]))
            messages.append({"role": "tool", "tool_call_id": call["id"], "content": result})
"""


@pytest.mark.slow
def test_a_program_that_drifts_and_shows_no_key_is_found_out(tmp_path):
    (tmp_path / "drifting.py").write_text(DRIFTING)

    cells = check_all(str(tmp_path / "drifting"), tmp_path)
    assert [column for column, cell in cells.items() if cell is True] == ["record"]
    for column in ("replays", "fork", "resume"):
        assert cells[column].startswith("Divergence")
    assert cells["verify"].startswith("NOT ok: 0 of 3")
    assert cells["rerun"] == "3 live, unchanged"
    assert cells["secrets"] == "the model was not shown the key"
    assert cells["report"] == "no tool is offered in the form of the API"


@pytest.mark.slow
def test_a_program_that_fails_says_how_in_its_row(tmp_path):
    (tmp_path / "failing.py").write_text("def agent(url):\n    raise ValueError('no model')")

    cells = check_all(str(tmp_path / "failing"), tmp_path)
    assert cells == {**dict.fromkeys(CHECKS, MISSED), "record": "ValueError: no model"}


@pytest.mark.nightly
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda one: one.name)
def test_a_program_in_an_environment_of_its_own_comes_to_what_is_kept(program, environments):
    row = try_program(program, environments.make(program))
    (kept,) = [one for one in load() if one["agent"] == program.title]

    assert {name: cell is True for name, cell in row["cells"].items()} == {
        name: cell is True for name, cell in kept["cells"].items()
    }, row
