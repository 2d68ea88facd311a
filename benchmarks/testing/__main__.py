"""`python -m benchmarks.testing`: what a thousand recorded tests cost, as Markdown.

    python -m benchmarks.testing                     # all of it, in three rounds: an hour
    python -m benchmarks.testing --runs 1            # each suite once, by each recorder
    python -m benchmarks.testing times --scale 0.1   # a tenth of the tests

Of times and ratios the medians of the rounds are told, and of ratios the worst. The corpus is where
TRACEFORK_CORPUS says.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.testing import environments, sizes, times
from benchmarks.testing.suites import MIX, SHAPES, Shape

GOALS = {"stub": 1.3, "pytest-recording": 0.5, "cassetter": 1.2}
FEW = 0.3
"""Of the tests by length so many are run with a client each: to make one takes as long as five calls."""
PEERS = ("pytest-recording", "cassetter")
TIMES = (
    "suite",
    "tests",
    "exchanges",
    "client",
    *(f"{name}, s CPU (by the clock)" for name in environments.RECORDERS),
    *(f"ours / {name}, worst (≤ {goal})" for name, goal in GOALS.items()),
)
SIZES = ("what", "exchanges", "tapes", "YAML of", "bytes", "tapes / YAML", "goal")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("parts", nargs="*", metavar="part", help="times, sizes")
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--scale", type=float, default=1.0, help="of the number of tests")
    asked = options.parse_args()
    parts = asked.parts or ["times", "sizes"]
    if wrong := set(parts) - {"times", "sizes"}:
        options.error(f"no such part: {', '.join(sorted(wrong))}")
    pythons = environments.prepare()
    weighed = list[sizes.Row]()
    if "times" in parts:
        _head(TIMES)
        for shape in SHAPES:
            for shared in (False, True):
                scale = asked.scale if shared or shape is MIX else asked.scale * FEW
                row = _time(pythons, shape.scaled(scale), asked.runs, weighed, shared=shared)
                print(_line(row), flush=True)
    if "sizes" in parts:
        print()
        _head(SIZES)
        for row in (*weighed, *sizes.of_corpus()):
            print(_line(row))


def _time(
    pythons: dict[str, str], shape: Shape, runs: int, weighed: list[sizes.Row], *, shared: bool
) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        found = times.compare(pythons, shape, Path(folder), shared=shared, rounds=runs)
        if shared and shape.name in (MIX.name, SHAPES[-1].name):
            ours = times.weigh(Path(folder), "tracefork")
            goal = "≤ 0.05" if shape.name == SHAPES[-1].name else ""
            weighed += [
                sizes.make_row(shape.name, shape.exchanges, ours, peer, times.weigh(Path(folder), peer), goal)
                for peer in PEERS
            ]
    yield from (shape.name, f"{shape.size:,}", f"{shape.exchanges:,}", "shared" if shared else "one a test")
    for name in pythons:
        yield f"{found.cpu(name):.1f} ({found.wall(name):.1f})"
    yield from (f"{found.ratio(name):.2f}, {found.worst(name):.2f}" for name in GOALS)


def _head(columns: tuple[str, ...]) -> None:
    print(_line(columns))
    print(_line("---" for _ in columns), flush=True)


def _line(cells: Iterator[str] | tuple[str, ...]) -> str:
    return f"| {' | '.join(cells)} |"


main()
