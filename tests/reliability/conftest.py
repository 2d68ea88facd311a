from __future__ import annotations

from pathlib import Path

import pytest

pytest.register_assert_rewrite(
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
