"""What the page shows is what the tape has: every byte, and every word as the readers have it."""

from __future__ import annotations

import json

import pytest
from attrs import evolve
from peers import corpus
from report import stories
from report.conftest import SHOWN

from tracefork import Exchange, Tape, report
from tracefork.core.content_encoding import decode_body, is_encoded
from tracefork.core.values import Omitted, Span
from tracefork.providers import read
from tracefork.providers.messages import Text, Thinking, ToolCall

pytestmark = [pytest.mark.browser, pytest.mark.slow]

COLLECT = f"""async ([from, to]) => {{
    {SHOWN}
    const whole = async (where) => {{
        await go(where);
        const buttons = [...detail.querySelectorAll("#panel button")];
        for (const more of buttons.filter((one) => one.textContent.startsWith("Show all"))) more.click();
    }};
    const text = (node) => node ? node.textContent : null;
    const args = (call) => [...call.querySelectorAll(".args > dt")].map((name) =>
        [text(name), text(name.nextSibling), Boolean(name.nextSibling.querySelector(".said"))]);
    const all = (root, what) => [...root.querySelectorAll(what)].map(text);
    const out = [];
    for (let step = from; step < to; step++) {{
        await whole(`#step-${{step}}/request`);
        const request = text(detail.querySelector("#panel > pre"));
        await whole(`#step-${{step}}/response`);
        const response = text(detail.querySelector("#panel > pre"));
        const wire = text(detail.querySelector("#panel details pre"));
        await whole(`#step-${{step}}`);
        const said = [...detail.querySelectorAll("#panel .answer")].map((card) => ({{
            role: text(card.querySelector("header b")),
            words: all(card, ":scope > .body > .text > p"),
            thoughts: all(card, ".thinking p"),
            calls: [...card.querySelectorAll(".call")].map((call) =>
                [text(call.querySelector("b")), call.querySelector(".args") ? args(call) :
                    text(call.querySelector("pre"))]),
        }}));
        const failed = text(detail.querySelector("#panel .failed p"));
        out.push({{request, response, wire, said, failed, sub: text(detail.querySelector(".sub"))}});
    }}
    return out;
}}"""


def collected(page, count):
    """What is shown of each step, some at a time."""
    page.hide("body")
    out = []
    for start in range(0, count, 50):
        out += page.tab.evaluate(COLLECT, [start, min(count, start + 50)])
    return out


def unhexed(shown):
    """The bytes of a dump in hexadecimal."""
    return bytes.fromhex("".join(line[10:57].replace(" ", "") for line in (shown or "").splitlines()))


