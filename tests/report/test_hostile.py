"""Whatever was recorded is shown as text: nothing of it runs, asks for anything, or changes the page."""

from __future__ import annotations

import json
import re

import pytest
from attrs import evolve, frozen
from markdown_it import MarkdownIt
from report import stories
from report.payloads import PAYLOADS, RUN, url, wire

from tracefork import Branch, Draw, Effect, Fault, Request, Response, Tape, report
from tracefork.core.values import Call, Outcome, Reading, Reply, Source, Span
from tracefork.report.model.titles import line
from tracefork.report.text.markdown import escape

SEARCH = """async (texts) => {
    const box = document.getElementById("search"), found = document.getElementById("found"), out = [];
    const later = window.setTimeout;
    window.setTimeout = (run) => later(run, 0);  // the page waits until nobody types any more
    for (const text of texts.filter((text) => text.trim())) {
        found.textContent = "";
        box.value = text;
        box.dispatchEvent(new Event("input"));
        while (!found.textContent) await new Promise((done) => setTimeout(done, 5));
        out.push(found.textContent);
    }
    window.setTimeout = later;
    return out;
}"""
TABS = ("new", "conversation", "request", "response", "events", "headers")


@frozen
class Blamed:
    step: int
    value_drop: float = 0.5
    low: float = 0.3
    high: float = 0.7


@frozen
class Report:
    ranking: tuple[Blamed, ...]
    verdict: str
    summary: str


def exchange(text, number):
    """An exchange all of whose fields have `text` in them, in one of the forms that an exchange takes."""
    sent = (
        ("content-type", "application/json"),
        (f"x-{number}", wire(text)),
        ("x-secret", f"[secret:{wire(text)}]"),
    )
    if number % 5 == 4:
        asked = Request(
            "POST",
            f"http://h/{url(text)}?q={url(text)}#{url(text)}",
            sent,
            text.encode("utf-8", "surrogatepass"),
        )
        heard = Response(
            200, (("content-type", wire(text)),), (text.encode("utf-8", "replace"),), reason=wire(text)
        )
        return stories.exchange(asked, heard if number % 2 else Fault(text, text), number, lane=text)
    said = [
        {"role": "user", "content": [{"type": "text", "text": text}, {"type": text, text: text}]},
        {
            "role": "assistant",
            "content": [{"type": "tool_use", "id": text, "name": text, "input": {text: text}}],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": text, "content": text, "is_error": True}],
        },
        {"role": text, "content": text},
    ]
    tools = [{"name": text, "description": text, "input_schema": {text: text}}]
    asked = stories.question(
        said,
        stream=number % 2 == 1,
        url=f"http://h/{url(text)}/v1/messages",
        model=text,
        system=text,
        tools=tools,
    )
    asked = evolve(asked, headers=sent)
    text = text.encode("utf-8", "replace").decode()  # what is sent is UTF-8
    if number % 5 == 3:
        answer = stories.anthropic.error(text, text)(asked)
    else:
        answer = stories.anthropic.tool_use(
            text, {text: text}, id=text, text=text, stop_reason=text, model=text
        )(asked)
    more = ((wire(text).replace(":", ""), wire(text)),)
    return stories.exchange(
        asked,
        evolve(answer, headers=answer.headers + more, reason=wire(text)),
        number,
        lane=text if number % 7 == 0 else "",
    )


def hostile():
    """A tape with every payload in every field, its blame, and its branches."""
    exchanges = [exchange(text, number) for number, text in enumerate(PAYLOADS)]
    ticks = 3 * len(exchanges)
    others = []
    for number, text in enumerate(PAYLOADS):
        at = ticks + 3 * number
        others.append(Draw(Source("env", text), Reading(text), text, Span(at, at, at)))
        others.append(
            Effect(
                Call(text, json.dumps({"args": [text]})),
                Reply("raised", json.dumps([text]), text),
                "",
                Span(at + 1, at + 2, at + 2),
            )
        )
    every = " ".join(PAYLOADS)
    tape = Tape(
        (*exchanges, *others), run_id=every, agent_name=every, created_at=stories.BEGAN,
        meta={"k": every}, outcome=Outcome("raised", every, every), parent=Branch(every, 1, every, every),
    )  # fmt: skip
    branches = [
        evolve(
            tape,
            steps=(*exchanges[:number], exchanges[number + 1]),
            run_id=text,
            parent=Branch(every, number, text, text),
        )
        for number, text in enumerate(PAYLOADS[:40])
    ]
    blame = Report(tuple(Blamed(n) for n in range(len(exchanges))), every, every)
    return tape, blame, branches


@pytest.fixture(scope="module")
def case():
    return hostile()


