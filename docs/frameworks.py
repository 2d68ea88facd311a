"""Draws the tables of docs/guides/frameworks.md from docs/frameworks.json and tests/frameworks/results.json.

`python docs/frameworks.py` writes them into the page, between its two comments; a test holds them equal. Slow
tests hold each cell; with TRACEFORK_KEEP=1 they write what comes of them: see tests/peers/held.py. Those of
frameworks in Python are written by `python -m frameworks`: see tests/frameworks/__main__.py.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "frameworks.json"
IN_PYTHON = ROOT / "tests" / "frameworks" / "results.json"
PAGE = ROOT / "docs" / "guides" / "frameworks.md"
BEGIN, END = "<!-- drawn by docs/frameworks.py -->\n", "<!-- end of what is drawn -->\n"
COLUMNS = ("record", "replays", "verify", "fork", "rerun", "resume", "secrets", "report")
WAYS = {
    "gateway": "Through the gateway: `tracefork run --gateway -- COMMAND`",
    "process": "In process: `with tracefork.record()`, or `tracefork run SCRIPT`",
}
"""How agents are recorded, each with a table of its own."""


def load(results: Path | None = None) -> list[dict[str, Any]]:
    """The rows that are kept in `results`: `agent`, `version`, `way`, and `cells` by their column."""
    file = RESULTS if results is None else results
    return json.loads(file.read_text()) if file.exists() else []


def draw(rows: list[dict[str, Any]]) -> str:
    """A table for each way; below each, what its cells say that are not ticked."""
    parts = []
    for way, title in WAYS.items():
        ours = [row for row in rows if row["way"] == way]
        if not ours:
            continue
        lines = [
            f"| agent | {' | '.join(COLUMNS)} |",
            f"|---|{':-:|' * len(COLUMNS)}",
        ]
        notes: list[str] = []
        for row in ours:
            cells = [_write_cell(row["cells"].get(column, "not tried"), notes) for column in COLUMNS]
            lines.append(f"| {row['agent']}<br>`{row['version']}` | {' | '.join(cells)} |")
        said = [f"{number}. {note}" for number, note in enumerate(notes, 1)]
        parts.append("\n".join([f"### {title}", "", *lines, *([""] if said else []), *said]))
    return "\n\n".join(parts) + "\n"


def page() -> str:
    """The whole page, its tables drawn anew."""
    before, _, rest = PAGE.read_text().partition(BEGIN)
    after = rest.partition(END)[2]
    return f"{before}{BEGIN}\n{draw([*load(), *load(IN_PYTHON)])}\n{END}{after}"


def _write_cell(said: bool | str, notes: list[str]) -> str:  # noqa: FBT001  as it is kept
    """A tick, or the number of the note that says why not."""
    if said is True:
        return "✓"
    if said not in notes:
        notes.append(str(said))
    return f"[{notes.index(str(said)) + 1}]"


if __name__ == "__main__":
    PAGE.write_text(page())
