"""What a row of the list says; how rows are sorted, and shown as a table."""

from __future__ import annotations

import re

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from report import stories
from report.test_page import at

from tracefork import Fault, Request, Response, report
from tracefork.report.model.titles import HEAD, LINE, title
from tracefork.report.page import page as pages

browser = pytest.mark.browser
LISTED = "[...document.querySelectorAll('#steps li[id]')].map((one) => Number(one.id.slice(5)))"
TABLED = "[...document.querySelectorAll('.sheet tr[data-step]')].map((one) => Number(one.dataset.step))"


def titled(said, **more):
    """The title of a step that was answered with `said`."""
    asked = stories.question([{"role": "user", "content": "Hi."}])
    tape = evolve(
        stories.release(),
        steps=(stories.exchange(asked, stories.anthropic.text(said, **more)(asked), 0),),
    )
    return report.view(tape).steps[0].title


def unread(url, body=b"", answer=None, method="POST"):
    """The title of a step at a server of whose API nothing is known."""
    asked = Request(method, url, (), b"{}")
    return title(stories.exchange(asked, answer or Response(200, (), (body,)), 0), None, body)


def test_an_answer_is_titled_by_its_first_words():
    said = titled("It will rain until noon, and then the sun comes out over all of the coast. Take a coat.")

    assert said.head == "It will rain until noon, and then the sun comes out"
    assert said.tail == "over all of the coast. Take a coat."
    assert (said.title, said.preview[:12]) == ("end_turn", "It will rain")


def test_a_reason_to_stop_is_told_where_it_is_not_the_usual_one():
    assert titled("It will", stop_reason="max_tokens").tail == "max_tokens"
    assert titled("It will rain.").tail == ""
    assert titled("").head == "end_turn"


@given(st.text(max_size=400))
def test_two_lines_are_the_beginning_of_what_was_said(said):
    found = titled(said.encode("utf-8", "replace").decode())
    bare = str.maketrans("", "", " *`#>-+…:")
    whole, flat = f"{found.head}{found.tail}".translate(bare), found.preview.translate(bare)

    assert len(found.head) <= HEAD
    assert len(found.tail) <= LINE
    assert whole.startswith(flat[:HEAD]) or not flat


@pytest.mark.parametrize("said", ["x = 2 ** 3 ** y", "**/*.py", "- 5 degrees", "a * b * c", "`", "f(**kw)"])
def test_what_may_be_code_stays_in_a_title(said):
    assert titled(said).head == said


def test_marks_of_markdown_are_no_words_of_a_title():
    said = titled("## What I found\n\n- The ledger **differs** in `orders`.")

    assert said.head == "What I found: The ledger differs in orders."


def test_a_row_of_what_is_no_text_says_what_it_is():
    answer = Response(200, (("Content-Type", "image/png; x=y"),), (b"\x89PNG" + bytes(range(128, 255)),))

    assert unread("https://h/file", answer.chunks[0], answer).tail == "h: image/png, 131 B"


@pytest.mark.parametrize(
    ("url", "head"),
    [
        ("https://shop.example.com/v1/orders/17/refund?dry=1", "POST /v1/orders/17/refund"),
        ("https://shop.example.com/", "POST shop.example.com"),
        ("https://shop.example.com", "POST shop.example.com"),
        ("http://[x/y", "POST http://[x/y"),
        (
            "https://h/projects/a-very-long-name-of-a-project/places/b/things/17/refund",
            "POST …/places/b/things/17/refund",
        ),
    ],
)
def test_what_an_unknown_server_was_asked_is_the_end_of_its_path(url, head):
    assert unread(url).head == head


def test_a_row_of_an_unknown_server_says_its_host_and_its_answer():
    said = unread("https://shop.example.com/v1/orders", b'{"ok": true}')

    assert said.tail == 'shop.example.com: {"ok": true}'
    assert unread("https://h/a/b", b"no", Response(500, (), (b"no",))).tail == "POST /a/b: no"
    assert unread("https://h/a/b", answer=Fault("ReadTimeout", "late")).tail == "POST /a/b: late"


@given(st.text(), st.sampled_from(["GET", "POST", "x" * 200]))
def test_no_address_is_too_odd_for_a_title(url, method):
    said = unread(url.encode("utf-8", "replace").decode(), method=method)

    assert len(said.head) <= LINE
    assert said.head.encode()


