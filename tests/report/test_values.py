"""Pictures, sounds and files; arguments, code, Markdown and JSON: shown, exact, and nothing but shown."""

from __future__ import annotations

import base64
import json

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from report import rich, stories
from report.payloads import PAYLOADS, RUN
from report.test_page import at

from tracefork import report
from tracefork.providers import anthropic
from tracefork.report.page.media_places import find_media
from tracefork.report.page.page import asset

browser = pytest.mark.browser
SEEN = "[...document.querySelectorAll('#panel canvas')].map((one) => [one.width, one.height])"
COLOUR = """(() => { const copy = Object.assign(document.createElement("canvas"), {width: 9, height: 9});
    const on = copy.getContext("2d", {willReadFrequently: true});
    on.drawImage(document.querySelector("#panel canvas"), 0, 0);
    return [...on.getImageData(1, 1, 1, 1).data]; })()"""
STRANGE = "document.querySelectorAll('#detail :is(script, img, iframe, style, object, embed, svg)').length"


@pytest.fixture(scope="module")
def showcase():
    return report.html(rich.showcase())


def quiet(page):
    """Whether nothing was asked but what the script made of the tape itself."""
    page.asked[:] = [url for url in page.asked if not url.startswith("blob:")]
    return page.is_quiet()


@browser
def test_a_picture_is_drawn_from_the_tape_alone(browse, showcase):
    page = browse(showcase, at(0))
    page.until("document.querySelector('#panel canvas')")

    assert page.tab.evaluate(SEEN) == [[360, 180]]
    assert page.tab.evaluate(COLOUR) == [230, 185, 90, 255]
    assert "image/png, 360 \u00d7 180" in page.text("#panel .media")
    assert page.is_quiet()


@browser
def test_an_answer_that_is_a_picture_is_drawn_and_its_bytes_are_there(browse, showcase):
    page = browse(showcase, at(4))
    page.until("document.querySelector('#panel canvas')")

    assert page.tab.evaluate(SEEN)[0] == [64, 64]
    assert "89 50 4e 47" in page.text("#panel details pre")


@browser
def test_a_sound_is_played_from_the_tape_alone(browse, showcase):
    page = browse(showcase, at(3))
    page.until("document.querySelector('#panel audio')?.duration > 0")

    assert page.tab.evaluate("document.querySelector('#panel audio').duration") == 1
    assert page.tab.evaluate("document.querySelector('#panel audio').src").startswith("blob:")
    assert quiet(page)


@browser
@pytest.mark.parametrize(
    ("step", "name", "data"), [(0, "step-0.pdf", rich.PDF), (3, "step-3.wav", rich.wav())]
)
def test_a_file_is_saved_as_it_was_sent(browse, showcase, step, name, data):
    page = browse(showcase, at(step))
    button = f"button[aria-label='Save {name}']"
    page.until(f'document.querySelector("{button}")')
    with page.tab.expect_download() as saved:
        page.tab.click(button)

    assert saved.value.suggested_filename == name
    assert saved.value.path().read_bytes() == data


@browser
@pytest.mark.parametrize(
    ("data", "media_type", "said"),
    [
        (rich.SVG, "image/png", "said to be image/png, which is not shown"),  # in another's clothes
        (rich.SVG, "image/svg+xml", "said to be image/svg+xml, which is not shown"),
        (rich.png(4, 4, says=(100_000, 100_000)), "image/png", "not decoded here"),
        (rich.png(4, 4, says=(0, 4)), "image/png", "not decoded here"),
        (rich.png(4, 4, says=(2**32 - 1, 1)), "image/png", "not decoded here"),
        (rich.png(4, 4)[:40], "image/png", "cannot be decoded"),
        (rich.png(4, 4)[:12], "image/png", "said to be image/png"),
        (b"\xff\xd8\xff\xe0\x00\x00" * 50, "image/jpeg", "not decoded here"),
        (b"GIF89a\xff\xff\xff\xff" + b"\0" * 40, "image/gif", "not decoded here"),
        (b"RIFF\0\0\0\0WEBPVP8X" + b"\xff" * 30, "image/webp", "not decoded here"),
        (b"RIFF\xff\xff\xff\xffWAVE" + b"\0" * 50, "audio/wav", "cannot play it"),
        (b"<script>window.__pwned=1</script>" * 3, "text/html", "a file"),
        (rich.png(9, 7), "text/html", "image/png, 9 \u00d7 7"),
    ],
)
def test_data_that_lie_are_shown_for_what_they_are_or_not_at_all(browse, data, media_type, said):
    page = browse(report.html(rich.run(rich.told(rich.text("Look."), rich.image(data, media_type)))), at(0))
    page.until(f"document.getElementById('panel').textContent.includes({json.dumps(said)})")

    assert page.tab.evaluate(STRANGE) == 0
    assert page.tab.evaluate("typeof window.__pwned") == "undefined"
    assert quiet(page)


