"""Runs the suites, once recorded, in turns: seconds of CPU and by the clock of a whole `pytest -q`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from attrs import frozen

from benchmarks.testing.suites import HERE, PER_FILE, RECORDERS, Shape, write

_PYTEST = ("-m", "pytest", "-q", "-p", "no:cacheprovider")


@frozen
class Run:
    """Seconds of a whole run of pytest: of CPU, user's and system's, with its children; and by the clock."""

    cpu: float
    wall: float


@frozen
class Times:
    """The runs of one suite by recorder, each in the order of the rounds."""

    runs: Mapping[str, tuple[Run, ...]]

    def cpu(self, name: str) -> float:
        """The median seconds of CPU."""
        return median(run.cpu for run in self.runs[name])

    def wall(self, name: str) -> float:
        """The median seconds by the clock."""
        return median(run.wall for run in self.runs[name])

    def ratio(self, beside: str) -> float:
        """Our median CPU time to that of another recorder."""
        return self.cpu("tracefork") / self.cpu(beside)

    def worst(self, beside: str) -> float:
        """The largest ratio of our CPU time to that of another recorder, of all rounds."""
        pairs = zip(self.runs["tracefork"], self.runs[beside], strict=True)
        return max(ours.cpu / theirs.cpu for ours, theirs in pairs)


def compare(
    pythons: Mapping[str, str], shape: Shape, folder: Path, *, shared: bool, rounds: int = 1
) -> Times:
    """Write the suites into `folder`, record them, and run them from what was recorded, in turns.

    Raises:
        AssertionError: a test failed.
    """
    with _serving() as url:
        for name in pythons:
            write(folder / name, RECORDERS[name], shape, url, shared=shared)
            _run(pythons[name], folder / name, shape.size, *RECORDERS[name].recording)
    for name in pythons:  # what only a replay imports is compiled then; and the model is gone
        _run(pythons[name], folder / name, min(shape.size, PER_FILE), "test_journeys_0.py")
    runs: dict[str, list[Run]] = {name: [] for name in pythons}
    for number in range(rounds):
        names = [*pythons][number % len(pythons) :] + [*pythons][: number % len(pythons)]
        for name in names:
            runs[name].append(_run(pythons[name], folder / name, shape.size))
    return Times({name: tuple(found) for name, found in runs.items()})


def _run(python: str, folder: Path, tests: int, *options: str) -> Run:
    """Run pytest in `folder`, and see that all of its tests pass."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "PYTEST"))}
    with (folder / "said").open("w+") as said:
        began = time.perf_counter()
        child = subprocess.Popen(
            [python, *_PYTEST, *options], cwd=folder, stdout=said, stderr=said, env=outside
        )
        _, status, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        child.returncode = os.waitstatus_to_exitcode(status)
        said.seek(0)
        told = said.read()
    assert child.returncode == 0, told[-4_000:]
    assert f"{tests} passed" in told.splitlines()[-1], told[-4_000:]
    return Run(used.ru_utime + used.ru_stime, wall)


@contextmanager
def _serving() -> Iterator[str]:
    command = [sys.executable, str(HERE / "model.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
        finally:
            server.stdin.close()
            server.wait(10)


def weigh(folder: Path, name: str) -> int:
    """The bytes of the files that a recorder kept of the suite in `folder`."""
    kept = folder / name / RECORDERS[name].kept
    return sum(file.stat().st_size for file in kept.rglob("*") if file.is_file())
