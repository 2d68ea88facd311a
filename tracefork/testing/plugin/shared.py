"""Fixtures of a wider scope than a test's: what they ask is on a tape of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from attrs import evolve

from ..on_tape.run import TestRun
from ..on_tape.settings import Settings
from .failures import explain
from .places import SUFFIX, find_fixture_place
from .settings import find_settings


@contextmanager
def setting_up(fixture: Any, request: Any, item_run: TestRun | None, news: list[Any]) -> Iterator[None]:
    """A block in which a fixture is set up; what it asks when it is torn down is on a second tape.

    `item_run` is the run of the test for whose sake it is, if that has one; to `news` is added what became of
    the tapes.
    """
    item = request._pyfuncitem  # noqa: SLF001  pytest has no other word for it
    settings = item_run.settings if item_run is not None else find_settings(item, {"enabled": True})
    assert settings is not None
    place = find_fixture_place(fixture, request)
    begun = list[_Block]()

    def begin_teardown() -> None:
        begun.append(_Block(settings, place.with_name(f"{place.stem}.teardown{SUFFIX}"), fixture.argname))

    def end_teardown() -> None:
        for block in begun:
            block.end(news)

    fixture.addfinalizer(end_teardown)  # the last one is called first
    block = _Block(settings, place, fixture.argname)
    try:
        yield
    except BaseException as exc:  # noqa: BLE001  whatever it is, it is raised again
        try:
            explain(block.run, exc, block.run.judge_setup)
            raise
        finally:
            block.end(news)
    block.end(news)
    fixture.addfinalizer(begin_teardown)


class _Block:
    """The run of a fixture's beginning, or of its end."""

    def __init__(self, settings: Settings, place: Path, name: str) -> None:
        shared = evolve(settings, place=place, title=name, policy=None, cassette=None)
        self.run = TestRun(shared)
        self.run.begin()

    def end(self, news: list[Any]) -> None:
        """End the run, and note what became of its tape."""
        try:
            self.run.end()
        finally:
            news.extend(one.tell() for one in self.run.news)
