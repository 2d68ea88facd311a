"""A search in the page: words, headers, ids, lanes, patterns; where Enter leads; and how long it takes."""

from __future__ import annotations

import time

import pytest
from attrs import evolve
from report import stories
from report.test_page import at

from tracefork import report
from tracefork.report.page.page import asset

pytestmark = pytest.mark.browser
LISTED = "[...document.querySelectorAll('#steps li[id]')].map((one) => Number(one.id.slice(5)))"


@pytest.fixture(scope="module")
def release():
    tape = stories.release()
    steps = [
        evolve(
            step,
            answer=evolve(step.answer, headers=(*step.answer.headers, ("request-id", f"req_{n:03}ABC"))),
        )
        for n, step in enumerate(tape.steps)
    ]
    return report.html(evolve(tape, steps=tuple(steps)), branches=stories.branches())


def find(page, text):
    """What the search says, and the steps that are listed then."""
    page.tab.evaluate("document.getElementById('found').textContent = ''")
    page.tab.fill("#search", text)
    page.until("document.getElementById('found').textContent")
    return page.text("#found"), page.tab.evaluate(LISTED)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("text", "steps"),
    [
        ("req_007abc", [7]),
        ("request-id: req_004ABC", [4]),
        ("fixture stale", [3]),  # in whatever order
        ('"stale fixture"', [3]),
        ('"fixture stale"', []),
        ("stale req_003", [3]),  # one in what was said, one in a header
        ("stale req_004", []),
        ("/10\\.0\\d != /", [3]),
        ("/^_007/", []),
        ("/^request-id: req_00[45]/", [4, 5]),
        ("/STALE|ledger_m\\w+/", [3, 7]),
        ("/(?:un)?deploy/ x", []),  # words, as it does not end in a slash
    ],
)
def test_a_search_finds_words_headers_ids_and_patterns(browse, release, text, steps):
    page = browse(release)

    assert [step for step in find(page, text)[1] if step < 10] == steps
    assert page.is_quiet()


@pytest.mark.slow
def test_a_search_finds_lanes_models_and_ids_of_answers(browse):
    tape = stories.of_every_kind()
    page = browse(report.html(tape))
    ident = report.view(tape).steps[0].completion.id

    assert find(page, "main.0/fetch.1 ReadError")[1] == [5]
    assert 0 in find(page, ident)[1]
    assert find(page, "claude-sonnet-4-5 half")[1] == [5]


@pytest.mark.parametrize("text", ["/(/", "/[a/", "/a**/", "/(?=a)b/", "/\\1/", "/a{3,1}/", "/*/"])
def test_a_pattern_that_is_none_says_so_and_all_steps_stay_listed(browse, release, text):
    page = browse(release)
    said, listed = find(page, text)

    assert said.startswith(f"{text} is no pattern: ")
    assert listed == list(range(10))
    assert find(page, "1893")[1] == [8]
    assert page.is_quiet()


def test_enter_goes_to_the_first_hit_and_on_and_the_count_is_told(browse, release):
    page = browse(release, at(0))
    page.tab.focus("#search")
    page.tab.keyboard.type("deploy rolled")  # and at once, before anything was found
    page.tab.keyboard.press("Enter")
    page._wait(at(9))
    page.tab.fill("#search", "ledger_mismatch_total")
    hits = []
    for _ in range(4):
        page.tab.keyboard.press("Enter")
        page.until("/this is hit/.test(document.getElementById('found').textContent)")
        page.tab.wait_for_timeout(100)
        hits.append((page.tab.evaluate("location.hash"), page.text("#found")))

    assert hits[0] == (at(7), "1 of 10, 1 in branches; this is hit 1")
    assert hits[1][0] == "#b2-step-6"
    assert hits[2] == hits[0]
    page.tab.keyboard.press("Shift+Enter")
    page._wait(at(7))
    assert page.is_quiet()


