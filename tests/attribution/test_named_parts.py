"""A cause is named for what it is: a result, a draw, an answer; and none is denied that was not tried."""

from __future__ import annotations

import json

import pytest
from attribution.tooled import (
    AT,
    STEPS,
    Asking,
    beside_a_tool,
    by_draw,
    by_tool,
    recorded,
    succeeded,
    unknown,
)

import tracefork
from tracefork import Budget
from tracefork.attribution.findings import saved
from tracefork.attribution.findings.tables import table
from tracefork.attribution.study.blame import blame
from tracefork.report.model.blame import Blame
from tracefork.validation import planted
from tracefork.validation.faulty import Harm, record_faulty

TOOL = f"step {AT}, the result of `search`"
SEEDS = [*range(3), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 20))]


def study(agent, tape=None, **more):
    given = {"budget": Budget(forks=200), "repeats": "drawn", **more}  # its model has no chance of its own
    return blame(tape or recorded(agent), agent, succeeded, **given)


# -- what is named -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_tools_result_that_decided_is_named_as_that(seed):
    report = study(Asking(by_tool), tools="live", seed=seed)

    assert [(e.step, e.kind, e.what) for e in report.named] == [(AT, "tool", TOOL)]
    assert report.top().differed == 0 < report.top().asked
    assert report.held == ()


@pytest.mark.parametrize("seed", SEEDS)
def test_a_draw_that_decided_is_named_as_that(seed):
    report = study(Asking(by_draw), seed=seed)
    assert [(e.step, e.kind, e.what) for e in report.named] == [
        (AT, "draw", f"step {AT}, the reading of `oracle`")
    ]


@pytest.mark.parametrize("seed", SEEDS[:1] + SEEDS[3:6])
def test_a_result_after_the_last_answer_is_named_too(seed):
    report = study(Asking(by_tool, at=STEPS), tools="live", seed=seed)
    top = report.top()
    assert (top.step, top.what, top.certified) == (
        STEPS - 1,
        f"after step {STEPS - 1}, the result of `search`",
        True,
    )


GUILTY = {
    Harm.TOOL: "measure",
    Harm.RETRIEVAL: "retrieve",
    Harm.PROMPT: "instructions",
    Harm.MEMORY: "recall",
}


@pytest.mark.slow
@pytest.mark.parametrize("harm", Harm)
@pytest.mark.parametrize("seed", range(4))
def test_of_four_tools_at_each_step_the_one_that_did_harm_is_named(harm, seed):
    tape, agent, server = record_faulty(harm, 2, steps=5)
    with server:
        report = blame(tape, agent, planted.succeeded, tools="live", seed=seed)
    tool = GUILTY.get(harm)
    what = f"step 2, the result of `{tool}`" if tool else "step 2"
    assert [entry.what for entry in report.named] == [what]


def test_a_named_result_is_told_in_words_in_a_table_and_as_json():
    report = study(Asking(by_tool), tools="live")

    assert f"STEP: {TOOL}, decided the outcome. With it drawn anew " in report.summary
    row = list(table(report))[1]
    assert row.split()[0] == str(AT)
    assert row.endswith("decided, the result of `search`")
    told = json.loads(saved.dumps(report))
    assert told["top"] == AT
    assert (told["ranking"][0]["kind"], told["ranking"][0]["what"]) == ("tool", TOOL)
    assert saved.loads(saved.dumps(report)) == report


def test_each_fork_is_called_after_the_part_that_it_draws_anew(tmp_path):
    path = tmp_path / "runs.db"
    agent = Asking(by_tool)
    tape = recorded(agent)
    study(agent, tape, tools="live", store=path, budget=Budget(forks=25))
    with tracefork.TapeStore.open(path) as store:
        names = {branch.name.partition(", draw")[0] for branch in store.branches(tape.run_id)}
    assert f"live from {TOOL}" in names


# -- what was asked ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_an_answer_whose_question_differed_is_not_said_to_be_asked_anew(seed):
    report = study(Asking(unknown), seed=seed)
    (entry,) = report.named

    assert (entry.step, entry.kind) == (AT, "answer")
    assert entry.differed > 0.5 * entry.asked > 0
    assert f"what came before step {AT} and its answer decided the outcome" in report.summary
    assert (
        f"What it was asked differed in {entry.differed} of {entry.asked} forks: something between step "
        f"{AT - 1} and {AT} that is not recorded changes it (a tool without @tracefork.tool, the clock, ...)."
    ) in report.summary
    assert "asked anew" not in report.summary


def test_a_ledger_without_what_was_asked_is_read(tmp_path):
    agent, path = Asking(unknown), tmp_path / "study.jsonl"
    tape = recorded(agent)
    before = study(agent, tape, ledger=path, budget=Budget(forks=30))
    head, *rest = [json.loads(line) for line in path.read_text().splitlines()]
    del head["study"]["arms"]
    for line in rest:
        line.get("done", {}).pop("asked_same", None)
    path.write_text("".join(json.dumps(line) + "\n" for line in (head, *rest)))

    again = study(agent, tape, ledger=path, budget=Budget(forks=30))
    assert (again.verdict, again.forks, again.spent) == (before.verdict, before.forks, before.spent)
    assert max(entry.asked for entry in again.ranking) == 0 < max(entry.asked for entry in before.ranking)


# -- what was held -------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cause_is_not_denied_where_results_were_held(seed):
    report = study(Asking(by_tool), seed=seed)

    assert (report.verdict, report.named) == ("NOT_IDENTIFIED_WITHIN_BUDGET", ())
    assert report.held == (("search", STEPS),)
    assert (
        f"In all forks the results of `search` ({STEPS}) were as recorded: what they did to the run is not "
        f"measured; tools='live' would."
    ) in report.summary
    assert "no step is to blame" not in report.summary
    assert "within the budget." not in report.summary
    assert Blame.of(report).conclusion == "no step named: results of tools were held as recorded"


def test_without_tools_nothing_was_held_and_a_hopeless_run_is_systemic():
    report = study(Asking(unknown, carried=0.0, saved=0.0))
    assert (report.verdict, report.held) == ("SYSTEMIC", ())


def test_a_step_is_named_beside_results_that_were_held():
    report = study(Asking(beside_a_tool))

    assert ([entry.step for entry in report.named], report.held) == ([AT], (("greet", STEPS),))
    assert report.verdict == "STEP"
    assert "as recorded: what they did" not in report.summary
