"""The page in a real browser: what a person sees, does, and gets from it."""

from __future__ import annotations

import json
import re

import pytest
from attrs import evolve
from report import stories

from tracefork import report

pytestmark = pytest.mark.browser
TABS = ("new", "conversation", "request", "response", "events", "headers")


def at(step, tab="new", prefix=""):
    return f"#{prefix}step-{step}" + ("" if tab == "new" else f"/{tab}")


@pytest.fixture(scope="module")
def release():
    return report.html(
        stories.release(), blame=stories.BLAME, branches=stories.branches(), verified=stories.VERDICT
    )


@pytest.mark.slow
def test_every_view_of_every_step_is_shown_without_a_word_of_complaint(browse, release):
    page = browse(release)
    views = [at(step, tab) for step in range(10) for tab in TABS]
    shown = page.each(views, 'out.push(detail.querySelector("#panel").textContent);')

    assert len(shown) == len(views)
    assert all(shown)
    assert page.is_quiet()


@pytest.mark.slow
def test_every_view_of_steps_of_every_kind_is_shown_without_a_word_of_complaint(browse):
    tape = stories.of_every_kind()
    page = browse(report.html(tape))
    views = [at(step, tab) for step in range(len(tape)) for tab in TABS]
    shown = page.each(views, 'out.push(detail.querySelector("#panel").textContent);')

    assert [view for view, said in zip(views, shown, strict=True) if "cannot be shown" in said] == []
    assert page.is_quiet()


def test_a_step_shows_what_is_new_and_says_what_is_not(browse, release):
    page = browse(release, at(2))
    shown = page.text("#panel")

    assert "3 earlier messages unchanged since step 1" in shown
    assert "assistant: the answer of step 1, sent back unchanged" in shown
    assert "tool result: run_tests" in shown
    assert "1842 passed, 3 skipped" in shown
    assert "PAY-4127" not in shown
    assert "Green. Now the contract suite." in shown


def test_the_step_that_stands_out_is_a_key_away_and_says_so(browse, release):
    page = browse(release)
    page.tab.keyboard.press("e")
    page._wait(at(3))

    assert page.text("h2#name") == "Step 3: query_metrics"
    assert "Step 3 stands out. Flip rate 92% (37 of 40 re-runs), 95% interval 80% to 97%" in page.text(
        ".callout"
    )


def test_an_address_names_a_step_and_a_view_and_is_kept_in_step(browse, release):
    page = browse(release, at(6, "headers"))

    assert page.text("h2#name") == "Step 6: deploy"
    assert page.text('[aria-selected="true"]') == "Headers"
    page.tab.keyboard.press("j")
    page._wait(at(7, "headers"))
    assert page.tab.url.endswith("#step-7/headers")


def test_old_addresses_still_lead_to_their_step(browse, release, tmp_path):
    page = browse(release)
    page.tab.goto((tmp_path / "report.html").as_uri() + "?step=7")
    page.ready()

    assert page.text("h2#name") == "Step 7: query_metrics"


@pytest.mark.parametrize(
    "fragment", ["#step-99", "#b7-step-1", "#branch-9", "#step-x", "#step-1/nothing", "#%3Cb%3E"]
)
def test_an_address_of_nothing_leads_to_something(browse, release, fragment):
    page = browse(release, fragment)

    assert re.match(r"Step \d|finished", page.text("h2#name, h2#ending-title"))
    assert page.is_quiet()


def test_a_branch_stands_beside_its_parent_from_where_they_part(browse, release):
    page = browse(release, "#branch-0")
    shown = page.text("#detail")

    assert page.text("h2#name") == "Branch: stops on the failed test"
    assert "A cent is surely a stale fixture." in shown
    assert "I stop here: not shipped, no incident." in shown
    assert "it was over" in shown
    page.go("#b0-step-3")
    assert "In branch stops on the failed test" in page.text("#detail")
    assert page.is_quiet()


def test_a_branch_of_a_branch_stands_beside_that(browse, release):
    page = browse(release, "#branch-3")

    assert "It left the branch the test passes at step 5" in page.text("#detail")


