"""Reports of blame as JSON and as tables: each method has rows of its own kind."""

from __future__ import annotations

import json

import pytest

from tracefork.attribution.findings import saved
from tracefork.attribution.findings.findings import BlameReport, RankedDrop, RankedEffect, RankedFlips
from tracefork.attribution.findings.tables import table, whisker
from tracefork.attribution.search.conclusion import Conclusion
from tracefork.report.model.blame import Blame

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


def test_a_page_draws_flip_rates_within_their_interval():
    mark = Blame.of(report("flip")).marks[0]

    assert mark.low < mark.value == ROWS["flip"].flip_rate < mark.high
