"""A real Chromium, where there is one; and pages opened in it as files, with all that they did noted."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest

FLAGS = """
    --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
    --disable-component-update --disable-sync
""".split()
CHROMIUM = os.environ.get("TRACEFORK_CHROMIUM") or "/usr/bin/chromium"
AXE = Path(__file__).parents[1] / "peers" / "node_modules" / "axe-core" / "axe.min.js"
NOTING = """
    window.__violations = [];
    document.addEventListener("securitypolicyviolation", (event) =>
        window.__violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`));
"""
SHOWN = """
    const detail = document.getElementById("detail");
    const shown = (where) => new Promise((done, failed) => {
        const late = setTimeout(() => failed(new Error(`${where}: ${detail.dataset.shown} is shown`)), 10000);
        const look = () => {
            if (detail.dataset.shown !== where) return;
            clearTimeout(late);
            watch.disconnect();
            done();
        };
        const watch = new MutationObserver(look);
        watch.observe(detail, {attributes: true, attributeFilter: ["data-shown"]});
        look();
    });
    const go = (where) => { location.hash = where; return shown(where); };
"""
"""For a script of a test: `await go(where)` shows a step, `await shown(where)` waits until one is shown."""
WAIT = f"async (where) => {{ {SHOWN} await shown(where); }}"
GO = f"async (where) => {{ {SHOWN} await go(where); }}"
EACH = f"""async (wheres) => {{
    {SHOWN}
    const out = [];
    for (const where of wheres) {{ await go(where); %s }}
    return out;
}}"""


class Opened:
    """A page in a tab of its own, its requests in `asked`, what it printed in `said`, and its `dialogs`."""

    def __init__(self, tab):
        self.tab = tab
        self.asked, self.said, self.dialogs = [], [], []
        tab.on("request", lambda request: self.asked.append(request.url))
        tab.on("console", lambda message: self.said.append(f"{message.type}: {message.text}"))
        tab.on("pageerror", lambda error: self.said.append(f"error: {error}"))
        tab.on("dialog", lambda dialog: (self.dialogs.append(dialog.message), dialog.dismiss()))

    def forget(self):
        """What was noted so far."""
        for noted in (self.asked, self.said, self.dialogs):
            noted.clear()

    def ready(self):
        self.tab.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)
        return self

    def go(self, where):
        """Show what `where`, a fragment, names, and wait for it."""
        self.tab.evaluate(GO, where)
        return self

    def each(self, wheres, look):
        """Show one after the other, and run `look` there: what it gives to `out.push` is returned."""
        return [
            found
            for n in range(0, len(wheres), 100)
            for found in self.tab.evaluate(EACH % look, wheres[n : n + 100])
        ]

    def hide(self, *parts, hidden=True):
        """What is not laid out costs no time; what it says can be read all the same."""
        for part in parts:
            self.tab.evaluate(
                "([part, to]) => { document.querySelector(part).style.display = to; }",
                [part, "none" if hidden else ""],
            )

    def _wait(self, where):
        """Playwright's own waiting would need eval, which the page forbids."""
        self.tab.evaluate(WAIT, where)

    def until(self, script):
        """Wait until `script` is true in the page; playwright's own waiting would need eval, as above."""
        deadline = time.monotonic() + 10
        while not self.tab.evaluate(f"Boolean({script})"):
            assert time.monotonic() < deadline, script
            time.sleep(0.01)

    @property
    def violations(self):
        return self.tab.evaluate("window.__violations")

    def text(self, selector):
        return self.tab.evaluate("(s) => document.querySelector(s)?.textContent ?? null", selector)

    def is_quiet(self):
        """Whether it asked for nothing but itself, broke none of its own rules, and complained of nothing."""
        assert self.said == []
        assert self.violations == []
        assert self.dialogs == []
        assert len(self.asked) == 1
        return True


@pytest.fixture(scope="module")  # for longer its event loop would be in the way of other tests
def chromium():
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not shutil.which(CHROMIUM):
        pytest.skip(
            f"there is no Chromium at {CHROMIUM}: apt-get install chromium, or set TRACEFORK_CHROMIUM"
        )
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def tabs(chromium):
    """Gives a tab with `options`, one to test after test: to make it anew takes a second of work."""
    kept = {}

    def tab(options):
        key = repr(sorted(options.items()))
        if key not in kept:
            context = chromium.new_context(**options)
            context.add_init_script(NOTING)
            kept[key] = Opened(context.new_page())
        return kept[key]

    yield tab
    for page in kept.values():
        page.tab.context.close()


@pytest.fixture
def browse(tabs, tmp_path):
    """Opens the text of a page as a file: `browse(html, fragment="", **context)`. One at a time is open."""
    used = []

    def opened(html, fragment="", *, name="report.html", script=True, **options):
        file = tmp_path / name
        file.write_bytes(html.encode())
        options = {"viewport": {"width": 1440, "height": 900}, "java_script_enabled": script, **options}
        page = tabs(options)
        assert page not in used
        used.append(page)
        page.forget()
        page.tab.goto(f"{file.as_uri()}{fragment}")
        return page.ready() if script and 'id="index"' in html else page

    yield opened
    for page in used:
        page.tab.emulate_media(media="null", color_scheme="null")
        page.tab.goto("about:blank")