def test_everything_can_be_done_by_keyboard(browse, release):
    page = browse(release, at(0))
    press = page.tab.keyboard.press
    for key, shown in [("j", at(1)), ("k", at(0)), ("G", at(9)), ("g", at(0)), ("b", at(3)), ("b", at(2))]:
        press(key)
        page._wait(shown)
    for number, tab in enumerate(TABS, 1):
        press(str(number))
        page._wait(at(2, tab))
    press("1")
    page._wait(at(2))
    page.tab.focus("#tab-new")
    press("ArrowRight")
    page._wait(at(2, "conversation"))
    press("?")
    assert page.tab.evaluate("document.getElementById('help').open")
    press("Escape")
    press("t")
    assert page.tab.evaluate("document.documentElement.dataset.theme") == "dark"
    press("/")
    page.tab.keyboard.type("ledger")
    page.until('document.getElementById("found").textContent === "1 of 10, 1 in branches"')
    press("Escape")
    page.until('document.getElementById("found").textContent === ""')
    assert page.is_quiet()


def test_nothing_that_can_be_focused_is_left_out_by_the_tab_key(browse, release):
    page = browse(release, at(3))
    page.tab.evaluate(
        "() => { window.order = []; document.addEventListener('focusin', ({target: e}) =>"
        " window.order.push(e.id || e.tagName + ':' + e.textContent.slice(0, 20))); }"
    )
    for _ in range(80):
        page.tab.keyboard.press("Tab")
    order = page.tab.evaluate("window.order")

    assert {"search", "theme", "keys", "tab-new", "panel", "detail", "side"} <= set(order)
    assert any(seen.startswith("A:at 3: stops on the") for seen in order)
    assert order.count("search") <= 2


@pytest.mark.slow
def test_a_search_finds_what_was_said_where_it_was_new_and_nothing_else(browse, release):
    page = browse(release)

    def found(text):
        page.tab.evaluate("document.getElementById('found').textContent = ''")
        page.tab.fill("#search", text)
        page.until("document.getElementById('found').textContent")
        return page.text("#found"), [
            int(item[5:])
            for item in page.tab.evaluate("[...document.querySelectorAll('#steps li[id]')].map((e) => e.id)")
        ]

    assert found("1893") == ("1 of 10", [8])
    assert found("STALE fixture") == ("1 of 10, 1 in branches", [3, 12])
    assert found("10.02 != 10.03") == ("1 of 10, 1 in branches", [3, 10])
    assert found("tool_use_id") == ("0 of 10", [])
    assert found("nothing like it") == ("0 of 10", [])
    assert page.is_quiet()


@pytest.mark.slow
def test_a_search_finds_what_was_said_in_branches_and_leads_there(browse, release):
    page = browse(release)
    page.tab.fill("#search", "not shipped, no incident")
    page.tab.wait_for_timeout(300)

    assert page.text("#found") == "0 of 10, 1 in branches"
    assert "stops on the failed test" in page.text("#steps li[id] code")
    page.tab.click("#steps li[id] a")
    page._wait("#b0-step-3")
    assert page.tab.evaluate("document.querySelectorAll('#steps [aria-current]').length") == 1
    page.tab.fill("#search", "")
    page.tab.wait_for_timeout(300)
    assert page.tab.evaluate("document.querySelectorAll('#steps li[id]').length") == 10
    assert page.is_quiet()


@pytest.mark.parametrize(
    ("words", "steps"),
    [
        ("example.com/a?b=c", [1, 2]),  # an address
        ("ReadTimeout", [4]),
        ("nothing came for 30", [4]),  # a fault that is listed in the page itself
        ("reset", [5]),  # one that cut a stream
        ("1790000000.5", [1]),  # a draw
        ("send_mail", [1]),  # a tool that was called
        ("a@example.com", [1]),  # what it was called with
        ("OSError", [5]),
    ],
)
def test_a_search_finds_addresses_faults_draws_and_tool_calls(browse, words, steps):
    page = browse(report.html(stories.of_every_kind()))
    page.tab.fill("#search", words)
    page.tab.wait_for_timeout(300)

    found = page.tab.evaluate("[...document.querySelectorAll('#steps li[id]')].map((one) => one.id)")
    assert found == [f"step-{step}" for step in steps]


