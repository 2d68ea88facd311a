from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite(
    "reliability.damage",
    "reliability.faults",
    "reliability.killing",
    "reliability.paths",
    "reliability.powercut",
    "reliability.stories",
)


@pytest.fixture
def memory_path():
    """As tmp_path, on a file system in memory if there is one: for many small files that nobody keeps."""
    from reliability.powercut import scratch

    with scratch() as folder:
        yield Path(folder)


@pytest.fixture(params=("directory", "sqlite"))
def opener(request, tmp_path):
    from reliability.damage import KINDS

    return lambda: KINDS[request.param](tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    """A directory store with one log of CHUNKS; gives the store and the log's file."""
    from reliability.damage import CHUNKS, KINDS, fill

    backend = KINDS["directory"](tmp_path / "store")
    fill(backend, CHUNKS)
    (file,) = (tmp_path / "store").iterdir()
    return backend, file
