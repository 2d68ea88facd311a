"""Branches are shown where they belong: by what they name and hold, whoever else is called the same."""

from __future__ import annotations

import pytest
from attrs import evolve
from report import stories
from report.test_page import at

from tracefork import Branch, Draw, report
from tracefork.core.values import Pending, Reading, Source, Span
from tracefork.report.model.parents import RUN, parents
from tracefork.report.page import sidebar
from tracefork.report.page.payload import index
from tracefork.report.page.timeline import strip


def tree(branches, tape=None):
    """The twigs as they stand below one another: depth, place, and name."""
    view = report.view(tape or stories.release(), branches=branches)
    return [(twig.depth, twig.place, twig.name) for twig in sidebar.branches(view)]


def named(parent, run_id, step=1, number=0):
    """A branch `run_id` of whatever is called `parent`."""
    return evolve(stories.branches()[number], run_id=run_id, parent=Branch(parent, step, run_id))


RELEASE = stories.release()


# -- whom they left -----------------------------------------------------------------------


def test_a_branch_stands_below_the_one_that_it_left():
    assert tree(stories.branches()) == [
        (0, "at 2", "the test passes"),
        (1, "at 5", "waits an hour"),
        (0, "at 3", "stops on the failed test"),
        (0, "at 6", "stays at 5%"),
    ]


def test_the_tree_the_strip_and_the_page_say_the_same_place():
    fork = evolve(stories.branches()[0], parent=Branch(RELEASE.run_id, 1, "forked early"))
    view = report.view(RELEASE, branches=[fork])
    dot = dict(strip(view).paths)["fork"]
    straight = dict(strip(report.view(RELEASE, branches=stories.branches()[:1])).paths)["fork"]

    assert [twig.place for twig in sidebar.branches(view)] == ["at 3"]
    assert index(view, [0], 0)["branches"][0]["at"] == 3
    assert dot == straight


def test_a_branch_of_a_run_that_is_not_shown_is_not_said_to_be_of_this_one():
    stray = named("another/run", "stray", 4)
    view = report.view(RELEASE, branches=[stray])

    assert tree([stray]) == [(0, "at 4 of another/run", "stray")]
    assert "fork" not in dict(strip(view).paths)
    assert "at 4 of another/run" in report.text(RELEASE, branches=[stray])


def test_branches_that_name_each_other_hang_on_the_trunk_and_each_is_there():
    circle = [named("c", "a"), named("a", "b"), named("b", "c"), named("x", "x"), named("b", "d")]
    shown = tree(circle)

    assert sorted(name for _, _, name in shown) == ["a", "b", "c", "d", "x"]
    assert (0, "at 1 of c", "a") in shown
    assert (0, "at 1 of x", "x") in shown
    assert "Nobody has forked" not in report.html(RELEASE, branches=circle)


@pytest.mark.parametrize("run_id", ["", "r"])
def test_runs_that_are_called_the_same_are_told_apart(run_id):
    tape = evolve(RELEASE, run_id=run_id)
    one, other = (evolve(named(run_id, run_id, 3 * n), parent=Branch(run_id, 3, f"{n}")) for n in (0, 1))

    assert parents(tape, [one, other]) == [RUN, RUN]
    assert [name for _, _, name in tree([one, other], tape)] == ["0", "1"]
    assert [
        branch["of"] for branch in index(report.view(tape, branches=[one, other]), [0], 0)["branches"]
    ] == [
        RUN,
        RUN,
    ]


def test_a_branch_of_two_that_are_called_the_same_hangs_on_the_first():
    below = named("twin", "below")

    assert parents(RELEASE, [below, named("y", "twin"), named("z", "twin")]) == [1, None, None]
    assert parents(RELEASE, [named("twin", "twin"), named("z", "twin")]) == [1, None]


def test_a_thousand_branches_of_branches_are_shown():
    one = evolve(stories.branches()[0], steps=RELEASE.steps[:1])
    chain = [evolve(one, run_id=f"{n}", parent=Branch(f"{n - 1}", 1, f"fork {n}")) for n in range(1_000)]
    chain[0] = evolve(chain[0], parent=Branch(RELEASE.run_id, 1, "fork 0"))

    for mode in ("app", "static"):
        assert "fork 999" in report.html(RELEASE, branches=chain, mode=mode)
    assert "fork 999" in report.text(RELEASE, branches=chain)
    assert "more\n" in report.markdown(RELEASE, branches=chain)  # a comment has no room for all
    assert {depth for depth, _, _ in tree(chain)} == set(range(sidebar.DEEPEST + 1))