@pytest.mark.slow
def test_a_long_list_is_made_as_it_is_scrolled(browse):
    tape = stories.repeated(2_100)
    page = browse(report.html(tape), at(0))
    rows = "document.querySelectorAll('#steps a').length"
    assert page.tab.evaluate(rows) < 100
    page.tab.keyboard.press("G")
    page._wait(at(2_099))

    assert page.tab.evaluate(rows) < 100
    assert page.text("#step-2099 i") == "2099"
    page.tab.evaluate("document.getElementById('list').scrollTop = 1000 * 50")
    page.until("document.getElementById('step-1005')")
    assert page.text("#step-1005 i") == "1005"
    assert page.is_quiet()


def test_parallel_strands_can_be_listed_alone(browse):
    page = browse(report.html(stories.of_every_kind()))
    page.tab.click("#lanes button:has-text('main.0/fetch.1')")

    listed = page.tab.evaluate("[...document.querySelectorAll('#steps li[id]')].map((e) => e.id)")
    assert listed == ["step-1", "step-3", "step-5", "step-7"]


def asking(*said):
    return stories.question([{"role": "user", "content": text} for text in said])


def answered(*questions):
    """A run of these questions, each of which is answered."""
    steps = (stories.exchange(q, stories.anthropic.text("Yes.")(q), n) for n, q in enumerate(questions))
    return evolve(stories.release(), steps=tuple(steps))


def test_a_history_that_began_anew_says_so_and_is_no_change_of_the_one_before(browse):
    tape = answered(asking("Look at part 1 of it.", "Well?"), asking("Look at part 2 of it."))
    page = browse(report.html(tape), at(1))
    shown = page.text("#panel")

    assert "History restarted here: no earlier message is repeated" in shown
    assert "Instructions or tools are those of step 0" in shown
    assert page.tab.query_selector("#panel del") is None
    assert "changed since" not in shown
    assert page.text("#step-1.restarts b")
    assert "History restarted here" in report.html(tape, mode="static")


def test_a_message_that_was_changed_shows_its_words_that_were(browse):
    first = asking("Read this.", "The limit is 300 euros, and no more.")
    second = asking("Read this.", "The limit is 500 euros, and no more.", "Now?")
    page = browse(report.html(answered(first, second)), at(1))

    assert page.text("#panel del") == "300"
    assert page.text("#panel ins") == "500"
    assert "changed since step 0" in page.text("#panel")


def test_messages_that_were_left_out_are_told_of(browse):
    turns = [{"role": "user", "content": f"Point {n} of many."} for n in range(6)]
    asked = [
        stories.question(turns),
        stories.question([turns[0], *turns[4:], {"role": "user", "content": "And?"}]),
    ]
    tape = evolve(
        stories.release(),
        steps=tuple(stories.exchange(q, stories.anthropic.text("Yes.")(q), n) for n, q in enumerate(asked)),
    )
    page = browse(report.html(tape), at(1))

    assert "3 messages of step 0 left out" in page.text("#panel")
    assert "3 earlier messages unchanged since step 0" in page.text("#panel")


def test_sizes_are_bytes_in_the_page_too(browse):
    said = "名" * 1_000
    asked = stories.question([{"role": "user", "content": said}])
    asked = evolve(asked, body=json.dumps(json.loads(asked.body), ensure_ascii=False).encode())
    tape = evolve(
        stories.release(), steps=(stories.exchange(asked, stories.anthropic.text("Yes.")(asked), 0),)
    )
    page = browse(report.html(tape), at(0))

    assert "new · 3.0 KiB" in page.text("#panel")