@given(st.lists(st.binary(min_size=20, max_size=200), min_size=1, max_size=4), st.booleans())
@settings(max_examples=40)
def test_the_place_of_media_has_its_bytes(blobs, url_safe):
    def encoded(data):
        text = base64.b64encode(data).decode()
        return text.replace("+", "-").replace("/", "_") if url_safe else text

    content = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": encoded(data)}}
        for data in blobs
    ]
    view = report.view(rich.run(rich.told(*content)))
    (piece,) = [piece for piece in view.pieces if piece.key == "messages"]
    places = find_media(piece)

    assert len(places) == len(set(blobs))
    for place in places.values():
        value = json.loads(piece.text.lstrip(" ,\n"))
        for key in place["at"]:
            value = value[key]
        assert value in map(encoded, blobs)


@browser
def test_arguments_have_the_line_breaks_and_the_digits_that_they_have(browse):
    call = anthropic.tool_use("query", {"sql": rich.SQL, "id": 18446744073709551615, "x": {"y": [1]}}, id="t")
    page = browse(report.html(rich.run(rich.told(rich.text("Go."), answer=call))), at(0))

    assert page.tab.evaluate("document.querySelector('.args pre').textContent") == rich.SQL
    assert [page.tab.evaluate(f"document.querySelector('.args .{kind}').textContent") for kind in "kc"] == [
        "SELECT",
        "-- those of this year",
    ]
    assert "18446744073709551615" in page.text(".args")
    assert page.is_quiet()


@browser
def test_json_is_a_tree_that_is_made_as_it_is_opened(browse, showcase):
    page = browse(showcase, at(1))
    page.tab.click(".part.result .value button:has-text('tree')")

    assert "18446744073709551615" in page.text("#panel .json")
    assert "0.12345678901234568" in page.text("#panel .json")
    assert "pay-3" not in page.text("#panel .json")
    page.tab.click("#panel .json summary:has-text('hosts')")
    page.tab.click("#panel .json summary:has-text('3: {')")
    page.until("document.querySelector('#panel .json').textContent.includes('pay-3')")
    assert "second line" in page.text("#panel .json pre")
    page.tab.click(".part.result .value button:has-text('tree')")
    assert page.text("#panel .json") is None
    assert page.is_quiet()


EXACT = f"""(texts) => {{
    {asset("script/json.js")}
    return texts.map((text) => {{ const found = exact(text); return found && spread(found); }});
}}"""


@pytest.mark.slow
@browser
def test_json_is_read_as_the_standard_says_and_nothing_of_it_is_lost(chromium):
    page = chromium.new_page()
    numbers = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    values = st.recursive(
        st.none() | st.booleans() | numbers | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    )
    broken = ["", "{", "[1,]", '{"a":1,}', "{a:1}", "[1 2]", "01", "1.", "nul", '"\n"', "[1]x", "[" * 9_000]

    @given(st.lists(values, min_size=1, max_size=8))
    @settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow], deadline=None)
    def agrees(found):
        texts = [json.dumps(value, ensure_ascii=False) for value in found if "\\ud" not in json.dumps(value)]
        for text, said in zip(texts, page.evaluate(EXACT, texts), strict=True):
            assert json.loads(said) == json.loads(text)

    agrees()
    assert page.evaluate(EXACT, broken) == [None] * len(broken)
    assert page.evaluate(EXACT, ['{"b":1,"1":2,"b":3,"__proto__":4.50}']) == [
        '{\n  "b": 1,\n  "1": 2,\n  "b": 3,\n  "__proto__": 4.50\n}'
    ]
    page.close()


def answered(said):
    return report.html(rich.run(rich.told(rich.text("Go."), answer=anthropic.text(said))))


@browser
def test_markdown_is_read_where_it_is_asked_for(browse, showcase):
    page = browse(showcase, at(1))
    before = page.text("#panel .answer .body")
    assert "| host | invoices |" in before
    page.tab.click(".answer button:has-text('Markdown')")
    tags = "[...document.querySelectorAll('.answer .md *')].map((one) => one.tagName.toLowerCase())"
    seen = page.tab.evaluate(tags)

    assert {"strong", "em", "a", "table", "ol", "ul", "li", "blockquote", "pre", "code", "hr"} - set(
        seen
    ) == {"hr"}
    assert page.text(".answer .md td") == "pay-1"
    assert page.text(".answer .md ol > li:nth-child(2) ul li") == "since v8.3.0"
    assert page.text(".answer .md pre .k") == "def"
    link = page.tab.evaluate(
        "(() => { const a = document.querySelector('.answer .md a'); return [a.href, a.rel]; })()"
    )
    assert link == ["https://example.com/PAY-4127", "noopener noreferrer nofollow external"]
    page.tab.click(".answer button:has-text('Markdown')")
    assert page.text("#panel .answer .body") == before
    assert page.is_quiet()


