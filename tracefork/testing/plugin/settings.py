"""What a test's run is told: by the command line, marks, the fixture `tracefork_config` and the ini file."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike
from os.path import relpath
from typing import Any

import pytest

from ...runs.options import RecordOptions, TailOptions
from ..on_tape.settings import Settings, list_names
from .options import check_mode, find_default_mode, find_max_age, find_mode
from .places import find_place

_OWN = frozenset({"enabled", "mode", "policy", "tape"})
"""What a mark may say that is no option of a run."""


def find_settings(item: pytest.Item, configured: Mapping[str, Any]) -> Settings | None:
    """The settings of a test; None if it is not to have a run.

    `configured` is what the fixture `tracefork_config` says.

    Raises:
        UsageError: a mark or the fixture says something that nobody knows.
    """
    marks = list(item.iter_markers("tracefork"))
    given = dict[str, Any]()
    for where, words in [
        ("the fixture tracefork_config", configured),
        *(("@pytest.mark.tracefork", dict(mark.kwargs)) for mark in reversed(marks)),
    ]:
        given |= _check(words, f"{item.nodeid}: {where}")
    if any(mark.args for mark in marks):
        raise pytest.UsageError(
            f"{item.nodeid}: @pytest.mark.tracefork takes keywords: tape=, mode=, policy="
        )
    if not given.get("enabled", bool(marks) or item.config.getini("tracefork")):
        return None
    config = item.config
    mode = find_mode(config) or given.get("mode") or find_default_mode(config)
    place = find_place(item, given.get("tape"))
    return Settings(
        mode,
        place,
        item.nodeid,
        write_command(item),
        policy=given.get("policy"),
        max_age=find_max_age(config),
        start=config.invocation_params.dir,
        given={name: value for name, value in given.items() if name not in _OWN},
    )


def write_command(item: pytest.Item) -> str:
    """What to type to run this test alone, where pytest was started; `{}` stands where options go."""
    from shlex import quote  # noqa: PLC0415  only messages need it

    file, *within = item.nodeid.split("::", 1)
    place = relpath(item.config.rootpath / file, item.config.invocation_params.dir)
    return f"pytest {{}} {quote('::'.join([place, *within]))}"


def is_marked(item: pytest.Item) -> bool:
    """True of a test that has a run, unless its mark or the fixture says no."""
    config = item.config
    for_all = config.getini("tracefork") or config.getoption("--block-network", default=False)
    return bool(for_all) or item.get_closest_marker("tracefork") is not None or is_vcrs(item)


def is_vcrs(item: pytest.Item) -> bool:
    """True of a test whose run is as vcrpy's users have it: no other plugin is there for it."""
    config = item.config
    if (
        not config.pluginmanager.has_plugin("tracefork_vcr")
        or item.get_closest_marker("tracefork") is not None
    ):
        return False
    marks = ("vcr", "block_network")
    if any(item.get_closest_marker(name) is not None for name in marks):
        return True
    return bool(config.getoption("--block-network", default=False)) and not config.getini("tracefork")


def _check(words: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    known = _OWN | list_names(TailOptions) | list_names(RecordOptions)
    if not isinstance(words, Mapping):
        raise pytest.UsageError(f"{where}: it is a dict of options, not {words!r}")
    if unknown := sorted(map(str, words.keys() - known)):
        raise pytest.UsageError(
            f"{where}: there is no option {unknown[0]}; they are {', '.join(sorted(known))}"
        )
    if not isinstance(words.get("tape", ""), str | PathLike):
        raise pytest.UsageError(f"{where}: tape= is a path, not {words['tape']!r}")
    if not hasattr(words.get("policy"), "hold") and words.get("policy") is not None:
        raise pytest.UsageError(f"{where}: policy= is tracefork.testing.policy(...), not {words['policy']!r}")
    if "mode" in words:
        return {**words, "mode": check_mode(words["mode"], where)}
    return words
