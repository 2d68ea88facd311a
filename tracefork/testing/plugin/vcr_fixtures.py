"""The fixtures of pytest-recording's users. Imports nothing of tracefork."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

_FORBIDDEN = "<>?%*:|\"'/\\"


def name_cassette(item: pytest.Item) -> str:
    """The name that pytest-recording and cassetter give the cassette of a test, without its suffix."""
    owner = getattr(item, "cls", None)
    name = f"{owner.__name__}.{item.name}" if owner else item.name
    return "".join("-" if c in _FORBIDDEN else c for c in name)


@pytest.fixture
def vcr_config() -> Mapping[str, Any]:
    """Options of vcrpy for all tests that see this fixture: a dict, to be overridden."""
    return {}


@pytest.fixture(scope="module")
def vcr_cassette_dir(request: pytest.FixtureRequest) -> str:
    """The folder of a module's cassettes."""
    return str(request.path.parent / "cassettes" / request.path.stem)


@pytest.fixture
def default_cassette_name(request: pytest.FixtureRequest) -> str:
    """The name of a test's own cassette."""
    mark = request.node.get_closest_marker("default_cassette")
    return str(mark.args[0]) if mark is not None else name_cassette(request.node)


@pytest.fixture
def vcr(request: pytest.FixtureRequest) -> Any:
    """The run of the test in progress; None if it has none."""
    from . import RUN  # noqa: PLC0415

    run = request.node.stash.get(RUN, None)
    return None if run is None else run.session
