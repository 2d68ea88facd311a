"""The table of frameworks and agents: what is kept of it, and how tests hold it.

`docs/frameworks.json` has a row for each agent, and in it a cell for each column: `true`, or why not, in
words. A test holds a cell by a block: where the cell is `true` the block has to pass, where it says why not
the block has to fail. With TRACEFORK_KEEP=1 what comes of the blocks is written there instead; then
`python docs/frameworks.py` draws it.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
KEEPS = bool(os.environ.get("TRACEFORK_KEEP"))


def load_drawing():
    """The script that draws the page, as a module."""
    spec = importlib.util.spec_from_file_location("frameworks", ROOT / "docs" / "frameworks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


frameworks = load_drawing()


@contextmanager
def cell(agent: str, column: str, *, way: str, version: str) -> Iterator[None]:
    """Hold the cell of `agent` in `column` to the block.

    `way` is how the agent is recorded, `version` the package and its version, which the row shows.
    """
    assert column in frameworks.COLUMNS
    if KEEPS:
        said: bool | str = True
        try:
            yield
        except (AssertionError, TimeoutError) as error:
            said = str(error).partition("\n")[0] or type(error).__name__
        _keep(agent, column, said, {"way": way, "version": version})
        return
    row = next((row for row in frameworks.load() if row["agent"] == agent), None)
    assert row is not None, f"no row is kept of {agent}: run its tests with TRACEFORK_KEEP=1"
    assert (row["way"], row["version"]) == (way, version)
    kept = row["cells"][column]
    if kept is True:
        yield
        return
    with pytest.raises((AssertionError, TimeoutError)):
        yield


def _keep(agent: str, column: str, said: bool | str, about: dict[str, str]) -> None:
    """Write what came of a block; several processes may do so at once."""
    with frameworks.RESULTS.open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        rows = json.loads(file.read() or "[]")
        row = next((row for row in rows if row["agent"] == agent), None)
        if row is None:
            row = {"agent": agent, "cells": {}}
            rows.append(row)
        row.update(about)
        row["cells"][column] = said
        rows.sort(key=lambda row: (row["way"], row["agent"].lower()))
        file.seek(0)
        file.truncate()
        file.write(json.dumps(rows, indent=2, sort_keys=True) + "\n")
