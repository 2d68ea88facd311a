"""Gathers what workers tell of their tapes, and prints it after the tests. Imports nothing of tracefork."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from .places import find_unused
from .summary import plural, shorten, tell_news

_TITLE = "tracefork"


def looks_for_unused(config: pytest.Config) -> bool:
    """Whether tapes that no test uses are to be listed."""
    return bool(config.getoption("--tracefork-unused") or config.getoption("--tracefork-fail-unused"))


class Reporter:
    """One for each process of pytest; that which prints has heard of all others."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._told: list[dict[str, Any]] = []
        self.places: set[str] = set()
        """The tapes of all tests that were collected, deselected ones among them."""
        self.fixtures: set[str] = set()
        """The names of the fixtures of those that have runs."""
        self.folders: set[str] = set()
        """The folders of their files."""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._told.extend(getattr(report, "tracefork", ()))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for name, found in getattr(node, "workeroutput", {}).get("tracefork", {}).items():
            getattr(self, name).update(found)

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        output: dict[str, Any] | None = getattr(self._config, "workeroutput", None)
        if output is not None:
            names = ("places", "fixtures", "folders")
            output["tracefork"] = {name: sorted(getattr(self, name)) for name in names}
        elif self._config.getoption("--tracefork-fail-unused") and self._find_unused():
            session.exitstatus = session.exitstatus or pytest.ExitCode.TESTS_FAILED

    def pytest_unconfigure(self) -> None:
        manager = getattr(self._config.pluginmanager.get_plugin("dsession"), "nodemanager", None)
        if manager is not None:  # of pytest-xdist, in the process that started the workers
            from ..on_tape.keeping import find_claims  # noqa: PLC0415

            shutil.rmtree(find_claims(manager.testrunuid), ignore_errors=True)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        lines = list(tell_news(self._told, self._config.rootpath))
        if looks_for_unused(self._config):
            unused = self._find_unused()
            lines += [f"{plural(len(unused), 'tape')} that no test uses:" if unused else "no tape is unused"]
            lines += [f"  {shorten(str(path), self._config.rootpath)}" for path in unused]
        if lines:
            terminalreporter.section(_TITLE)
            for line in lines:
                terminalreporter.write_line(line)

    def _find_unused(self) -> list[Path]:
        return find_unused(self.places, self.fixtures, self.folders)