def test_there_are_enough_of_them():
    assert len(PAYLOADS) >= 200
    assert sum(RUN in text for text in PAYLOADS) > 150


@pytest.mark.browser
@pytest.mark.slow
@pytest.mark.timeout(600)  # it opens more than a thousand views, each in its turn
def test_nothing_that_was_recorded_runs_in_the_page(browse, case):
    tape, blame, branches = case
    page = browse(report.html(tape, blame=blame, branches=branches))
    failed = (
        'if (detail.querySelector("#panel").textContent.includes("cannot be shown")) out.push(where);'
        ' for (const one of detail.querySelectorAll("#panel summary")) one.click();'
        ' if (typeof window.__pwned !== "undefined") out.push(where);'
    )
    page.hide("#side", "#list")  # they do not change from step to step, and to lay them out takes its time
    wheres = [f"#step-{step}{'' if tab == 'new' else f'/{tab}'}" for step in range(len(tape)) for tab in TABS]
    failed = page.each(wheres, failed)
    page.hide("#side", "#list", hidden=False)
    page.each([f"#branch-{number}" for number in range(len(branches))], "")
    searched = page.tab.evaluate(SEARCH, PAYLOADS[:60])

    assert all(re.fullmatch(rf"\d+ of {len(tape)}(, \d+ in branches)?", found) for found in searched)
    assert failed == []
    assert page.tab.evaluate("typeof window.__pwned") == "undefined"
    assert (
        page.tab.evaluate("document.querySelectorAll('#detail :is(script, img, iframe, style)').length") == 0
    )
    assert page.is_quiet()


@pytest.mark.slow
@pytest.mark.browser
@pytest.mark.parametrize("script", [True, False])
def test_nothing_that_was_recorded_runs_in_a_static_page(browse, case, script):
    tape, blame, branches = case
    page = browse(report.html(tape, blame=blame, branches=branches, mode="static"), script=script)
    if script:
        assert (
            page.tab.evaluate("document.querySelectorAll('script, img, iframe, form, object, embed').length")
            == 0
        )
        assert page.tab.evaluate("typeof window.__pwned") == "undefined"
        assert page.is_quiet()
    assert page.tab.url.endswith("report.html")
    assert len(page.asked) == 1


def test_a_page_is_text_that_can_be_written(case):
    tape, blame, branches = case
    for mode in ("app", "static"):
        html = report.html(tape, blame=blame, branches=branches, mode=mode)
        assert html.encode().decode() == html
        assert "\x00" not in html


def test_the_hostile_tape_comes_back_out_of_its_page(case):
    tape, _, _ = case

    assert report.tape_in(report.html(tape)) == tape


def test_markdown_and_text_hold_no_markup_and_no_control_characters(case):
    tape, blame, branches = case
    for write in (report.markdown, report.text):
        said = write(tape, blame=blame, branches=branches)
        assert said.encode().decode() == said
        assert all(c == "\n" or c.isprintable() or not c.isascii() for c in said)
    said = report.markdown(tape, blame=blame, branches=branches)
    assert "<" not in re.sub("</?(details|summary)>", "", said)


ALIVE = [
    *["@team", "a@b.example", "#12", "GH-12", "tracefork/tracefork#12", "# x"],
    *["https://evil.example/x", "HTTP://a", "www.evil.example", "<https://evil.example>"],
    *["[a](b)", "[a][b]", "![i](u)", "| a | b |", "`x`", "**b** __c__ ~~d~~ *e*", "***", "$x^2$ $$y$$"],
    *["a&lt;b", "&amp;lt;", "&#64;team", "&commat;team", "a < b > c", "<!-- -->", "<a href='x'>"],
    *["\\< \\\\", "x\\"],
]
CALLS = re.compile(r"@\w|#\d|gh-\d|://\w|www\.", re.IGNORECASE)


def read_as_markdown(said):
    """What is seen of `said` in a cell of a table, by CommonMark; None if it is more than text."""
    tokens = (
        MarkdownIt("commonmark")
        .enable(["table", "strikethrough"])
        .parse(f"| a | b |\n| - | - |\n| x {said} x | y |")
    )
    cells = [token for token in tokens if token.type == "inline"]
    if len(cells) != 4 or any(part.type != "text" for part in cells[2].children):
        return None
    return "".join(part.content for part in cells[2].children)[2:-2]


@pytest.mark.parametrize("text", [*ALIVE, *map(line, PAYLOADS)])
def test_markdown_shows_the_text_and_neither_mentions_nor_links(text):
    seen = read_as_markdown(escape(text))

    assert seen is not None
    assert seen.replace("\u200b", "").strip() == text.replace("\u200b", "").strip()
    assert not CALLS.search(seen)  # where GitHub looks for them: in what Markdown has become
