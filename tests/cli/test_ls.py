"""Looking for runs in a shell: filters, refusals, JSON and JSON lines; and what is kept for it made anew."""

from __future__ import annotations

import json
import os
import re
import sqlite3

import pytest
from attrs import evolve
from report import stories
from server.conftest import filled
from storage.catalogue.runs import run

from tracefork import Branch, TapeStore
from tracefork.cli.filters import OPTIONS
from tracefork.core.values import RETURNED, Outcome
from tracefork.host import clocks
from tracefork.storage.catalogue.filters import NAMES
from tracefork.storage.info import PROBE

RUN = stories.release().run_id


@pytest.fixture
def desk(tmp_path, command_line):
    """Runs commands beside a store of some runs; the cache is the folder's own."""
    with filled(tmp_path / "runs.db") as store:
        failed = Outcome("raised", "KeyError", "no \x1b[2J seats")
        store.save(
            run("broke", "It broke.", agent_name="booker", outcome=failed, created_at=clocks.now() - 60)
        )
        store.save(run("half \ud800", "Half.", agent_name="\udfff", created_at=clocks.now() - 3600))

    def tracefork(*words, code=0):
        environ = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / "cache")}
        done = command_line(words, tmp_path, environ)
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    tracefork.path = tmp_path
    return tracefork


def ids(done):
    return [one["run_id"] for one in json.loads(done.stdout)]


def test_a_list_says_what_became_of_each_run_and_what_it_took(desk):
    done = desk("ls")
    line = next(line for line in done.stdout.splitlines() if line.startswith(RUN))

    for text in ("payments-release", " 10 ", "4.9k", "$0.0164", "19.7 s", "finished", "Ship PAY-4127"):
        assert text in line
    assert "failed: KeyError: no [2J seats" in done.stdout
    assert "8 runs, 2 failed" in done.stderr


@pytest.mark.slow
def test_filters_are_those_of_a_search(desk):
    assert ids(desk("ls", "--failed", "--json")) == ["broke", "every/kind"]
    assert ids(desk("ls", "--outcome", "failed", "--agent", "BOOK", "--json")) == ["broke"]
    assert ids(desk("ls", "--since", "2h", "--json")) == ["broke", "half \ud800"]
    assert ids(desk("ls", "--until", "2h", "--since", "2020-01-01", "--limit", "1", "--json")) == [RUN]
    assert ids(desk("ls", "--grep", "surely stale", "--sort", "cost", "--limit", "1", "--json")) == [RUN]
    assert ids(desk("ls", "--cost-above", "0.0105", "--json")) == [RUN, "b-passed", "b-slow"]
    assert ids(desk("ls", "--model", "sonnet", "--sort", "-calls", "--limit", "1", "--json")) == ["broke"]
    assert ids(desk("ls", "--parent", RUN, "--json")) == ["b-held", "b-passed", "b-slow"]


@pytest.mark.slow
def test_one_option_is_one_filter(desk):
    """Each filter of a program is one of the shell, of every command that looks for runs."""
    assert set(OPTIONS) == set(NAMES)
    for command in ("ls", "export"):
        said = desk(command, "--help").stdout
        assert [name for name in NAMES if not re.search(rf"--{name.replace('_', '-')}[ ,]", said)] == []


@pytest.mark.slow
def test_the_forks_of_blame_are_listed_when_they_are_asked_for(desk):
    with TapeStore.open(desk.path / "runs.db") as store:
        store.save(run("probe", parent=Branch(RUN, 1), meta={PROBE: "3"}))
    done = desk("ls", "--parent", RUN)

    assert "and 1 fork of blame: --probes lists them" in " ".join(done.stderr.split())
    assert ids(desk("ls", "--parent", RUN, "--probes", "--json")) == ["b-held", "b-passed", "b-slow", "probe"]
    lines = desk(
        "export", "--jsonl", "-", "--parent", RUN, "--probes", "--limit", "2", "--offset", "2"
    ).stdout
    assert [json.loads(line)["run_id"] for line in lines.splitlines()] == ["b-slow", "probe"]


def test_json_keeps_its_keys_and_has_more(desk):
    one = next(one for one in json.loads(desk("ls", "--json").stdout) if one["run_id"] == RUN)
    before = "run_id agent_name created_at exchanges outcome parent parted digest sealed damage".split()

    assert list(one)[: len(before)] == before
    assert one["outcome"] == {"kind": "returned", "type": "", "message": "", "traceback": ""}
    assert (one["parent"], one["parted"], one["damage"]) == (None, None, "")
    assert (one["ended"], one["calls"], one["input_tokens"], one["cost"]) == ("finished", 10, 4790, 0.016425)
    assert one["task"] == stories.TASK


@pytest.mark.slow
def test_nothing_that_is_found_is_said(desk):
    assert "none of the 8 runs in runs.db fits" in desk("ls", "--grep", "nowhere").stderr
    assert "none of the 8 runs in runs.db fits" in desk("ls", "--cost-above", "10000000").stderr
    assert json.loads(desk("ls", "--grep", "nowhere", "--json").stdout) == []
    TapeStore.open(desk.path / "empty.db").close()
    assert "no runs in empty.db" in desk("ls", "--store", "empty.db").stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--since", "soon"), "--since cannot be 'soon': give a time ago, as 2h, 3d or 1w, or a day"),
        (("--cost-above", "x"), "--cost-above cannot be 'x': give an amount of USD"),
        (("--sort", "x"), "--sort cannot be 'x': runs are sorted by created, agent"),
        (("--outcome", "x"), "--outcome cannot be 'x': a run is finished, failed, going on"),
        (("--grep", "?"), "--grep cannot be '?': there is no word in it"),
        (("--failed", "--outcome", "finished"), "--outcome cannot be 'finished': runs that failed are asked"),
        (("--cost-above", "1e10"), "--cost-above cannot be '1e10'"),
    ],
)
def test_a_value_that_is_none_is_refused(desk, words, says):
    assert says in " ".join(desk("ls", *words, code=2).stderr.split())


