"""Writes the suites: the same tests for each recorder, but for the mark by which it is told of them."""

from __future__ import annotations

import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

from attrs import frozen

HERE = Path(__file__).parent
PER_FILE = 50  # tests
SEED = 18

_RECORDED = """
import pytest

@pytest.fixture(scope="module")
def vcr_config():
    return {"filter_headers": ["x-api-key", "authorization"]}
"""
_STUBBED = """
import httpx2
import pytest
from model import answer

ANSWERS = {legs: [answer(0, leg, legs) for leg in range(1, legs + 1)] for legs in range(1, 21)}

@pytest.fixture(autouse=True)
def network(monkeypatch, request):
    answers = iter(ANSWERS[request.node.get_closest_marker("legs").args[0]])
    headers = {"content-type": "application/json"}
    monkeypatch.setattr(
        httpx2.HTTPTransport,
        "handle_request",
        lambda self, request: httpx2.Response(200, headers=headers, content=next(answers)),
    )
"""
_CLIENT = """
import anthropic
import pytest

@pytest.fixture{scope}
def client():
    with anthropic.Anthropic(api_key="none", base_url="{url}") as client:
        yield client
"""


@frozen
class Recorder:
    """How the tests are marked for a recorder, how they are recorded, and where that is kept."""

    mark: str
    conftest: str = ""
    recording: tuple[str, ...] = ()
    kept: str = ""


RECORDERS = {
    "stub": Recorder("pytest.mark.legs({legs})", _STUBBED),
    "tracefork": Recorder("pytest.mark.tracefork", "", ("--tracefork-mode=all",), "tapes"),
    "pytest-recording": Recorder("pytest.mark.vcr", _RECORDED, ("--record-mode=once",), "cassettes"),
    "cassetter": Recorder("pytest.mark.vcr", _RECORDED, ("--record-mode=once",), "cassettes"),
}


@frozen
class Shape:
    """So many tests by the number of their exchanges."""

    name: str
    tests: Mapping[int, int]

    @property
    def size(self) -> int:
        """How many tests there are."""
        return sum(self.tests.values())

    @property
    def exchanges(self) -> int:
        """How many exchanges they have together."""
        return sum(legs * many for legs, many in self.tests.items())

    def scaled(self, factor: float) -> Shape:
        """The same with fewer tests, but one of each length at least."""
        return Shape(self.name, {legs: max(1, round(many * factor)) for legs, many in self.tests.items()})


MIX = Shape(
    "the mix",
    {1: 543, 2: 196, 3: 93, 4: 25, 5: 11, 6: 15, 7: 4, 8: 9, 10: 1, 11: 1, 12: 1, 13: 1, 20: 100},
)
"""Nine tests of ten are as long as the 1,034 runs of the corpus are, in which no agent runs for long; the
tenth is an agent of 20 turns."""

SHAPES = (
    MIX,
    Shape("1 exchange", {1: 1_000}),
    Shape("3 exchanges", {3: 1_000}),
    Shape("20 exchanges", {20: 100}),
)


def write(folder: Path, recorder: Recorder, shape: Shape, url: str, *, shared: bool) -> None:
    """Write the tests of `shape` into `folder`: with a client for each of them, or a `shared` one."""
    folder.mkdir(parents=True)
    shutil.copy(HERE / "agent.py", folder)
    shutil.copy(HERE / "model.py", folder)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n    legs: how many questions a test asks\n")
    client = _CLIENT.format(scope='(scope="session")' if shared else "", url=url)
    (folder / "conftest.py").write_text(f"{recorder.conftest}\n{client}")
    legs = [legs for legs, many in shape.tests.items() for _ in range(many)]
    random.Random(SEED).shuffle(legs)
    for start in range(0, len(legs), PER_FILE):
        tests = [
            _test(recorder.mark.format(legs=many), number, many)
            for number, many in enumerate(legs[start : start + PER_FILE], start)
        ]
        head = "import pytest\nfrom agent import plan\n"
        (folder / f"test_journeys_{start // PER_FILE}.py").write_text(head + "".join(tests))


def _test(mark: str, number: int, legs: int) -> str:
    return dedent(f"""

        @{mark}
        def test_journey_{number}(client):
            assert plan(client, {number}, {legs}).startswith("Your journey is planned")
        """)
