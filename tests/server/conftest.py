"""A store with runs of many kinds, and a server over it on a real port."""

from __future__ import annotations

import pytest
from attrs import evolve
from report import stories
from report.conftest import chromium  # noqa: F401  the fixture

from tracefork import TapeStore
from tracefork.server import serving

MARK = "PAY-4127"  # a text that is in the store, and must not reach a stranger


def filled(where):
    """A store at `where` with a run and its branches, and one of every kind of step."""
    store = TapeStore.open(where)
    every = stories.of_every_kind()
    every = evolve(every, steps=tuple(sorted(every.steps, key=lambda step: step.span.began)))
    for tape in (stories.release(), *stories.branches(), every):
        store.save(tape)
    return store


@pytest.fixture(scope="module")
def door():
    """The door of a server over a store that nobody changes."""
    with filled(":memory:") as store, serving(store) as server:
        yield server.door


@pytest.fixture(params=["sqlite", pytest.param("directory", marks=pytest.mark.nightly)])
def where(request, tmp_path):
    return tmp_path / ("runs.db" if request.param == "sqlite" else "runs")