@pytest.mark.slow
def test_runs_are_exported_as_lines_of_json(desk):
    said = desk("export", "--jsonl", "all.jsonl", "--sort", "agent")
    lines = (desk.path / "all.jsonl").read_text("utf-8").splitlines()

    assert len(lines) == 8
    assert {json.loads(line)["run_id"] for line in lines} >= {RUN, "broke", "half \ud800"}
    assert "8 lines in all.jsonl" in said.stderr
    assert desk("export", "--jsonl", "-", "--sort", "agent").stdout.splitlines() == lines
    assert "is there already" in desk("export", "--jsonl", "all.jsonl", code=2).stderr
    desk("export", "--jsonl", "all.jsonl", "--failed", "--force")
    assert len((desk.path / "all.jsonl").read_text("utf-8").splitlines()) == 2


@pytest.mark.slow
def test_calls_are_exported_as_lines_of_json(desk):
    calls = [
        json.loads(line) for line in desk("export", RUN, "--jsonl", "-", "--of", "calls").stdout.splitlines()
    ]

    assert [one["step"] for one in calls] == list(range(10))
    assert {one["run_id"] for one in calls} == {RUN}
    assert (
        len(desk("export", "--jsonl", "-", "--of", "calls", "--agent", "payments").stdout.splitlines()) == 35
    )
    assert "records are of runs or of calls" in desk("export", "--jsonl", "-", "--of", "x", code=2).stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "words",
    [
        ("--failed",),
        ("--limit", "1"),
        ("--limit", "0"),
        ("--sort", "cost"),
        ("--parent", "x"),
        ("--probes",),
        ("--grep", "?"),
    ],
)
def test_one_run_is_not_looked_for(desk, words):
    for to in (("x.tape",), ("--jsonl", "-"), ("--jsonl", "x.jsonl")):
        done = desk("export", RUN, *to, *words, code=2)
        assert f"{words[0]} cannot be" in " ".join(done.stderr.split())
        assert f"{RUN} is one run: leave this out" in " ".join(done.stderr.split())
        assert done.stdout == ""
    assert not (desk.path / "x.tape").exists()
    assert "--of cannot be 'calls'" in desk("export", RUN, "x.tape", "--of", "calls", code=2).stderr


@pytest.mark.slow
def test_a_tape_is_exported_as_before_and_what_makes_no_sense_is_refused(desk):
    assert "10 exchanges" in desk("export", RUN, "one.tape").stdout
    assert "name a run and a file" in " ".join(desk("export", code=2).stderr.split())
    assert "name a run and a file" in " ".join(desk("export", RUN, code=2).stderr.split())
    assert "there is no place for" in " ".join(
        desk("export", RUN, "a.tape", "--jsonl", "b", code=2).stderr.split()
    )


def birth(file):
    with sqlite3.connect(file) as db:
        [[made]] = db.execute("SELECT value FROM kept WHERE key = 'birth'").fetchall()
    db.close()
    return made


@pytest.mark.slow
def test_what_is_kept_for_searching_is_made_anew(desk):
    desk("ls")
    (file,) = (desk.path / "cache" / "tracefork" / "catalogue").glob("*.db")
    before = birth(file)
    said = desk("gc", "--catalogue").stdout

    assert "8 runs read anew, into" in said
    assert json.loads(desk("gc", "--catalogue", "--json").stdout) == {"runs": 8, "file": str(file)}
    assert birth(file) != before


@pytest.mark.slow
def test_a_run_that_is_deleted_in_a_shell_is_found_no_more(desk):
    assert ids(desk("ls", "--grep", "KeyError", "--json")) == ["broke"]
    desk("delete", "broke")
    files = list((desk.path / "cache" / "tracefork" / "catalogue").iterdir())

    assert ids(desk("ls", "--grep", "KeyError", "--json")) == []
    assert not [file for file in files if b"seats" in file.read_bytes()]


@pytest.mark.slow
def test_a_scrubbed_run_is_another_one_and_the_first_is_known_until_it_is_deleted(desk):
    with TapeStore.open(desk.path / "runs.db") as store:
        told = [
            ("I look.", ("get_ticket", {"id": "1"}), "By ada.lovelace@example.org"),
            ("Done.", None, None),
        ]
        store.save(evolve(stories.release(told, run_id="mail"), outcome=RETURNED))
    assert ids(desk("ls", "--grep", "ada.lovelace", "--json")) == ["mail"]
    desk("scrub", "mail", "--emails")
    desk("delete", "mail")
    files = list((desk.path / "cache" / "tracefork" / "catalogue").iterdir())

    assert ids(desk("ls", "--grep", "lovelace", "--json")) == []
    assert "mail-scrubbed" in ids(desk("ls", "--json"))
    assert not [file for file in files if file.exists() and b"lovelace" in file.read_bytes()]
