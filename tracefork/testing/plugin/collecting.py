"""Gives runs to the tests that are to have one, before they run."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Any

import pytest

from .places import FIXTURE, find_place, name_fixture
from .reporter import Reporter
from .settings import is_marked


def give_runs(items: Sequence[Any], reporter: Reporter, shared: set[int]) -> None:
    """Let each marked one of `items` begin its run before its first fixture.

    To `shared` are added the ids of the definitions of their fixtures whose scope is wider than a test;
    `reporter` is told which tapes they use.
    """
    for item in items:
        reporter.folders.add(str(item.path.parent))
        names: list[str] | None = getattr(item, "fixturenames", None)
        if names is None or not is_marked(item):
            continue
        if FIXTURE not in names:
            names.insert(0, FIXTURE)
        definitions = [one for found in item._fixtureinfo.name2fixturedefs.values() for one in found]  # noqa: SLF001
        shared.update(id(one) for one in definitions if one.scope != "function" and asks(one))
        reporter.fixtures.update(map(name_fixture, names))
        reporter.places.add(str(find_marked_place(item)))


def find_marked_place(item: pytest.Item) -> Any:
    """The file of a test's tape, as its marks have it."""
    named = [mark.kwargs["tape"] for mark in item.iter_markers("tracefork") if "tape" in mark.kwargs]
    is_path = bool(named) and isinstance(named[0], str | PathLike)  # if not, the test says so
    return find_place(item, named[0] if is_path else None)


def asks(fixture: Any) -> bool:
    """False of fixtures that ask no model: pytest's own, and those that configure this plugin."""
    if name_fixture(fixture.argname) != fixture.argname:
        return True
    module = getattr(fixture.func, "__module__", "") or ""
    return not module.startswith(("_pytest.", __package__ or "tracefork")) and fixture.argname not in (
        "tracefork_config",
        "vcr_config",
    )