HOSTILE = [
    f"[x](javascript:{RUN}) **a**",
    f"[x](JaVaScRiPt:{RUN}) **a**",
    f"[x](java\tscript:{RUN}) **a**",
    f"[x](data:text/html,<script>{RUN}</script>) **a**",
    f"[x](vbscript:{RUN}) [y](file:///etc/passwd) **a**",
    f"![x](http://127.0.0.1:1/x.png) ![y](x' onerror='{RUN}) **a**",
    f"<img src=x onerror={RUN}> **a** `<script>{RUN}</script>`",
    f"[x](http://a' onclick='{RUN}) [y](https://u:p@evil.example/) **a**",
    f"[x]: javascript:{RUN}\n\n[x][x] **a**",
    f"| <b>a</b> | [x](javascript:{RUN}) |\n| --- | --- |\n| <svg onload={RUN}> | [y](data:,x) |",
    f"```html\n<script>{RUN}</script>\n```\n> <iframe srcdoc='<script>parent.{RUN}</script>'>",
]
ENDLESS = [
    *["*" * 9_000, "**a" * 3_000, "_a_" * 3_000, "`" * 9_000, "[" * 9_000, "[a](" * 2_000, "![" * 4_000],
    *["> " * 5_000, "- " * 5_000, "1. " * 3_000, "\n".join(" " * n + "- x" for n in range(400))],
    *["|" * 9_000 + "\n" + "-|" * 900, "#" * 9_000, "```\n" * 3_000, "~~" * 4_000, "\\" * 9_001],
    *["https://" * 1_000, "a|b\n" * 3_000, ("-" * 50 + "|") * 40, "* * " * 2_000, "/*" * 9_000 + "```"],
]


@browser
@pytest.mark.slow
def test_no_markdown_does_harm_or_takes_long(browse):
    said = [*HOSTILE, *(f"**a** {text}" for text in PAYLOADS), *(f"**a**\n\n{text}" for text in ENDLESS)]
    steps = [
        rich.told(rich.text("Go."), answer=anthropic.text(text.encode("utf-8", "replace").decode()), number=n)
        for n, text in enumerate(said)
    ]
    page = browse(report.html(rich.run(*steps)))
    look = """
        const buttons = [...detail.querySelectorAll(".answer .acts button")];
        const toggle = buttons.find((one) => one.textContent === "Markdown");
        const began = performance.now();
        toggle?.click();
        detail.offsetHeight;
        out.push([Boolean(toggle), performance.now() - began,
            [...detail.querySelectorAll(".md a")].filter((one) => !/^https?:/.test(one.href)).length,
            detail.querySelectorAll("script, img, iframe, style, object, embed, svg, form, input").length]);
    """
    seen = page.each([at(n) for n in range(len(said))], look)

    assert all(found[0] for found in seen)
    assert [found for found in seen if found[2] or found[3]] == []
    assert max(found[1] for found in seen) < 1_500
    assert page.tab.evaluate("typeof window.__pwned") == "undefined"
    assert page.is_quiet()


