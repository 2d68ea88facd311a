"""Panes that can be moved and folded, links that lead to a message, and the way back."""

from __future__ import annotations

import pytest
from report import stories
from report.test_page import at

from tracefork import report

pytestmark = pytest.mark.browser
WIDTH = "(id) => Math.round(document.getElementById(id).getBoundingClientRect().width)"


@pytest.fixture(scope="module")
def release():
    return report.html(stories.release(), blame=stories.BLAME, branches=stories.branches())


@pytest.mark.slow
def test_panes_are_made_wider_and_folded_by_keyboard(browse, release):
    page = browse(release)

    def wide(pane):
        return page.tab.evaluate(WIDTH, pane)

    before = wide("list"), wide("side"), wide("detail")
    page.tab.focus("#bar-list")
    page.tab.keyboard.press("ArrowRight")
    page.tab.keyboard.press("ArrowRight")
    assert wide("list") == before[0] + 32
    page.tab.focus("#bar-side")
    page.tab.keyboard.press("ArrowLeft")
    assert wide("side") == before[1] + 16
    assert page.tab.get_attribute("#bar-side", "aria-valuenow") == str(before[1] + 16)
    page.tab.keyboard.press("End")
    assert wide("detail") >= 250
    page.tab.keyboard.press("Home")
    assert wide("side") == 200
    page.tab.keyboard.press("Enter")
    assert not page.tab.is_visible("#side")
    page.tab.keyboard.press("[")
    assert not page.tab.is_visible("#list")
    assert wide("detail") >= 1430
    page.tab.click("#fold-side")
    page.tab.click("#fold-list")
    assert page.tab.is_visible("#side")
    assert wide("list") == before[0] + 32
    assert page.is_quiet()


@pytest.mark.slow
def test_a_border_is_dragged(browse, release):
    page = browse(release, viewport={"width": 1440, "height": 902})
    box = page.tab.locator("#bar-list").bounding_box()
    page.tab.mouse.move(box["x"] + 4, 500)
    page.tab.mouse.down()
    page.tab.mouse.move(520, 500, steps=4)
    page.tab.mouse.up()
    page.tab.mouse.move(300, 500)

    assert page.tab.evaluate(WIDTH, "list") == 520
    assert page.tab.get_attribute("#bar-list", "aria-valuenow") == "520"
    page.tab.dblclick("#bar-list", position={"x": 4, "y": 300})
    assert not page.tab.is_visible("#list")


@pytest.mark.slow
def test_a_link_leads_to_a_message(browse, release):
    page = browse(release, at(7, "conversation") + "/m9")

    assert page.tab.evaluate("document.activeElement.id") == "m9"
    assert page.tab.evaluate("document.getElementById('m9').getBoundingClientRect().top") < 700
    page.tab.click("#m2 .to")
    assert page.tab.evaluate("location.hash") == "#step-7/conversation/m2"
    assert page.text("#detail .linked") == page.text("#m2")
    page.tab.go_back()
    page._wait("#step-7/conversation/m9")
    page.go("#step-3/new/m2")
    assert page.tab.evaluate("document.activeElement.id") == "m2"
    page.tab.evaluate("location.hash = '#step-3/m1'")
    page._wait("#step-3/new/m1")
    assert page.tab.evaluate("document.activeElement.id") == "m1"


def test_a_link_to_a_message_that_is_not_there_says_so(browse, release):
    page = browse(release, "#step-3/new/m77")

    assert page.text("#panel [role=alert]") == "This view has no message 77."
    assert page.text("h2#name") == "Step 3: query_metrics"


@pytest.mark.parametrize(
    ("fragment", "said"),
    [
        ("#step-99999", "There is no step 99999: this run has 10 steps, 0 to 9."),
        ("#step-x", "There is no step x: this run has 10 steps, 0 to 9."),
        ("#b7-step-1", "There is no such step of a branch: this run has 4 branches."),
        ("#branch-9", "There is no branch 9: this run has 4 branches."),
        ("#step-1" + "0" * 400, "There is no step"),
    ],
)
def test_an_address_of_nothing_says_that_it_is_one(browse, release, fragment, said):
    page = browse(release, fragment)

    assert (page.text("#detail [role=alert]") or "").startswith(said)
    assert page.text("h2#name, h2#ending-title").startswith(("Step ", "finished"))
    page.go(at(2))
    assert page.text("#detail [role=alert]") is None


def test_going_back_goes_to_the_step_that_was_opened_before(browse, release):
    page = browse(release, at(0))
    page.tab.click("#step-4 a")
    page._wait(at(4))
    page.tab.click("#step-7 a")
    page._wait(at(7))
    page.tab.keyboard.press("2")
    page._wait(at(7, "conversation"))
    page.tab.go_back()
    page._wait(at(4, "conversation") if "conversation" in page.tab.url else at(4))
    page.tab.go_back()
    page._wait(at(0))
    page.tab.go_forward()
    page._wait(at(4))
    assert page.is_quiet()


@pytest.mark.slow
def test_a_key_that_is_held_down_leaves_no_trail(browse, release):
    page = browse(release, at(0))
    before = page.tab.evaluate("history.length")
    for n in range(1, 8):
        page.tab.keyboard.press("j")
        page._wait(at(n))

    assert page.tab.evaluate("history.length") == before
    page.tab.evaluate("new Promise((done) => setTimeout(done, 1100))")
    page.tab.keyboard.press("j")
    page._wait(at(8))
    assert page.tab.evaluate("history.length") == before + 1
    page.tab.go_back()
    page._wait(at(7))