def test_what_is_hidden_is_told_where_no_message_is_repeated(browse):
    asked = [stories.question([{"role": "user", "content": f"Question {n}"}], system="") for n in range(2)]
    asked = [evolve(q, body=q.body.replace(b'"system": "", ', b"")) for q in asked]
    steps = [stories.exchange(q, stories.anthropic.text("Yes.")(q), n) for n, q in enumerate(asked)]
    page = browse(report.html(evolve(stories.release(), steps=tuple(steps))), at(1))

    assert re.search(r"are those of step 0 \(\d{3} B hidden\)", page.text("#panel"))


def test_a_call_leads_to_its_result_and_back(browse, release):
    page = browse(release, at(5, "conversation"))
    page.tab.click("button:has-text('↓ result') >> nth=0")

    assert page.tab.evaluate("document.activeElement.textContent") == "↑ call"


def test_secrets_that_were_taken_out_are_marked(browse, release):
    page = browse(release, at(0, "headers"))

    assert page.text("#panel .secret") == "[secret:ANTHROPIC_API_KEY]"
    assert page.text(".pill.warn") == "1 secret redacted"


def test_a_page_with_scripts_off_still_tells_of_steps_blame_and_branches(browse, release):
    page = browse(release, script=False)
    shown = page.tab.inner_text("body")

    assert "Scripts are off" in shown
    assert "A cent is surely a stale fixture." in shown
    assert "Step 3 decided the outcome." in shown
    assert "92%" in shown
    assert "stops on the failed test" in shown
    assert "I stop here: not shipped, no incident." in shown
    assert not page.tab.is_visible("#search")
    assert page.asked == [page.tab.url]


def test_a_static_page_has_no_script_and_says_all_that_was_new(browse):
    html = report.html(stories.release(), blame=stories.BLAME, branches=stories.branches(), mode="static")
    page = browse(html)
    page.tab.click("summary:has-text('new in step 3')")

    assert "<script" not in html
    assert "script-src" not in html
    assert page.tab.is_visible("text=211 passed, 1 failed")
    assert page.is_quiet()


def test_what_turns_text_into_code_is_refused_in_the_page(browse, release):
    page = browse(release)
    tries = {
        "innerHTML": "document.body.innerHTML = '<b>x</b>'",
        "insertAdjacentHTML": "document.body.insertAdjacentHTML('beforeend', '<b>x</b>')",
        "handler": "document.body.setAttribute('onclick', 'window.__pwned = 1')",
        "script": "Object.assign(document.createElement('script'), {text: 'window.__pwned = 1'})",
        "eval": "window.eval('window.__pwned = 1')",
        "Function": "new Function('window.__pwned = 1')()",
    }
    for name, tried in tries.items():
        page.tab.evaluate(  # to be run by the click: within evaluate everything is allowed
            "() => document.body.addEventListener('click', () => {"
            f"  try {{ {tried}; window.__tried = 'allowed' }} catch (e) {{ window.__tried = e.name }}"
            "}, {once: true, capture: true})"
        )
        page.tab.mouse.click(700, 850)
        assert page.tab.evaluate("window.__tried") in ("TypeError", "EvalError"), name
    fetched = page.tab.evaluate("fetch('data:text/plain,x').then(() => 'allowed', (e) => e.name)")
    assert fetched == "TypeError"
    assert page.tab.evaluate("typeof window.__pwned") == "undefined"


def test_without_an_inflater_the_list_stays_and_the_page_says_why(chromium, tmp_path, release):
    file = tmp_path / "report.html"
    file.write_bytes(release.encode())
    page = chromium.new_page()
    page.add_init_script("delete window.DecompressionStream")
    page.goto(file.as_uri())
    page.wait_for_selector("#detail .notice")

    assert "this browser cannot inflate gzip" in page.inner_text("#detail")
    assert page.is_visible("text=A cent is surely a stale fixture.")
    page.close()


