"""Draws what a terminal shows of two tapes in git, in a real Chromium: `python docs/terminal.py`.

Needs `tracefork[test]`, git and Chromium (`TRACEFORK_CHROMIUM`, else /usr/bin/chromium).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from html import escape
from io import StringIO
from pathlib import Path

import httpx
from attrs import evolve
from playwright.sync_api import Browser, sync_playwright
from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

import tracefork
from tracefork.core.values import Timing
from tracefork.providers import anthropic
from tracefork.testing import scripted

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from report.conftest import CHROMIUM, FLAGS  # noqa: E402

PICTURE = ROOT / "docs" / "assets" / "git" / "diff.png"
BEFORE = "cheapest", "price", "Booked LX 18 for 90 francs."
AFTER = "fastest", "hours", "Booked AZ 7 for 140 francs."
"""A word of the prompt, the argument of a tool that it leads to, and the answer."""

COLUMNS = 46  # so that it can be read on a phone
RED, GREEN, CYAN, GREY = (179, 29, 40), (17, 99, 41), (5, 80, 174), (87, 96, 106)
THEME = TerminalTheme((255, 255, 255), (31, 35, 40), [GREY, RED, GREEN, GREY, CYAN, CYAN, CYAN, GREY])
PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: #fff }}
main {{ display: inline-block; border: 1px solid #d0d7de; border-radius: 8px; overflow: hidden }}
h1 {{ margin: 0; padding: 8px 16px; font: 600 14px system-ui, sans-serif; color: #57606a; background: #f6f8fa;
  border-bottom: 1px solid #d0d7de }}
pre {{ margin: 0; padding: 12px 0; font: 15px/1.45 "DejaVu Sans Mono", ui-monospace, monospace }}
div {{ padding: 0 16px; min-height: 1.45em; width: {columns}ch; white-space: pre-wrap }}
.add {{ background: #dafbe1 }} .cut {{ background: #ffebe9 }}
</style><main><h1>$ git diff</h1><pre>{lines}</pre></main>"""


def main() -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        draw(browser)
        browser.close()


def draw(browser: Browser) -> None:
    """Draw the picture; twice as sharp as it is large."""
    with tempfile.TemporaryDirectory() as folder:
        lines = diff_tapes(Path(folder, "agent")).splitlines()
    page = browser.new_page(viewport={"width": 900, "height": 800}, device_scale_factor=2)
    page.set_content(PAGE.format(columns=COLUMNS, lines="".join(map(write_line, lines))))
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    page.locator("main").screenshot(path=PICTURE)
    page.close()


def diff_tapes(folder: Path) -> str:
    """What `git diff` prints, in colour, of the tape of an agent whose prompt got another word."""
    folder.mkdir()
    environment = {**os.environ, "HOME": str(folder), "GIT_CONFIG_NOSYSTEM": "1", "PYTHONPATH": str(ROOT)}

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)  # noqa: S607
        return done.stdout.decode()

    git("init", "-q")
    command = [sys.executable, "-m", "tracefork", "git", "--write"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    for words in BEFORE, AFTER:
        record(folder / "booking.tape", *words)
        if words == BEFORE:
            git("add", "-A")
    return git("-c", "color.ui=always", "diff")


def record(file: Path, wish: str, order: str, answer: str) -> None:
    """Record an agent that looks for flights and books one."""
    script = scripted.Script(
        anthropic.tool_use("search", {"to": "Rome", "order_by": order}), anthropic.text(answer)
    )
    client = httpx.Client(transport=scripted.transport(script, httpx))
    rules = ("You book flights for a team.", "Look at all that leave that day.")
    system = "\n".join([*rules, f"Take the {wish} one.", "Say what it costs."])
    turns: list[dict[str, object]] = [{"role": "user", "content": "We need to be in Rome on Friday."}]
    asked = {"model": "claude-sonnet-4-5", "max_tokens": 400, "system": system}
    with tracefork.record(agent_name="booking") as run:
        for _ in range(2):
            said = client.post(
                "https://api.anthropic.com/v1/messages", json={**asked, "messages": turns}
            ).json()
            call = said["content"][-1].get("id", "")
            result = {
                "type": "tool_result",
                "tool_use_id": call,
                "content": json.dumps({"flights": ["LX 18", "AZ 7"]}),
            }
            turns += [
                {"role": "assistant", "content": said["content"]},
                {"role": "user", "content": [result]},
            ]
    timeless = tuple(evolve(step, timing=Timing()) for step in run.tape.steps)
    tracefork.save(evolve(run.tape, run_id=wish, created_at=0.0, steps=timeless), file)


def write_line(line: str) -> str:
    """A line of a terminal as HTML, in the colours that it has."""
    text = Text.from_ansi(line)
    console = Console(record=True, width=500, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(text, soft_wrap=True, end="")
    inner = console.export_html(theme=THEME, inline_styles=True, code_format="{code}") or escape(line)
    kind = {"+": "add", "-": "cut"}.get(text.plain[:1], "") if text.plain[:3] not in ("+++", "---") else ""
    return f'<div class="{kind}">{inner}</div>'


if __name__ == "__main__":
    main()