PATTERNS = f"""() => {{
    {asset("script/pattern.js")}
    const parts = ["a", "b", "ab", "[ab]", "[^a]", "\\\\d", "\\\\w", "\\\\s", "\\\\S", ".", "^", "$", "\\\\b",
        "\\\\B", "(a|b)", "(?:ab|c)", "1", "_", "\\\\n", "[a-c1]", "[\\\\d_]", "é", "[^\\\\w]", "\\\\x61"];
    const counts = ["", "", "", "*", "+", "?", "{{2}}", "{{1,2}}", "{{0,3}}", "{{2,}}", "*?", "+?"];
    let seed = 11;
    const draw = (of) => of[(seed = (seed * 1103515245 + 12345) & 0x7fffffff) % of.length];
    const wrong = [];
    for (let n = 0; n < 20000; n++) {{
        let source = "", text = "";
        for (let k = 0; k < 1 + n % 5; k++) {{
            const part = draw(parts);
            source += part + (/^([$^]|\\\\[bB])$/.test(part) ? "" : draw(counts));
            source += draw(["", "", "", "", "|"]);
        }}
        for (let k = 0; k < n % 11; k++) text += draw([..."ab1_ c\\néx."]);
        const own = pattern(source), theirs = new RegExp(source, "m");
        if (own.test(text, Infinity) !== theirs.test(text)) wrong.push([source, text]);
        const span = own.spans(text, 1, Infinity)[0];
        const whole = new RegExp(`^(?:${{source}})$`, "m"), bare = !/[$^]|\\\\[bB]/.test(source);
        if (span && bare && !whole.test(text.slice(...span))) wrong.push([source, text, span]);
    }}
    return wrong;
}}"""


@pytest.mark.slow
def test_patterns_find_what_the_browsers_own_do(chromium):
    page = chromium.new_page()

    assert page.evaluate(PATTERNS) == []
    page.close()


CATASTROPHES = [
    "(a+)+$",
    "(a|aa)+c",
    "(.*a){30}c",
    "(x+x+)+y",
    "(a|b)*a(a|b){20}c",
    ".*.*.*.*=q",
    "(\\w*)*!q",
]


@pytest.mark.slow
@pytest.mark.parametrize("text", CATASTROPHES)
def test_no_pattern_makes_the_page_wait(browse, text):
    asked = stories.question([{"role": "user", "content": "ab" * 2**20 + "!"}])
    steps = (stories.exchange(asked, stories.anthropic.text("a" * 2**20 + "!")(asked), 0),)
    page = browse(report.html(evolve(stories.release(), steps=steps)))
    page.tab.evaluate(
        "() => { window.longest = 0; let last = performance.now(); const look = () => { const now ="
        " performance.now(); window.longest = Math.max(window.longest, now - last); last = now;"
        " setTimeout(look, 0); }; look(); }"
    )
    began = time.monotonic()
    said, _ = find(page, f"/{text}/")

    assert said in ("0 of 1", "1 of 1") or "not all was searched" in said
    assert time.monotonic() - began < 15
    assert page.tab.evaluate("window.longest") < 5_000
    assert page.is_quiet()


SEARCHED = """async (texts) => {
    const box = document.getElementById("search"), found = document.getElementById("found"), out = [];
    for (const text of texts) {
        found.textContent = "";
        box.value = text;
        const began = performance.now();
        box.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter"}));
        while (!found.textContent) await new Promise((done) => setTimeout(done));
        document.getElementById("list").offsetHeight;
        out.push([text, performance.now() - began, found.textContent]);
    }
    return out;
}"""


@pytest.mark.nightly  # times are of this machine and this hour
def test_ten_thousand_steps_are_searched_in_three_tenths_of_a_second(browse):
    page = browse(report.html(stories.repeated(10_000)))
    page.tab.wait_for_timeout(6_000)  # in which it opens what a search will look at
    found = page.tab.evaluate(
        SEARCHED, ["look", "part 9999", "x-api-key get_ticket", "/num\\w+ 99\\d\\d/", "nope"]
    )

    assert found[0][2].startswith("10000 of 10000")
    assert max(took for _, took, _ in found) <= 300, found
