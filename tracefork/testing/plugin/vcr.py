"""Tests that are marked as vcrpy's: `@pytest.mark.vcr`, `vcr_config`, `@pytest.mark.block_network`.

They are answered from their cassettes as pytest-recording answers them, until a recording makes a tape of
theirs, which is gone by from then on.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from attrs import evolve

from ..cassettes.habits import Habits
from ..on_tape.settings import Cassette, Settings
from .options import check_mode, find_default_mode, find_max_age, find_mode
from .places import find_place
from .settings import write_command

_SUFFIXES = {"yaml": ".yaml", "json": ".json"}


def find_vcr_settings(request: pytest.FixtureRequest) -> Settings | None:
    """The settings of a test with a cassette, or of one that may not connect; None if it is neither.

    Raises:
        UsageError: an option is code, or nobody knows it.
    """
    item, config = request.node, request.config
    marks = list(item.iter_markers("vcr"))
    configured: Mapping[str, Any] = request.getfixturevalue("vcr_config")
    blocked = item.get_closest_marker("block_network")
    if config.getoption("--disable-recording", default=False):
        marks = []
    options = dict(configured) | {k: v for mark in reversed(marks) for k, v in mark.kwargs.items()}
    mode = find_mode(config) or (
        check_mode(options["record_mode"], f"{item.nodeid}: record_mode")
        if "record_mode" in options
        else None
    )
    hosts = _find_hosts(blocked, config, options)
    given = {"allow": hosts} if hosts else {}
    whole = Settings(
        mode or find_default_mode(config), find_place(item), item.nodeid, write_command(item), given=given
    )
    if marks:
        try:
            habits = Habits.of(options)
        except ValueError as exc:
            raise pytest.UsageError(f"{item.nodeid}: {exc}") from exc
        paths = _find_paths(request, marks, options)
        return evolve(whole, cassette=Cassette(paths, habits), max_age=find_max_age(config))
    if blocked is not None or config.getoption("--block-network", default=False):
        return evolve(whole, mode="none", offline=True)
    return None


def _find_paths(
    request: pytest.FixtureRequest, marks: list[pytest.Mark], options: Mapping[str, Any]
) -> tuple[Path, ...]:
    """The files that may answer the test: its own, and those that its marks name.

    pytest-vcr has one folder for all modules: what is not in the module's own is looked for there.
    """
    folder = Path(
        os.fspath(options.get("cassette_library_dir") or request.getfixturevalue("vcr_cassette_dir"))
    )
    suffix = _SUFFIXES.get(options.get("serializer", "yaml"), ".yaml")
    own: str = request.getfixturevalue("default_cassette_name")
    named = [name for mark in marks for name in mark.args]
    names = [own if Path(own).suffix in _SUFFIXES.values() else own + suffix, *named]
    is_module = folder == request.path.parent / "cassettes" / request.path.stem
    places = [(folder / name, folder.parent / name if is_module else folder / name) for name in names]
    return tuple(dict.fromkeys(old if old.is_file() and not new.exists() else new for new, old in places))


def _find_hosts(
    blocked: pytest.Mark | None, config: pytest.Config, options: Mapping[str, Any]
) -> tuple[str, ...]:
    """The hosts that may be connected to all the same."""
    found = (
        (blocked.kwargs.get("allowed_hosts") if blocked is not None else None)
        or config.getoption("--allowed-hosts", default=None)
        or options.get("allowed_hosts")
        or ()
    )
    return tuple(found.split(",")) if isinstance(found, str) else tuple(found)
