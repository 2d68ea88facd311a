"""What a run did between its exchanges is told in every form, in its place, and can be found."""

from __future__ import annotations

import pytest
from attrs import evolve
from report import stories

from tracefork import Request, report
from tracefork.core.values import Pending
from tracefork.report.page import step_list

TOLD = (
    "drew clock: 1790000000.5",
    'called send_mail: "sent"',
    'called rm: raised OSError: ["no"]',
    "POST https://example.com/late: in flight when the recording ended",
)


def run():
    tape = stories.of_every_kind()
    left = Pending(Request("POST", "https://example.com/late", (), b""), "", 900, None)
    return evolve(tape, pending=(left,))


def without_exchanges():
    tape = run()
    return evolve(tape, steps=(*tape.draws, *tape.effects))


def test_asides_stand_before_the_step_that_came_next():
    view = report.view(run())
    placed = {
        row.step.index: [aside.summary for aside in row.asides]
        for row in step_list.steps(view, 99, whole=False)
    }

    assert {index: said for index, said in placed.items() if said} == {1: list(TOLD[:2]), 5: [TOLD[2]]}
    assert [aside.summary for aside in step_list.after(view)] == [TOLD[3]]


@pytest.mark.parametrize("tape", [run(), without_exchanges()], ids=["among exchanges", "alone"])
def test_every_form_tells_what_was_drawn_called_and_in_flight(tape):
    static = report.html(tape, mode="static").replace("&#34;", '"')
    text, markdown = report.text(tape), report.markdown(tape)

    for said in TOLD:
        title, _, answered = said.partition(": ")
        assert said in static
        assert title in text
        assert answered in text
        assert f" {title.split()[0]} " in markdown
    assert "a@example.com" in static  # the arguments too
    assert ("No step was recorded" in text) == (not len(tape))


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("tape", [run(), without_exchanges()], ids=["among exchanges", "alone"])
def test_a_page_with_scripts_off_tells_it_too(browse, tape):
    page = browse(report.html(tape), script=False)
    shown = page.tab.inner_text("body")

    assert all(said in shown for said in TOLD)
    assert page.tab.is_visible(".asides")


@pytest.mark.browser
def test_a_page_with_scripts_on_tells_it_beside_the_step(browse):
    page = browse(report.html(run()), "#step-1")

    assert TOLD[0] in page.text("#panel")
    assert TOLD[1] in page.text("#panel")
    assert f"after this step: {TOLD[3]}" in page.go("#step-7").text("#panel")
    assert not page.tab.is_visible(".asides")
    page.tab.keyboard.press("k")
    page._wait("#step-6")
    assert page.tab.evaluate("document.querySelector('#steps [aria-current]').parentNode.id") == "step-6"
    assert page.is_quiet()


@pytest.mark.browser
def test_a_run_without_an_exchange_shows_what_else_it_did(browse):
    page = browse(report.html(without_exchanges()))

    assert "No step was recorded." in page.text("#detail")
    assert all(said in page.text("#detail") for said in TOLD)
    assert page.is_quiet()