def test_lists_within_lists_are_closed_as_they_were_opened():
    page = report.html(
        RELEASE, branches=[*stories.branches(), named("b-again", "c"), named("c", "d")], mode="static"
    )

    assert page.count("<ul") == page.count("</ul>")
    assert page.count("<li") == page.count("</li>")


# -- strands ------------------------------------------------------------------------------


def test_every_lane_is_known_whoever_ran_in_it():
    fork = stories.branches()[0]
    fork = evolve(fork, steps=(*fork.steps[:3], evolve(fork.steps[3], lane="worker")))
    drew = Draw(Source("clock"), Reading("1"), "thread", Span(900, 900, 900))
    left = Pending(RELEASE[0].request, "task", 901, None)
    tape = evolve(RELEASE, steps=(*RELEASE.steps, drew), pending=(left,))
    view = report.view(tape, branches=[fork])
    made = index(view, [0], 0)

    assert view.lanes == ("", "thread", "task", "worker")
    assert made["lanes"][made["steps"][-1]["l"]] == "worker"


# -- in the page --------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.browser
def test_branches_in_a_circle_and_of_other_runs_are_opened_like_all_others(browse):
    branches = [named("b", "a"), named("a", "b", number=1), named("", "c", number=2), *stories.branches()]
    page = browse(report.html(RELEASE, branches=branches))
    for number in range(len(branches)):
        assert (page.go(f"#branch-{number}").text("h2#name") or "").startswith("Branch: ")

    assert "It left another run at 1 of b" in page.go("#branch-0").text("#detail")
    assert page.tab.is_hidden("#cursor")
    assert "at step 6" in page.go("#branch-5").text("#detail")
    assert page.tab.is_visible("#cursor")
    assert page.is_quiet()


@pytest.mark.browser
def test_a_step_of_a_branch_in_a_lane_of_its_own_says_so(browse):
    fork = stories.branches()[0]
    fork = evolve(fork, steps=(*fork.steps[:3], evolve(fork.steps[3], lane="worker")))
    page = browse(report.html(RELEASE, branches=[fork]), at(3, prefix="b0-"))

    assert "strand worker" in page.text("#detail .sub")
    assert page.tab.query_selector("#lanes") is None


# -- in words -----------------------------------------------------------------------------


def told(n, *answers, asked="Go."):
    """A run that hears `answers`, one after the other."""
    steps = []
    for number, answer in enumerate(answers):
        request = stories.question([{"role": "user", "content": f"{asked} {number}"}], stream=False)
        steps.append(stories.exchange(request, answer(request), number))
    return evolve(stories.release(), steps=tuple(steps), run_id=f"run-{n}", parent=None)


MARKED = """(tag) => [...document.querySelectorAll(`.beside ${tag}`)].map((one) => one.textContent)"""


@pytest.mark.browser
def test_what_differs_is_marked_word_by_word_and_what_is_alike_is_folded(browse):
    same, text, call = stories.anthropic.text("Same."), stories.anthropic.text, stories.anthropic.tool_use
    one = told(
        1, text("It rains in Rome."), same, same, same, same, call("book", {"seat": "12A", "train": 7})
    )
    two = told(
        2, text("It snows in Rome."), same, same, same, same, call("book", {"seat": "14C", "train": 7})
    )
    page = browse(report.html(one, beside=[two]))

    assert page.text("h2#name") == "Beside: run-2"
    assert page.tab.evaluate(MARKED, "del") == ["rains", '"12A",']
    assert page.tab.evaluate(MARKED, "ins") == ["snows", '"14C",']
    assert page.text(".alike summary") == "4 steps with the same answers, 1 to 4"
    assert page.is_quiet()


@pytest.mark.browser
def test_what_was_asked_otherwise_is_told_where_the_answer_is_the_same_too(browse):
    same = stories.anthropic.text("Same.")
    page = browse(
        report.html(told(1, same, asked="Go to Rome."), beside=[told(2, same, asked="Go to Bonn.")])
    )
    page.tab.click(".alike summary") if page.text(".alike summary") else None

    assert "the same answer" in page.text("#detail")


@pytest.mark.browser
def test_runs_that_have_nothing_in_common_stand_beside_each_other_too(browse):
    page = browse(report.html(stories.release(), beside=[stories.of_every_kind(), stories.repeated(30)]))
    for where in ("#branch-0", "#branch-1"):
        page.go(where)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= 1440

    assert page.is_quiet()


def test_a_run_beside_another_is_no_branch_of_it():
    view = report.view(RELEASE, beside=[stories.release(run_id="other")])
    [branch] = view.branches

    assert (branch.is_kin, branch.above, branch.place) == (False, None, "beside it")
    assert "fork" not in dict(strip(view).paths)
    assert "beside it: other" in report.text(RELEASE, beside=[stories.release(run_id="other")])
