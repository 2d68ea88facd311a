"""Strands are a tree: who started each, where its result went, and how each is called."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from report import failures, stories
from report.test_page import at

from tracefork import Effect, Exchange, Tape, report
from tracefork.core.values import Call, Reply, Response, Span, Timing
from tracefork.report.model.strands import name_strands, shorten


def exchange(n, lane="", began=0.0, took=1.0):
    asked = stories.question([{"role": "user", "content": f"{lane} {n}"}], stream=False)
    answer = Response(200, (), (b"{}",))
    return Exchange(asked, answer, lane, Span(3 * n, 3 * n + 1, 3 * n + 2), Timing(began, 0.1, took))


def call(name, inside, n, *, began=0.0, took=1.0, lane="", value='"done"', arguments="{}"):
    return Effect(
        Call(name, arguments, inside=inside),
        Reply("returned", value),
        lane,
        Span(3 * n, 3 * n + 2, 3 * n + 2),
        Timing(began, took, took),
    )


def strands(*steps):
    return report.view(Tape(steps)).strands


def test_a_sub_agent_stands_below_who_called_it_and_leads_to_where_its_result_went():
    arguments = '{"args": ["bees"], "kwargs": {"deep": true}}'
    found = strands(
        exchange(0, began=1.0),
        call("research", "research.0", 1, began=3.0, took=5.0, arguments=arguments),
        exchange(2, "research.0", began=4.0),
        exchange(3, "research.0", began=6.0),
        exchange(4, began=9.0),
        exchange(5, began=11.0),
    )

    main, research = found
    assert (main.name, main.depth, main.steps, main.started_by) == ("main", 0, (0, 3, 4), None)
    assert (research.name, research.depth, research.steps) == ("research(bees, deep=True)", 1, (1, 2))
    assert (research.started_by, research.told_in, research.result) == (0, 3, '"done"')


def test_strands_come_in_the_order_in_which_they_were_started_each_below_its_own():
    found = strands(
        exchange(0, began=0.0),
        exchange(1, "b.0", began=2.0),
        exchange(2, "a.0", began=3.0),
        exchange(3, "b.0/c.0", began=4.0),
        exchange(4, "a.0", began=5.0),
    )

    assert [(one.lane, one.depth) for one in found] == [("", 0), ("b.0", 1), ("b.0/c.0", 2), ("a.0", 1)]


def test_a_strand_whose_starter_asked_nothing_stands_by_itself():
    found = strands(exchange(0, "x.0/y.0"), exchange(1, "z.0"))

    assert [(one.lane, one.depth, one.started_by) for one in found] == [
        ("x.0/y.0", 0, None),
        ("z.0", 0, None),
    ]


def test_a_sub_agent_that_asked_nothing_is_there_all_the_same():
    [main, quiet] = strands(exchange(0), call("think", "think.0", 1, began=2.0), exchange(2, began=9.0))

    assert main.steps == (0, 1)
    assert (quiet.name, quiet.steps, quiet.told_in) == ("think", (), 1)


def test_thousands_of_strands_are_told_quickly():
    steps = [exchange(n, f"task.{n}" if n % 2 else "", began=float(n)) for n in range(6_000)]
    done = threading.Event()
    with ThreadPoolExecutor() as pool:
        found = pool.submit(strands, *steps).result(timeout=20)
        done.set()

    assert len(found) == 3_001
    assert found[-1].started_by == 5_998


def test_strands_that_would_be_called_alike_are_called_by_their_path():
    assert name_strands((), ["", "search.0/x.0", "search.1/x.0", "y.0/z.0"]) == [
        "main",
        "search.0/x.0",
        "search.1/x.0",
        "z.0",
    ]


def test_a_name_is_cut_in_its_middle_so_that_its_end_tells_it_apart():
    assert shorten("search(trains, [1, 2])", 15) == "search(…[1, 2])"
    assert shorten("main", 15) == "main"
    assert len(shorten("agent-with-a-long-name.12", 15)) == 15


@pytest.mark.browser
def test_the_page_leads_from_the_call_to_the_strand_and_to_its_result(browse):
    with ThreadPoolExecutor() as pool:
        tape = pool.submit(failures.has_a_failing_sub_agent).result().tape
    page = browse(report.html(tape), at(0))
    started = page.text("#detail")

    assert started.count("Started search(") == 4
    page.tab.click("#side a[data-lane] >> nth=2")
    page._wait(at(2))
    assert "search(buses, [False, True, False]) begins here, started after step 0" in page.text("#detail")
    assert page.tab.evaluate("document.querySelectorAll('#strip .labels text').length") == 7
    assert page.is_quiet()
