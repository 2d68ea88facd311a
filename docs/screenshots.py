"""Draws the pictures that the docs show, in a real Chromium: `python docs/screenshots.py`.

Needs `tracefork[test]` and Chromium (`TRACEFORK_CHROMIUM`, else /usr/bin/chromium).
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from attrs import evolve
from playwright.sync_api import Browser, sync_playwright

from tracefork import TapeStore, report
from tracefork.core.values import Outcome
from tracefork.server import serving

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

import reruns  # noqa: E402
import terminal  # noqa: E402  beside this
from report import failures, rich, stories  # noqa: E402
from report.conftest import CHROMIUM, FLAGS  # noqa: E402
from server.growing import Growing  # noqa: E402
from server.growing import story as growing  # noqa: E402

PICTURES = ROOT / "docs" / "assets" / "report"
WIDE, PHONE = (1440, 900), (390, 844)
TREE = (
    ".part.result button:has-text('tree')",
    ".json summary:has-text('config')",
    ".json summary:has-text('paths')",
    ".answer button:has-text('Markdown')",
)
"""What is pressed to see JSON as a tree, and Markdown."""


def main() -> None:
    told = {"blame": stories.BLAME, "branches": stories.branches(), "verified": stories.VERDICT}
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        app, static = Path(folder, "app.html"), Path(folder, "static.html")
        app.write_text(report.html(stories.release(), **told), "utf-8")
        static.write_text(report.html(stories.release(), mode="static", **told), "utf-8")
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        PICTURES.mkdir(parents=True, exist_ok=True)
        draw(browser, "light", app)
        draw(browser, "dark", app, dark=True)
        draw(browser, "branch", app, "#branch-1")
        rerun = Path(folder, "rerun.html")
        with TapeStore.open(":memory:") as store:
            reruns.fill(store)
            rerun.write_text(report.html(store.load("first"), branches=[store.load("edited")]), "utf-8")
        draw(browser, "rerun", rerun, "#branch-0")
        draw(browser, "events", app, "#step-0/events")
        draw(browser, "table", app, "#table")
        shown = Path(folder, "shown.html")
        shown.write_text(report.html(rich.showcase()), "utf-8")
        draw(browser, "picture", shown, "#step-0")
        draw(browser, "tree", shown, "#step-1", press=TREE)
        for name, html, fragment in draw_failures():
            Path(folder, f"{name}.html").write_text(html, "utf-8")
            draw(browser, name, Path(folder, f"{name}.html"), fragment)
        draw(browser, "phone", app, size=PHONE)
        draw(browser, "no-script", app, script=False)
        draw(browser, "static", static, script=False)
        draw(browser, "print", app, paper=True)
        draw_dashboard(browser)
        terminal.draw(browser)
        browser.close()


def draw_failures() -> Iterator[tuple[str, str, str]]:
    """Pages of runs that failed: their names, what they are, and where they are opened."""
    with ThreadPoolExecutor() as pool:  # playwright has an event loop in this thread
        raised, crew, wrong = (
            pool.submit(make).result()
            for make in (
                failures.has_a_tool_that_raises,
                failures.has_a_failing_sub_agent,
                failures.answers_wrongly,
            )
        )
    yield "failed", report.html(raised.tape), ""
    yield "strands", report.html(crew.tape, failure=crew.judged), "#step-0"
    yield "beside", report.html(wrong.tape, beside=[raised.tape], failure=wrong.judged), ""


def draw_dashboard(browser: Browser) -> None:
    """The list of runs, wide, dark and on a phone: one that goes on, one that failed, and others."""
    broke = Outcome("raised", "OperationalError", "no such table: seats_2027")
    with TapeStore.open(":memory:") as store, serving(store) as server:
        for tape in (stories.release(), *stories.branches()):
            store.save(tape)
        failed = evolve(stories.release(stories.STORY[:3], run_id="20261124-101500-1d20aa41"), outcome=broke)
        store.save(evolve(failed, created_at=stories.BEGAN + 600))
        Growing(store, evolve(growing(9), created_at=time.time() - 40)).step(6)
        for name, size, dark in (
            ("dashboard", WIDE, False),
            ("dashboard-dark", WIDE, True),
            ("dashboard-phone", PHONE, False),
        ):
            page = browser.new_page(
                viewport={"width": size[0], "height": size[1]}, color_scheme="dark" if dark else "light"
            )
            page.goto(server.url)
            page.wait_for_selector("html[data-ready]", state="attached")
            page.wait_for_timeout(300)
            page.screenshot(path=PICTURES / f"{name}.png")
            page.close()


def draw(
    browser: Browser,
    name: str,
    file: Path,
    fragment: str = "",
    *,
    size: tuple[int, int] = WIDE,
    dark: bool = False,
    script: bool = True,
    paper: bool = False,
    press: tuple[str, ...] = (),
) -> None:
    page = browser.new_page(
        viewport={"width": size[0], "height": size[1]},
        color_scheme="dark" if dark else "light",
        java_script_enabled=script,
    )
    page.goto(file.as_uri() + fragment)
    if script:
        page.wait_for_selector("html[data-ready]", state="attached")
    for button in press:
        page.click(button)
    if paper:
        page.emulate_media(media="print")
    page.wait_for_timeout(300)
    page.screenshot(path=PICTURES / f"{name}.png", full_page=paper)
    page.close()


if __name__ == "__main__":
    main()
