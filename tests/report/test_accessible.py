"""axe-core finds nothing to complain of: in any view, theme, or size of run."""

from __future__ import annotations

from functools import cache

import pytest
from attrs import evolve
from report import stories
from report.conftest import AXE
from report.test_hostile import hostile
from report.test_page import TABS, at

from tracefork import report

pytestmark = [pytest.mark.browser, pytest.mark.slow]
RUN = """async () => {
    const found = await axe.run(document, {resultTypes: ["violations"]});
    const where = (one) => one.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ");
    return found.violations.map((one) => `${one.id}: ${where(one)}`);
}"""


@cache
def made(what):
    if what == "release":
        return report.html(
            stories.release(), blame=stories.BLAME, branches=stories.branches(), verified=stories.VERDICT
        )
    if what == "every kind":
        return report.html(stories.of_every_kind())
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

    def of(html, theme, wheres, **options):
        page = browse(html, color_scheme=theme, **options)
        page.tab.evaluate(AXE.read_text())
        found = {}
        for where in wheres:
            if where:
                page.go(where)
            if said := page.tab.evaluate(RUN):
                found[where] = said
        return found

    return of


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("what", ["release", "every kind", "0", "1", "1000"])
def test_no_view_breaks_a_rule(violations, what, theme):
    wheres = [""] if what == "0" else [at(0, tab) for tab in TABS]
    if what == "release":
        wheres += [at(3), "#branch-0", "#b0-step-3"]
    if what == "every kind":
        wheres += [at(step, tab) for step in (2, 4) for tab in ("new", "response", "headers")]

    assert violations(made(what), theme, wheres) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_hostile_text_breaks_a_rule(violations, theme):
    assert violations(made("hostile"), theme, [at(step, tab) for step in (0, 3, 4) for tab in TABS]) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_narrow_page_breaks_no_rule(violations, theme):
    narrow = {"viewport": {"width": 390, "height": 844}}

    assert violations(made("release"), theme, [at(3), "#branch-0"], **narrow) == {}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_static_page_breaks_no_rule(browse, violations, theme):
    html = report.html(stories.release(), blame=stories.BLAME, branches=stories.branches(), mode="static")

    assert violations(html.replace("<details>", "<details open>"), theme, [""]) == {}
