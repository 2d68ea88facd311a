"""The peers, each started once where it is first asked for, and stopped at the end whatever happens."""

from __future__ import annotations

import pytest
from peers import corpus


@pytest.fixture(scope="session")
def rows():
    found = corpus.rows()
    if found is None:
        pytest.skip("there is no corpus: point TRACEFORK_CORPUS at its folder")
    return found
