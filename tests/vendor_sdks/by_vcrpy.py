"""A plugin of pytest: vcrpy answers marked tests, as by pytest-recording, and what it is asked is noted."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path

import pytest
import vcr as vcrpy
from vcr.cassette import Cassette

_FORBIDDEN = "<>?%*:|\"'/\\"


def pytest_configure(config):
    config.addinivalue_line("markers", "vcr: answer the test from a cassette")


@pytest.fixture
def vcr_config():
    return {}


@pytest.fixture(autouse=True)
def _answered_by_vcrpy(request, vcr_config):
    if request.node.get_closest_marker("vcr") is None:
        yield
        return
    name = "".join("-" if c in _FORBIDDEN else c for c in request.node.name)
    made = vcrpy.VCR(
        cassette_library_dir=str(request.path.parent / "cassettes" / request.path.stem),
        path_transformer=vcrpy.VCR.ensure_suffix(".yaml"),
        record_mode="none",
    )
    with made.use_cassette(name, **vcr_config):
        yield


@pytest.fixture(autouse=True, scope="session")
def _writes_down():
    """Let each answer that vcrpy gives be written to a file: cassette, number in it, and what was asked."""
    play = Cassette.play_response

    def noting(self, request):
        before = self.play_counts.copy()
        answer = play(self, request)
        [number] = (self.play_counts - before).keys()
        body = self._before_record_request(request).body
        body = b"".join(body) if hasattr(body, "__next__") else body.read() if hasattr(body, "read") else body
        asked = base64.b64encode(body or b"").decode()
        print(json.dumps([Path(self._path).stem, number, asked]), file=file, flush=True)
        return answer

    with Path(os.environ["ASKED"]).open("a") as file, pytest.MonkeyPatch.context() as patch:
        patch.setattr(Cassette, "play_response", noting)
        yield
