"""Reports of blame as JSON and as tables: each method has rows of its own kind."""

from __future__ import annotations

import json

import pytest

from tracefork.attribution.findings import saved
from tracefork.attribution.findings.findings import BlameReport, RankedDrop, RankedEffect, RankedFlips
from tracefork.attribution.findings.tables import table, whisker
from tracefork.attribution.search.conclusion import Conclusion
from tracefork.report.model.blame import Blame
from tracefork.report.page.sidebar import make_blame_table

ROWS = {
    "value": RankedDrop(step=2, value_drop=0.7, low=0.1, high=0.9, posterior=0.9, before=0.8, after=0.1),
    "flip": RankedFlips(
        step=2,
        low=0.3,
        high=0.9,
        flips=4,
        trials=5,
        noop_rate=0.6,
        excess=0.2,
        excess_low=-0.1,
        excess_high=0.5,
    ),
    "direct": RankedEffect(step=2, low=0.1, high=0.7, direct=0.4, branches=("a", "b"), contrast=("a",)),
}
EARLIER = {
    "value_drop": 0.0,
    "measured": True,
    "certified": False,
    "posterior": 0.0,
    "before": None,
    "after": None,
    "forks": 0,
    "trusted": True,
    "flips": None,
    "trials": None,
    "flip_rate": None,
    "noop_rate": None,
    "excess": None,
    "excess_low": None,
    "excess_high": None,
    "direct": None,
    "branches": [],
    "contrast": [],
}
"""What each row had, by whichever method, before rows were of several kinds."""


def report(method):
    return BlameReport(Conclusion.NOT_IDENTIFIED_WITHIN_BUDGET, (ROWS[method],), method)


@pytest.mark.parametrize("method", ROWS)
def test_a_report_is_read_as_it_was_saved(method):
    assert saved.loads(saved.dumps(report(method))) == report(method)


@pytest.mark.parametrize("method", ROWS)
def test_a_report_whose_rows_have_the_fields_of_all_methods_is_read(method):
    fields = json.loads(saved.dumps(report(method)))
    fields["ranking"] = [EARLIER | row for row in fields["ranking"]]

    assert saved.loads(json.dumps(fields)) == report(method)


@pytest.mark.parametrize("method", ROWS)
def test_every_row_says_how_often_the_other_outcome_came_with_and_without_the_answer(method):
    row = json.loads(saved.dumps(report(method)))["ranking"][0]

    assert row["value_drop"] == pytest.approx(row["before"] - (row["after"] or 0.0))
    assert row["flip_rate"] == ROWS[method].flip_rate


@pytest.mark.parametrize("method", ROWS)
def test_a_table_draws_the_estimate_within_its_interval(method):
    drawn = whisker(ROWS[method], 0.99).rstrip("| ")

    assert "-o-" in drawn and drawn.endswith("-")
    assert list(table(report(method)))[1].endswith("90%" if method == "value" else "-")


def test_a_report_of_an_earlier_version_tells_of_answers():
    fields = json.loads(saved.dumps(report("value")))
    for name in ("held", "inconclusive", "mutated", "harm"):
        del fields[name]
    for name in ("kind", "what", "asked", "differed"):
        del fields["ranking"][0][name]
    read = saved.loads(json.dumps(fields))

    assert read == report("value")
    assert (read.top().kind, read.top().what, read.held) == ("answer", "step 2", ())


PARTS = BlameReport(
    Conclusion.STEP,
    (
        RankedDrop(
            step=2,
            kind="tool",
            what="step 2, the result of `search`",
            value_drop=0.8,
            low=0.3,
            high=1.0,
            certified=True,
        ),
        RankedDrop(step=2, value_drop=0.1, low=-0.1, high=0.3),
        RankedDrop(step=1, value_drop=0.0, low=-0.1, high=0.3),
    ),
)


def test_a_page_lists_each_part_and_draws_the_first_of_each_step():
    blame = Blame.of(PARTS)

    assert [mark.what for mark in blame.marks] == ["step 2, the result of `search`", "step 2", "step 1"]
    assert [mark.value for mark in blame.by_step] == [0.8, 0.0]
    assert blame.mark(2).part == "the result of `search`"
    titles = [row.title for row in make_blame_table(blame, {2: "said", 1: "asked"}).marks]
    assert titles == ["the result of `search`", "said", "asked"]
    assert [row.title for row in make_blame_table(blame).marks] == [", the result of `search`", "", ""]
    assert "| 2, the result of \\`search\\` |" in PARTS._repr_markdown_()


def test_the_parts_of_one_step_that_decided_together_are_told_as_that():
    told = BlameReport(Conclusion.SEGMENT, PARTS.ranking[1:], segment=(2,)).summary
    assert told.startswith("SEGMENT: the parts of step 2 together decided the outcome;")
    told = BlameReport(Conclusion.SEGMENT, PARTS.ranking[1:], segment=(1, 2)).summary
    assert told.startswith("SEGMENT: steps 1, 2 together decided the outcome;")


def test_a_page_draws_flip_rates_within_their_interval():
    mark = Blame.of(report("flip")).marks[0]

    assert mark.low < mark.value == ROWS["flip"].flip_rate < mark.high
