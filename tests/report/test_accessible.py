"""axe-core finds nothing to complain of: in any view, theme, or size of run."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import reruns
from attrs import evolve
from report import failures, rich, stories
from report.conftest import AXE
from report.test_hostile import hostile
from report.test_page import TABS, at

from tracefork import TapeStore, report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN = """async ([part, rules]) => {
    const only = rules.length ? {runOnly: {type: "rule", values: rules}} : {};
    const found = await axe.run(part || document, {resultTypes: ["violations"], ...only});
    const where = (one) => one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ");
    return found.violations.map((one) => `${one.id}: ${where(one)}`);
}"""
ALONE = "() => { for (const id of ['steps', 'side']) document.getElementById(id).replaceChildren(); }"
"""What stands beside a step is the same for each view, and axe walks all of it each time."""
OF_COLOUR = ["color-contrast", "link-in-text-block"]  # what can differ between two themes


@cache
def made(what):
    if what == "release":
        return report.html(
            stories.release(), blame=stories.BLAME, branches=stories.branches(), verified=stories.VERDICT
        )
    if what == "every kind":
        return report.html(stories.of_every_kind())
    if what == "rich":
        return report.html(rich.showcase())
    if what == "hostile":
        tape, blame, branches = hostile()
        return report.html(tape, blame=blame, branches=branches)
    count = int(what)
    tape = (
        stories.repeated(count)
        if count > 1
        else evolve(stories.release(), steps=stories.release().steps[:count])
    )
    return report.html(tape)


@pytest.fixture
def violations(browse):
    if not AXE.is_file():
        pytest.skip("axe-core is not there: npm install --prefix tests/peers")

    def of(html, wheres, *, parts=False, themes=("light", "dark"), **options):
        """What is wrong. With `parts` the whole page is looked at once, and then the step alone."""
        page = browse(html, reduced_motion="reduce", **options)  # colours change at once
        page.tab.evaluate(AXE.read_text())
        found = {}
        for number, where in enumerate(wheres):
            if where:
                page.go(where)
            if parts and number == 1:
                page.tab.evaluate(ALONE)
            for theme in themes:
                page.tab.emulate_media(color_scheme=theme)
                rules = [] if theme == themes[0] else OF_COLOUR
                if said := page.tab.evaluate(RUN, ["#detail" if parts and number else "", rules]):
                    found[theme, where] = said
        return found

    return of


BY_NIGHT = pytest.param("release", marks=pytest.mark.nightly)


@pytest.mark.parametrize("what", [BY_NIGHT, "every kind", "0", "1", "1000"])
def test_no_view_breaks_a_rule(violations, what):
    wheres = [""] if what == "0" else [at(0, tab) for tab in TABS]
    if what == "release":
        wheres += [at(3), "#branch-0", "#b0-step-3"]
    if what == "every kind":
        wheres += [at(step, tab) for step in (2, 4) for tab in ("new", "response", "headers")]

    assert violations(made(what), wheres, parts=what != "release") == {}


def test_no_hostile_text_breaks_a_rule(violations):
    assert (
        violations(made("hostile"), [at(step, tab) for step in (0, 3, 4) for tab in TABS], parts=True) == {}
    )


def test_a_narrow_page_breaks_no_rule(violations):
    narrow = {"viewport": {"width": 390, "height": 844}}

    assert violations(made("release"), [at(3), "#branch-0"], **narrow) == {}


OPENED = """() => {
    for (const one of document.querySelectorAll("#panel .acts button"))
        if (["tree", "Markdown"].includes(one.textContent)) one.click();
    for (const one of document.querySelectorAll(".json summary")) if (!one.parentNode.open) one.click();
}"""


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_pictures_sounds_trees_and_markdown_break_no_rule(violations, size):
    window = {"viewport": {"width": size[0], "height": size[1]}}
    assert violations(made("rich"), [at(n) for n in range(5)], **window) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_what_is_opened_in_a_message_breaks_no_rule(browse, theme):
    page = browse(made("rich"), at(1), reduced_motion="reduce", color_scheme=theme)
    page.tab.evaluate(AXE.read_text())
    found = []
    for n in range(5):
        page.go(at(n))
        page.tab.evaluate(OPENED)
        found += page.tab.evaluate(RUN, ["", []])
    assert found == []


@pytest.mark.parametrize("what", ["0", "1", "1000", "10000"])
def test_the_table_breaks_no_rule(violations, what):
    assert violations(made(what), ["#table"], parts=False) == {}


def test_a_static_page_breaks_no_rule(violations):
    html = report.html(stories.release(), blame=stories.BLAME, branches=stories.branches(), mode="static")

    assert violations(html.replace("<details>", "<details open>"), [""]) == {}


@pytest.mark.parametrize("branch", [False, True])
@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_a_rerun_and_its_branch_break_no_rule(violations, tmp_path, size, branch):
    with TapeStore.open(tmp_path / "runs.db") as store:
        reruns.fill(store)
        first, edited = store.load("first"), store.load("edited")
    window = {"viewport": {"width": size[0], "height": size[1]}}

    html = report.html(first, branches=[edited]) if branch else report.html(edited, parent=first)
    assert violations(html, ["#branch-0", "#b0-step-2"] if branch else [at(0), at(1)], **window) == {}


FAILED = ["raises", "529 storm", "loop", "sub-agent", "tool raises"]


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
@pytest.mark.parametrize("name", FAILED)
def test_what_the_page_of_a_failed_run_opens_with_breaks_no_rule(violations, name, size):
    with ThreadPoolExecutor() as pool:  # playwright has an event loop in this thread
        failed = pool.submit(failures.ALL[name]).result()
    window = {"viewport": {"width": size[0], "height": size[1]}}

    assert violations(report.html(failed.tape, failure=failed.judged), ["", at(failed.step)], **window) == {}


def test_the_keys_and_words_behind_the_question_mark_break_no_rule(browse):
    page = browse(made("release"), reduced_motion="reduce")
    page.tab.evaluate(AXE.read_text())
    page.tab.keyboard.press("?")

    assert "Words" in page.tab.inner_text("#help")
    assert page.tab.evaluate(RUN, ["#help", []]) == []
