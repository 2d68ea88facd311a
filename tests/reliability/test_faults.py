"""Every call to the system fails, one after the other; see `faults` for what may come of it."""

from __future__ import annotations

import pytest
from reliability.faults import ACTS, directory_survives, sqlite_survives

from tracefork.backends import DirectoryBackend, SQLiteBackend

CASES = [
    *((act, durability) for act in ACTS for durability in ("process", "power")),
    ("look", "process"),
    ("open", "process"),
]


@pytest.mark.parametrize(("act", "durability"), CASES)
def test_any_call_of_a_directory_store_may_fail(memory_path, act, durability):
    assert directory_survives(memory_path, DirectoryBackend, durability, act) > 50


@pytest.mark.parametrize(("act", "durability"), CASES)
def test_any_call_of_sqlite_may_fail(memory_path, act, durability):
    assert sqlite_survives(memory_path, SQLiteBackend, durability, act) >= 8