def as_bytes(shown, body):
    """What is shown, as bytes: text or a dump."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return unhexed(shown)
    return (shown or "").encode()


def of_corpus():
    rows = corpus.rows()
    if rows is None:
        pytest.skip("there is no corpus: set TRACEFORK_CORPUS")
    exchanges = (corpus_exchange(row, n) for n, row in enumerate(rows))
    return Tape(tuple(exchanges), run_id="corpus", created_at=1.0)


def corpus_exchange(row, n):
    from tracefork import Request

    return Exchange(
        Request(row.method, row.url, row.headers, row.body), row.answer, "", Span(3 * n, 3 * n + 1, 3 * n + 2)
    )


def check(tape, page):
    """Compare what is shown of every step; return how many answers were read."""
    answers = 0
    for exchange, shown in zip(tape, collected(page, len(tape)), strict=True):
        body = exchange.request.body
        assert as_bytes(shown["request"], body) == body
        if not hasattr(exchange.answer, "chunks"):
            continue
        wire = exchange.answer.body
        plain = (
            decode_body(exchange.answer.headers, (wire,)) if is_encoded(exchange.answer.headers) else (wire,)
        )
        assert as_bytes(shown["response"], b"".join(plain)) == b"".join(plain)
        if is_encoded(exchange.answer.headers):
            assert unhexed(shown["wire"]) == wire
        completion = read.completion(exchange)
        if completion is None:
            continue
        answers += 1
        if completion.failure:
            assert shown["failed"] == completion.failure.message
            continue
        for choice, card in zip(completion.choices, shown["said"], strict=True):
            parts = choice.message.parts
            assert card["role"] == choice.message.role
            assert card["words"] == [p.text for p in parts if isinstance(p, Text)]
            assert card["thoughts"] == [
                p.text or "(not shown by the vendor)" for p in parts if isinstance(p, Thinking)
            ]
            calls = [p for p in parts if isinstance(p, ToolCall)]
            assert [name for name, _ in card["calls"]] == [f"→ {call.name}" for call in calls]
            assert [spelled(said) for _, said in card["calls"]] == [
                spelled(call.arguments, like=said)
                for call, (_, said) in zip(calls, card["calls"], strict=True)
            ]
        if completion.usage and completion.usage.output is not None:
            assert f"{short(completion.usage.output)} out" in shown["sub"]
    return answers


def spelled(said, like=None):
    """Arguments to be compared: as pairs of a name and JSON where they are shown so; else without blanks."""
    if isinstance(said, list):
        return [(name, squeezed(dump(text) if raw else text)) for name, text, raw in said]
    if isinstance(like, list):
        pairs = json.loads(said, object_pairs_hook=Pairs, parse_int=Digits, parse_float=Digits)
        return [(name, squeezed(json_of(value))) for name, value in pairs]
    return squeezed(said)


class Pairs(list):
    """The members of an object."""


class Digits(str):
    """A number as it was written."""

    __slots__ = ()


def json_of(value):
    """`value` as JSON, objects being lists of pairs, and numbers as they were written."""
    if isinstance(value, Digits):
        return str(value)
    if isinstance(value, Pairs):
        return "{" + ",".join(f"{dump(key)}:{json_of(one)}" for key, one in value) + "}"
    return "[" + ",".join(map(json_of, value)) + "]" if isinstance(value, list) else dump(value)


def dump(value):
    return json.dumps(value, ensure_ascii=False)


def squeezed(text):
    """JSON without the blanks that a page may put in, outside of its strings or not: enough to compare."""
    return "".join(text.split())


def short(number):
    from tracefork.report.figures import short

    return short(number)


def test_every_exchange_of_the_corpus_is_shown_byte_for_byte_and_word_for_word(browse):
    tape = of_corpus()
    page = browse(report.html(tape))

    assert check(tape, page) == 890
    assert page.is_quiet()


def test_bytes_of_every_kind_are_shown_as_they_are(browse):
    tape = stories.of_every_kind()
    page = browse(report.html(tape))

    check(tape, page)
    assert page.is_quiet()


def test_the_bytes_of_branches_are_shown_too(browse):
    tape, branches = stories.release(), stories.branches()
    page = browse(report.html(tape, branches=branches))
    steps = [(n, k, b[k]) for n, b in enumerate(branches) for k in range(b.parent.step, len(b))]
    wheres = [f"#b{n}-step-{k}/{view}" for n, k, _ in steps for view in ("request", "response")]
    shown = page.each(wheres, 'out.push(detail.querySelector("#panel > pre").textContent);')

    assert shown == [body.decode() for _, _, step in steps for body in (step.request.body, step.answer.body)]


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "12345678901234567890"])
def test_a_long_text_beside_a_number_that_browsers_have_not_is_shown(browse, number):
    said = "What was said beside it is longer than a path to where it stands."
    block = f'{{"type": "text", "text": "{said}", "score": {number}}}'
    asked = stories.question([])
    asked = evolve(
        asked,
        body=asked.body.replace(
            b'"messages": []', f'"messages": [{{"role": "user", "content": [{block}]}}]'.encode()
        ),
    )
    answer = evolve(
        stories.anthropic.text("x")(asked),
        headers=(("content-type", "application/json"),),
        chunks=(f'{{"type": "message", "role": "assistant", "content": [{block}]}}'.encode(),),
    )
    tape = evolve(stories.release(), steps=(stories.exchange(asked, answer, 0),))
    page = browse(report.html(tape), "#step-0")

    assert page.text("#panel .asked ~ .asked p") == said
    assert page.text("#panel .answer p") == said


def test_a_body_that_was_left_out_is_not_said_to_be_there(browse):
    tape = stories.release()
    left = Omitted(10**9, "0" * 64)
    first = evolve(tape[0], request=evolve(tape[0].request, body=b"", omitted=left))
    page = browse(report.html(evolve(tape, steps=(first, *tape.steps[1:]))), "#step-0/request")

    assert "only their sha-256 is kept" in page.text("#panel")
    assert "every byte" not in page.text("#panel")
    assert "curl" not in page.text("#panel")
    assert "every byte as it came" in page.go("#step-0/response").text("#panel")


def test_events_are_cut_as_the_standard_says(browse):
    body = b"\xef\xbb\xbfdata: a\r\rdata:b\ndata:  c\n: d\n\n"
    body += b"event: e\n\nevent:f\r\ndata\r\n\r\ndata: not finished\n"
    asked = stories.question([{"role": "user", "content": "Hi."}])
    answer = evolve(stories.anthropic.text("x")(asked), chunks=(body[:9], body[9:]))
    tape = evolve(stories.release(), steps=(stories.exchange(asked, answer, 0),))
    page = browse(report.html(tape), "#step-0/events")
    cells = page.tab.evaluate(
        "[...document.querySelectorAll('.events tbody tr')]"
        ".map((r) => [...r.cells].map((c) => c.textContent))"
    )

    from tracefork.providers import sse

    assert [(name, data) for _, _, name, data in cells] == [(e.event, e.data) for e in sse.events(body)]
    assert [time for _, time, _, _ in cells] == ["+1150 ms", "+1150 ms", "+1150 ms"]