@browser
@pytest.mark.slow
def test_no_json_and_no_code_does_harm_or_takes_long(browse):
    deep = "[" * 100_000 + "]" * 100_000
    wide = json.dumps({f"k{n}": n for n in range(100_000)})
    odd = [
        '{"__proto__": {"onerror": "x"}, "constructor": 1}',
        deep,
        wide,
        '{"a": "\\ud800"}',
        '{"a":',
        "[1e999]",
    ]
    code = [
        "/*" * 9_000,
        '"' * 19_999,
        "`\\" * 9_000,
        "select " + "'" * 9_000,
        "#" * 19_999,
        "def f():\n" * 2_000,
    ]
    values = [*odd, *(json.dumps({"code": text, "command": text}) for text in [*code, *PAYLOADS])]
    steps = []
    for n, text in enumerate(values):
        content = text.encode("utf-8", "replace").decode()
        result = {"type": "tool_result", "tool_use_id": "t", "content": content}
        try:
            given_ = json.loads(content)
        except (ValueError, RecursionError):
            given_ = {"text": content}
        call = anthropic.tool_use("f", given_ if isinstance(given_, dict) else {"x": content}, id="t")
        steps.append(rich.told(result, answer=call, number=n))
    page = browse(report.html(rich.run(*steps)))
    look = """
        const began = performance.now();
        const buttons = [...detail.querySelectorAll(".value .acts button")];
        for (const one of buttons) if (one.textContent === "tree") one.click();
        for (const one of detail.querySelectorAll(".json summary")) one.click();
        detail.offsetHeight;
        out.push([performance.now() - began, detail.textContent.includes("cannot be shown"),
            detail.querySelectorAll("script, img, iframe, style, object, embed, svg, form, input").length]);
    """
    seen = page.each([at(n) for n in range(len(values))], look)

    assert [found for found in seen if found[1] or found[2]] == []
    assert max(found[0] for found in seen) < 2_500
    assert page.tab.evaluate("typeof window.__pwned") == "undefined"
    assert page.tab.evaluate("({}).onerror") is None
    assert page.is_quiet()


@browser
@pytest.mark.parametrize("refused", [False, True])
def test_each_message_and_value_can_be_copied(browse, showcase, refused):
    page = browse(showcase, at(0))
    page.tab.evaluate(
        "(refused) => { window.taken = []; navigator.clipboard.writeText = async (text) => {"
        " if (refused) throw new Error('no'); window.taken.push(text); };"
        " document.addEventListener('copy', () => window.taken.push(document.activeElement.value)); }",
        refused,
    )
    page.tab.click(".part.call .value button:has-text('copy')")
    page.until("window.taken.length === 1")
    assert json.loads(page.tab.evaluate("window.taken[0]")) == {"sql": rich.SQL, "limit": 10, "dry": False}
    page.tab.click("#panel .answer > header button:has-text('copy')")
    page.until("window.taken.length === 2")

    assert page.tab.evaluate("window.taken[1]").startswith("I ask the ledger.\nquery {")
    assert page.text("#panel .answer > header .acts").startswith("copied")
    assert quiet(page)


@pytest.mark.slow
@browser
def test_a_phone_shows_long_words_tables_and_json_without_reaching_beyond_it(browse):
    word = "w" * 3_000
    data = json.dumps({word: word, "list": [[word]], "n": 10**300})
    said = f"# {word}\n\n| a | {word} |\n| --- | --- |\n| {word} | b |\n\n`{word}` **{word}**"
    said += f"\n\n- {word}\n\n```\n{word}\n```"
    call = anthropic.tool_use(
        word, {word: word, "sql": f"select {word}\nfrom x", "n": 10**300}, id="t", text=said
    )
    result = {"type": "tool_result", "tool_use_id": "t", "content": data}
    tape = rich.run(
        rich.told(rich.text(said), result, rich.image(rich.png(900, 20)), answer=call),
        rich.plain(word.encode(), "text/plain", 1, f"https://h/{word}"),
    )
    page = browse(report.html(tape), viewport={"width": 390, "height": 844})
    beyond = "document.documentElement.scrollWidth"
    for where in [at(0), at(0, "conversation"), at(0, "request"), at(0, "headers"), at(1), "#table"]:
        page.go(where)
        page.tab.evaluate(
            "() => { for (const one of document.querySelectorAll('#panel .acts button'))"
            " if (['tree', 'Markdown'].includes(one.textContent)) one.click();"
            " for (const one of document.querySelectorAll('.json summary')) one.click(); }"
        )
        page.tab.wait_for_timeout(100)
        assert page.tab.evaluate(beyond) <= 390, where
    assert page.is_quiet()


def test_the_policy_lets_nothing_in_but_what_the_script_makes():
    html = report.html(rich.showcase())
    policy = html.partition('http-equiv="Content-Security-Policy" content="')[2].partition('"')[0]

    assert "default-src &#39;none&#39;" in policy
    assert "img-src" not in policy
    assert "media-src blob:;" in policy
    assert "data:" not in policy
    assert "http" not in policy
    assert "blob" not in report.html(rich.showcase(), mode="static").partition("<style>")[0]


def test_a_page_with_pictures_gives_its_tape_back_and_holds_each_once():
    picture = rich.png(300, 300)
    content = [rich.text("Look."), rich.image(picture)]
    steps = [rich.told(*content, rich.text(f"And {n}?"), number=n) for n in range(3)]
    tape = rich.run(*steps)

    assert report.tape_in(report.html(tape)) == tape
    assert report.tape_in(report.html(evolve(stories.release(), steps=rich.showcase().steps))).steps