@pytest.mark.parametrize("block", ["c0", "f0"])
def test_a_broken_block_costs_what_is_in_it_and_no_more(browse, release, block):
    broken = re.sub(rf'(id="{block}">)[^<]{{40}}', r"\1" + "A" * 40, release)
    assert broken != release
    page = browse(broken, at(1))
    said = page.each([at(1, tab) for tab in TABS], 'out.push(detail.querySelector("#panel").textContent);')
    seen = dict(zip(TABS, said, strict=True))

    failed = {tab for tab in TABS if "cannot be shown" in seen[tab]}
    assert failed == (
        {"new", "conversation", "request", "response", "events"}
        if block == "c0"
        else {"request", "response", "headers"}
    )
    assert page.text("#step-1 b") == "run_tests"


@pytest.mark.slow
def test_a_very_large_answer_is_opened_in_part_and_whole_when_asked(browse):
    big = "word " * 2**21
    asked = stories.question([{"role": "user", "content": "All of it."}], stream=False)
    tape = evolve(stories.release(), steps=(stories.exchange(asked, stories.anthropic.text(big)(asked), 0),))
    page = browse(report.html(tape), at(0))
    shown = page.tab.evaluate("document.querySelector('.answer p').textContent.length")
    page.tab.evaluate("document.querySelector('.answer .body button').click()")

    assert shown == 65_536
    assert page.tab.evaluate("document.querySelector('.answer p').textContent.length") == len(big)


@pytest.mark.parametrize("count", [0, 1])
def test_a_run_of_no_steps_or_one_is_shown_too(browse, count):
    page = browse(report.html(evolve(stories.release(), steps=stories.release().steps[:count])))
    said = page.text("#detail")
    page.tab.keyboard.press("j")
    page._wait(at(0) if count else "#end")

    assert ("No step was recorded" in said) != bool(count)
    assert (page.text("h2#name") or "").startswith("Step 0") == bool(count)
    assert page.is_quiet()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 700, 1000, 1440])
def test_nothing_reaches_beyond_the_screen(browse, release, width):
    page = browse(release, viewport={"width": width, "height": 800})
    for where in [at(3), at(3, "events"), at(3, "headers"), at(3, "request"), "#branch-1"]:
        page.go(where)
        assert page.tab.evaluate("document.documentElement.scrollWidth") <= width, where


CUT = """() => {
    const cuts = (box) => [box.overflowX, box.overflowY].some((way) => way !== "visible");
    const over = (all, shown) => all > shown + 1;
    const cut = (one) => over(one.scrollWidth, one.clientWidth) || over(one.scrollHeight, one.clientHeight);
    const boxes = [...document.querySelectorAll("body, body *")].filter((one) => cuts(getComputedStyle(one)));
    const rows = [...document.querySelectorAll("#steps a, #steps a > *")];
    const wide = document.documentElement.clientWidth;
    return {
        rows: document.querySelectorAll("#steps a").length,
        cut: rows.filter((one) => boxes.includes(one) && cut(one)).length,
        around: boxes.filter((one) => one.querySelector("#steps a") && cut(one)).map((one) => one.id),
        beyond: rows.filter((one) => one.getBoundingClientRect().right > wide + 1).length,
        height: Math.max(...rows.map((one) => one.getBoundingClientRect().bottom)),
    };
}"""
PAPER = 1123  # pixels of a page of A4 from edge to edge


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["app", pytest.param("static", marks=pytest.mark.nightly)])
def test_a_thousand_steps_are_printed_and_none_of_them_is_cut(browse, mode):
    asked = asking("What do you see?")
    wordy = stories.anthropic.text("A long line of words, all of which are printed. " * 5)(asked)
    steps = tuple(stories.exchange(asked, wordy, n) for n in range(1_000))
    html = report.html(evolve(stories.release(), steps=steps), mode=mode)
    page = browse(html, viewport={"width": 794, "height": PAPER})
    page.tab.emulate_media(media="print")
    seen = page.tab.evaluate(CUT)
    sheets = len(re.findall(rb"/Type\s*/Page\b", page.tab.pdf(format="A4")))

    assert (seen["rows"], seen["cut"], seen["around"], seen["beyond"]) == (1_000, 0, [], 0)
    assert seen["height"] > 10_000
    assert sheets >= seen["height"] / PAPER
