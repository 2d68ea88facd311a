"""`tracefork policy` as a CI has it: exit codes, what is printed, and what is refused."""

from __future__ import annotations

import json
import os

import pytest
from conducts import asks, runs, says, tape

import tracefork


@pytest.fixture
def desk(tmp_path, command_line):
    """A folder with a run in which a trip was booked, and the command line."""
    trip = tape(
        asks("search", {"to": "Rome"}),
        runs("search", "Rome"),
        asks("book", {"city": "Rome"}),
        runs("book", "Rome"),
        says(),
        run_id="trip",
    )
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        store.save(trip)
        store.save(tracefork.Tape(run_id="nothing"))

    def tracefork_(*words, code=0):
        done = command_line(("policy", *words), tmp_path, dict(os.environ))
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    tracefork_.folder = tmp_path
    return tracefork_


def test_a_run_that_keeps_a_policy_says_what_it_did(desk):
    tools = ["--tools", "search,book", "--never", "delete", "--order", "search,book", "--must", "book"]
    limits = ["--max-calls", "12", "--max-usd", "0.05", "--models", "claude-*", "--at-most", "book=1,pay=0"]
    done = desk("trip", *tools, *limits)

    assert done.stdout.startswith("kept: 3 model calls, 2 tool calls, ") and "$0.00" in done.stdout


def test_one_that_breaks_it_ends_with_one_and_the_earliest_first(desk):
    done = desk("trip", "--never", "book", "--never", "pay, search", "--max-calls", "1", code=1)

    assert done.stdout.splitlines() == [
        'step 0: search(to="Rome") was called: search never may be (never=)',
        "step 1: 3 calls of models were answered: at most 1 may be (max_calls=)",
        'step 1: book(city="Rome") was called: book never may be (never=)',
    ]


@pytest.mark.slow
def test_a_program_gets_it_as_json(desk):
    found = json.loads(desk("trip", "--tools", "search", "--at-most", "search=0", "--json", code=1).stdout)

    assert found["ok"] is False and found["run_id"] == "trip"
    assert [(b["step"], b["call"], b["rule"]) for b in found["breaches"]] == [
        (0, 0, "at_most"),
        (1, 1, "tools"),
    ]
    assert found["model_calls"] == 3 and found["tool_calls"] == 2 and found["tokens"] > 0
    assert json.loads(desk("trip", "--tools", "*", "--json").stdout)["breaches"] == []


def test_an_empty_list_lets_no_tool_through(desk):
    assert "no tool may be" in desk("trip", "--tools", "", code=1).stdout


@pytest.mark.slow
def test_rules_and_prices_come_from_files(desk):
    (desk.folder / "rules.toml").write_text('never = ["delete"]\n[arguments.book]\ncity = "Oslo"\n')
    (desk.folder / "rules.json").write_text('{"max_calls": 3, "order": ["search", "book"]}')
    table = {"as_of": "2026-11-30", "models": {"claude-sonnet-4-5": {"input": 10000, "output": 10000}}}
    (desk.folder / "prices.json").write_text(json.dumps(table))

    assert 'city has to be "Oslo"' in desk("trip", "--rules", "rules.toml", code=1).stdout
    desk("trip", "--rules", "rules.json")
    assert "max_calls=" in desk("trip", "--rules", "rules.json", "--max-calls", "2", code=1).stdout
    assert "was spent by then" in desk("trip", "--max-usd", "0.1", "--prices", "prices.json", code=1).stdout


def test_over_a_run_that_holds_nothing_there_is_a_code_of_its_own(desk):
    assert "nothing can be vouched for" in desk("nothing", "--never", "x", code=3).stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trip"], "say what the run may do"),
        (["gone", "--never", "x"], "no run 'gone'"),
        (["trip", "--never", "book", "--must", "book"], "never may be"),
        (["trip", "--at-most", "book"], "--at-most says a tool and a number"),
        (["trip", "--at-most", "book=-1"], "--at-most says a tool and a number"),
        (["trip", "--max-usd", "much"], "amount of USD"),
        (["trip", "--rules", "gone.toml"], "gone.toml"),
        (["trip", "--rules", "bad.toml"], "bad.toml is no TOML"),
        (["trip", "--rules", "bad.json"], "bad.json is no JSON"),
        (["trip", "--rules", "list.json"], "holds no rules"),
        (["trip", "--rules", "odd.toml"], "no rule 'tool'"),
        (["trip", "--never", "x", "--prices", "bad.toml"], "bad.toml"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_said_in_a_sentence(desk, words, said):
    (desk.folder / "bad.toml").write_text("never = [")
    (desk.folder / "bad.json").write_text("{")
    (desk.folder / "list.json").write_text("[1]")
    (desk.folder / "odd.toml").write_text('tool = ["x"]')

    assert said in " ".join(desk(*words, code=2).stderr.split())


def test_a_tape_file_is_held_as_well_as_a_run(desk):
    with tracefork.TapeStore.open(desk.folder / "runs.db") as store:
        tracefork.save(store.load("trip"), desk.folder / "trip.tape")
    desk("trip.tape", "--never", "delete", "--store", "nowhere.db")
