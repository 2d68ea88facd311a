"""The peers, each started once where it is first asked for, and stopped at the end whatever happens."""

from __future__ import annotations

import os
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from shutil import which

import pytest
from peers import corpus
from peers.processes import PORT, serving


@pytest.fixture(scope="session")
def rows():
    found = corpus.rows()
    if found is None:
        pytest.skip("there is no corpus: point TRACEFORK_CORPUS at its folder")
    return found


@pytest.fixture(scope="session")
def llmock():
    """Start aimock: a function from the answers that it gives, and its flags, to its URL."""
    here = Path(__file__).parent
    places = (os.environ.get("TRACEFORK_LLMOCK"), here / "node_modules" / ".bin" / "llmock", which("llmock"))
    found = next((str(place) for place in places if place and Path(place).is_file()), None)
    if found is None:
        pytest.skip("there is no llmock: npm install --prefix tests/peers")

    with ExitStack() as stack:

        @cache
        def started(answers, *flags):
            fixtures = ("--fixtures", str(here / "answers" / f"{answers}.json"), "--log-level", "silent")
            return stack.enter_context(serving(found, "--port", PORT, *fixtures, *flags))

        yield started
