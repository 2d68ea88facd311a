"""From opening the page of a failed run to the step that failed: two keys at most, and no mouse."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from inspect import signature

import pytest
from report import failures
from report.test_page import at

from tracefork import report

WORDS = {"killed": "cut short"}


@pytest.fixture(params=failures.ALL)
def failed(request, tmp_path):
    make = failures.ALL[request.param]
    given = (tmp_path,) if signature(make).parameters else ()
    with ThreadPoolExecutor() as pool:  # playwright has an event loop in this thread
        return request.param, pool.submit(make, *given).result()


def test_the_card_says_how_each_ended(failed):
    name, run = failed
    ending = report.view(run.tape, failure=run.judged).ending

    assert ending.word == WORDS.get(name, "failed")
    assert ending.task == failures.TASK
    assert ending.at == run.step
    assert report.text(run.tape, failure=run.judged).count(ending.word) >= 1


@pytest.mark.slow
@pytest.mark.browser
def test_a_key_leads_from_the_card_to_the_step_that_failed(browse, failed):
    name, run = failed
    page = browse(report.html(run.tape, failure=run.judged))

    assert page.text("#ending-title").startswith(WORDS.get(name, "failed"))
    page.tab.keyboard.press("e")
    page._wait(at(run.step))
    assert page.text("h2#name").startswith(f"Step {run.step}:")
    assert page.is_quiet()


@pytest.mark.slow
@pytest.mark.browser
def test_the_card_is_left_and_come_back_to_by_keys_alone(browse):
    run = failures.meets_a_storm()
    page = browse(report.html(run.tape))
    for key, where in [
        ("e", at(8)),
        ("E", at(7)),
        ("e", at(8)),
        ("e", at(1)),
        ("e", at(2)),
        ("o", "#end"),
        ("j", at(0)),
    ]:
        page.tab.keyboard.press(key)
        page._wait(where)
    page.tab.keyboard.press("x")

    listed = page.tab.evaluate("[...document.querySelectorAll('#steps li[id]')].map((e) => e.id)")
    assert listed == [f"step-{n}" for n in range(1, 9)]
    assert page.is_quiet()


@pytest.mark.browser
def test_the_card_is_there_without_a_script_and_on_paper(browse):
    run = failures.raises()
    page = browse(report.html(run.tape), script=False)
    static = report.html(run.tape, mode="static")

    assert "JSONDecodeError" in page.tab.inner_text("#ending")
    assert "Traceback" in page.tab.inner_text("#ending")
    assert 'id="ending"' in static
    assert "JSONDecodeError" in static
