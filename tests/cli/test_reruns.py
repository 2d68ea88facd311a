"""What went on from another run, in the shell: ls, show, diff and report tell what came from where."""

from __future__ import annotations

import json
import os

import pytest
import reruns

from tracefork import TapeStore

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop(tmp_path_factory, command_line):
    """The runs of `reruns` in `runs.db`, and the command line beside it."""
    folder = tmp_path_factory.mktemp("shop")
    with TapeStore.open(folder / "runs.db") as store:
        reruns.fill(store)

    def tracefork(*words, code=0):
        done = command_line(words, folder, dict(os.environ))
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    return tracefork


def test_a_list_says_where_each_left_its_parent(shop):
    titles, *lines = shop("ls").splitlines()
    ends = {line.split()[0]: line[titles.index("from") :] for line in lines}
    rows = {row["run_id"]: row for row in json.loads(shop("ls", "--json"))}

    assert ends == {
        "first": "",
        "edited": "first at 1 rerun",
        "cheaper": "first at 0 rerun",
        "same": "first rerun",
        "forked": "first at 4 another end",
        "resumed": "first at 5 resumed",
    }
    assert rows["edited"]["parent"]["step"] == 1
    assert rows["edited"]["parted"].startswith("step 1: at $.messages[0].content")
    assert (rows["same"]["parent"]["step"], rows["same"]["parted"]) == (None, None)


def test_show_says_of_each_step_whether_it_was_served_and_what_that_saved(shop):
    lines = shop("show", "edited", "--wire").splitlines()

    assert lines[0].endswith(", from first at step 1")
    assert lines[2].startswith("parted at step 1: at $.messages[0].content the tape has 'Plan a trip.'")
    assert lines[3] == (
        "savings: 3 served, 2 live; $0.0060 not spent again, $0.0040 spent; tools: 1 served, 0 run; "
        "2 steps not asked any more"
    )
    assert [line.partition(" ms")[2].split("  ")[1:2] for line in lines[4:]] == [
        ["served from 0"],
        ["live"],
        [],
        ["served from 2"],
        ["served from 3"],
        ["served"],
        ["live"],
    ]
    assert "edited: the model is claude-sonnet-4-5" in shop("show", "cheaper").splitlines()
    assert "parted nowhere" in shop("show", "same").splitlines()
    assert len(shop("show", "first", "--wire").splitlines()) == 2 + 7


def test_show_says_it_to_programs(shop):
    said = json.loads(shop("show", "edited", "--json"))

    assert [(step["mark"], step["served_from"]) for step in said["steps"]] == [
        ("served", 0),
        ("live", None),
        ("", None),
        ("served", 2),
        ("served", 3),
        ("served", None),
        ("live", None),
    ]
    assert (said["parted"]["path"], said["parted"]["asked"]) == (
        "$.messages[0].content",
        "'Plan a trip to Rome.'",
    )
    assert (said["savings"]["served"], said["savings"]["saved"]["usd"]) == (3, "0.00600000")
    assert said["edits"] == []


def test_without_the_parent_the_tape_says_what_it_knows(shop):
    shop("export", "edited", "edited.tape")
    said = json.loads(shop("show", "edited.tape", "--store", "nowhere.db", "--json"))

    assert said["savings"] is None
    assert said["parted"]["step"] == 1
    assert [(step["mark"], step["served_from"]) for step in said["steps"]][:2] == [
        ("served", None),
        ("live", None),
    ]


def test_diff_sums_up_what_was_served_asked_anew_and_no_longer_asked(shop):
    summary = (
        "Rerun of first: answers: 3 from the tape, 2 asked anew; tool calls: 1 from the tape, 0 run; "
        "no longer asked: 2 steps"
    )
    there, back = (
        shop("diff", *pair, code=1).splitlines() for pair in (("first", "edited"), ("edited", "first"))
    )

    assert there[-1].startswith(summary)
    assert back[-1] == there[-1]
    assert (
        shop("diff", "first", "same").splitlines()[1].startswith("Rerun of first: answers: 5 from the tape")
    )
    assert json.loads(shop("diff", "first", "edited", "--json", code=1))["savings"]["unasked"] == 2


def test_a_report_of_a_rerun_finds_its_parent(shop):
    text = shop("report", "edited", "--format", "text", "-o", "-")

    assert "saved: $0.0060: 3 calls of models, 3.6k tokens" in text
    assert "from the tape, step 2" in text