def test_each_row_has_tokens_cost_and_time_with_scripts_and_without():
    for mode in ("app", "static"):
        html = report.html(stories.release(), mode=mode)
        row = re.search(r'<li id="step-1".*?</li>', html, re.DOTALL)[0]
        assert "<small>298 → 10 · $0.0010</small>" in row
        assert "1.7 s" in row


@pytest.mark.slow
@browser
def test_rows_that_the_script_makes_are_those_of_the_document(browse, monkeypatch):
    rows = "[...document.querySelectorAll('#steps li[id]')].map((one) => [one.className, one.innerText])"
    tape = stories.of_every_kind()
    own = browse(report.html(tape)).tab.evaluate(rows)
    monkeypatch.setattr(pages, "MOST_ROWS", 0)
    made = browse(report.html(tape), name="made.html", viewport={"width": 1440, "height": 901})

    assert made.tab.evaluate(rows) == own


def spending():
    """A run of four steps that differ in how long they took and in their tokens."""
    steps = []
    for n, (took, words) in enumerate([(2.0, 30), (0.5, 3), (9.0, 1), (1.0, 90)]):
        asked = stories.question([{"role": "user", "content": "word " * words}])
        answer = stories.anthropic.text(f"{'said ' * words}{n}")(asked)
        steps.append(stories.exchange(asked, answer, n, took=took))
    return evolve(stories.release(), steps=tuple(steps))


@browser
def test_the_list_is_sorted_by_time_tokens_and_cost_and_keys_follow_it(browse):
    page = browse(report.html(spending()))
    for by, order in [("time", [2, 0, 3, 1]), ("in", [3, 0, 1, 2]), ("cost", [3, 0, 1, 2])]:
        page.tab.select_option("#sort", by)
        assert page.tab.evaluate(LISTED) == order
    page.tab.select_option("#sort", "time")
    page.go(at(2))
    page.tab.keyboard.press("j")
    page._wait(at(0))
    page.tab.select_option("#sort", "step")
    assert page.tab.evaluate(LISTED) == [0, 1, 2, 3]
    assert page.is_quiet()


@browser
def test_the_table_has_each_step_and_is_sorted_by_its_heads(browse):
    page = browse(report.html(spending()))
    page.tab.keyboard.press("v")
    page._wait("#table")
    cells = "[...document.querySelectorAll('.sheet tr[data-step=\"1\"] > *')].map((one) => one.textContent)"

    assert page.tab.evaluate(cells) == [
        *["1", "answer", "said said said 1 ", "claude-sonnet-4-5", "main"],
        *page.tab.evaluate(cells)[5:8],
        "500 ms",
    ]
    assert page.tab.evaluate(cells)[7].startswith("$0.00")
    page.tab.click("[data-sort=time]")
    assert page.tab.evaluate(TABLED) == [2, 0, 3, 1]
    page.tab.click("[data-sort=time]")
    assert page.tab.evaluate(TABLED) == [1, 3, 0, 2]
    assert page.tab.evaluate("document.querySelector('[aria-sort]').textContent") == "time"
    page.tab.click("tr[data-step='3'] .what")
    page._wait(at(3))
    page.tab.go_back()
    page._wait("#table")
    page.tab.keyboard.press("v")
    page._wait(at(3))
    assert page.is_quiet()


@browser
def test_the_table_has_what_a_search_found(browse):
    page = browse(report.html(stories.release()), "#table")
    page.tab.fill("#search", "stale fixture")
    page.until("document.querySelectorAll('.sheet tr[data-step]').length === 1")

    assert page.tab.evaluate(TABLED) == [3]
    assert "1 of 10 steps" in page.text(".sheet .sub")


@browser
@pytest.mark.slow
def test_a_long_table_is_made_as_it_is_scrolled(browse):
    page = browse(report.html(stories.repeated(2_500)), "#table")
    assert len(page.tab.evaluate(TABLED)) < 120
    page.tab.evaluate("document.querySelector('.grid').scrollTop = 2000 * 28")
    page.until("document.querySelector('tr[data-step=\"2005\"]')")
    top = "document.querySelector('tr[data-step=\"2005\"]').getBoundingClientRect().top"
    head = page.tab.evaluate("document.querySelector('.grid').getBoundingClientRect().top")

    assert abs(page.tab.evaluate(top) - head - 28 - 5 * 28) <= 2
    page.tab.click("[data-sort=step]")
    assert page.tab.evaluate(TABLED)[0] == 2_499
    assert page.is_quiet()
