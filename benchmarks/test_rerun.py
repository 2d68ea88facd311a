"""A changed agent pays for what it asks anew, whatever it is built on; the benchmark sees who pays more."""

from __future__ import annotations

import pytest
from attrs import evolve

from benchmarks.rerun import pairs, plans, proxied
from benchmarks.rerun.frameworks import ALL
from tracefork.core.matching import canonical

EDITS = plans.edits()
BY_DAY = {
    "httpx / tasks": 0,
    "httpx, sub-agents / threads": 1,
    "anthropic / one by one": 2,
    "anthropic, streams / tasks": 3,
    "openai, chat / threads": 4,
    "openai, streams / tasks": 5,
    "openai, Responses / tasks": 6,
    "google-genai / tasks": 7,
    "cohere / tasks": 8,
    "openai-agents, chat / tasks": 9,
    "pydantic-ai, anthropic / tasks": 10,
    "langchain-anthropic / tasks": 11,
    "langchain-openai / threads": 12,
}
"""Some of each kind; together they are changed in every other one of the hundred ways."""

pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of the SDKs
    pytest.mark.filterwarnings(
        "ignore:coroutine .* was never awaited"
    ),  # of pydantic-ai, in a trial that ends
]


def title(framework):
    return f"{framework.name} / {framework.how}"


def missed(framework, edits, **options):
    """The edits of an agent whose rerun was not as it should be, and what it came to."""
    if framework.missing:
        pytest.skip(f"{framework.missing} is not installed")
    bad = []

    def tell(edit, found):
        if not found.is_exact:
            bad.append((edit.kind, edit.name, found))

    pairs.measure(framework, edits, tell, **options)
    return bad


def find(name):
    return next(one for one in ALL if title(one) == name)


def test_there_are_a_hundred_edits_and_no_two_agree():
    plan_of = {str(edit.change(plans.BASE)) for edit in EDITS}

    assert len(EDITS) == 100
    assert len(plan_of) == 100
    assert str(plans.BASE) not in plan_of


@pytest.mark.parametrize("name", BY_DAY)
def test_a_changed_agent_asks_the_minimal_set_and_comes_to_what_it_comes_to_live(name):
    edits = EDITS[2 * BY_DAY[name] :: 2 * len(BY_DAY)]

    assert missed(find(name), edits, verify=4) == []


@pytest.mark.nightly
@pytest.mark.timeout(900)
@pytest.mark.parametrize("framework", ALL, ids=title)
def test_every_edit_of_every_agent(framework):
    assert missed(framework, EDITS, verify=5) == []


def test_the_benchmark_sees_answers_that_were_not_served_and_tools_that_ran_again():
    edit = next(one for one in EDITS if one.name == "the topic of errand 0")
    with pairs.recorded(find("httpx / one by one")) as made:
        found = made.rerun(edit, reuse="none", tools="live")

    assert found.same
    assert found.missed == found.live - found.minimal > 0
    assert found.rerun > 0


def test_the_benchmark_sees_answers_to_other_questions():
    edit = next(one for one in EDITS if one.name == "the system prompt")
    with pairs.recorded(find("httpx / one by one")) as made:
        found = evolve(made, matcher=canonical(ignoring=["$.system"])).rerun(edit)

    assert found.wrong > 0
    assert not found.same


# timefork ----------------------------------------------------------------------------------


@pytest.mark.nightly
def test_timefork_files_a_question_under_its_content_and_runs_every_tool_again():
    python = proxied.interpreter()
    if isinstance(python, proxied.Missing):
        pytest.skip(python.why)
    edits = EDITS[::10]
    found = proxied.measure(python, find("httpx / one by one"), edits, evolve(plans.BASE, stamps=""))

    assert all(one.same and not one.wrong and not one.problem for one in found)
    assert sum(one.rerun for one in found) > 0


def test_a_timefork_that_is_not_there_is_said_to_be_missing(monkeypatch):
    monkeypatch.setenv("TRACEFORK_TIMEFORK", "/nowhere/python")
    proxied.interpreter.cache_clear()
    try:
        found = proxied.interpreter()
        [row] = proxied.rows()
    finally:
        proxied.interpreter.cache_clear()

    assert isinstance(found, proxied.Missing)
    assert "not measured: timefork: " in row[1]
