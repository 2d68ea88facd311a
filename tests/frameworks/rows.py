"""Rows of the table, in the form that docs/frameworks.py draws, and where they are kept."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from .checks import CHECKS, Cell, check_all
from .listing import Program
from .working import Worker

RESULTS = Path(__file__).parent / "results.json"


def try_program(program: Program, python: str | Path = sys.executable) -> dict[str, Any]:
    """The row of `program`, tried by the interpreter `python`."""
    with tempfile.TemporaryDirectory(prefix="frameworks-") as folder:
        cells = check_all(program.name, Path(folder), python)
        with Worker(program.name, python, key="none", log=Path(folder) / "versions.log") as worker:
            found = worker.do("versions", "", names=list(program.packages))
    return make_row(program, ", ".join(f"{name} {version}" for name, version in found.items()), cells)


def make_row(program: Program, version: str, cells: dict[str, Cell] | str) -> dict[str, Any]:
    """A row; one reason as `cells` stands in each."""
    every = dict.fromkeys(CHECKS, cells) if isinstance(cells, str) else cells
    version = version or ", ".join(program.needs)
    return {"agent": program.title, "version": version, "way": "process", "cells": every}


def load() -> list[dict[str, Any]]:
    return json.loads(RESULTS.read_text()) if RESULTS.exists() else []


def keep(row: dict[str, Any]) -> None:
    """Put `row` in the place of the one of the same agent; rows are sorted by their agents."""
    rows = {one["agent"]: one for one in load()} | {row["agent"]: row}
    kept = [rows[agent] for agent in sorted(rows, key=str.lower)]
    RESULTS.write_text(json.dumps(kept, indent=2, ensure_ascii=False) + "\n")
