"""`python -m benchmarks.run`: every number, as a Markdown table."""

from __future__ import annotations

import os
import platform
import tempfile
from importlib.metadata import version
from pathlib import Path

from benchmarks import measure

COUNT, ROUNDS = 500, 5


def main() -> None:
    libraries = ", ".join(f"{name} {version(name)}" for name in ("httpx", "attrs", "cattrs", "zstandard"))
    print(f"CPython {platform.python_version()}, {platform.system()} {platform.machine()}, ", end="")
    print(f"{os.cpu_count()} cores; {libraries}\n")
    print("| measured | value | beside | ratio | goal |\n|---|---|---|---|---|")
    short, long = measure.growth()
    for job in short:
        _row(
            f"{job}, us a step at 10,000",
            long[job],
            f"at 100: {short[job]:.1f}",
            long[job] / short[job],
            "1.5",
        )
    ours, theirs = measure.import_cost()
    _row("`import tracefork`, CPU ms", ours, f"`import httpx`: {theirs:.1f}", ours / theirs, "0.1")
    bare = measure.round_trip(measure.bare(), COUNT, ROUNDS)
    with tempfile.TemporaryDirectory() as folder:
        kinds = {
            "recording in memory": measure.recording(),
            "recording to SQLite": measure.recording(str(Path(folder) / "runs.db")),
            "recording to a directory": measure.recording(str(Path(folder) / "runs")),
            "replaying": measure.replaying(COUNT * ROUNDS),
        }
        for kind, trips in kinds.items():
            spent = measure.round_trip(trips, COUNT, ROUNDS)
            _row(f"{kind}, us a round trip of 500 bytes", spent, f"bare: {bare:.0f}", spent / bare, "")
        turn = measure.conversation(folder)
        byte = measure.first_byte(folder)
        busy = measure.busy_loop(folder)
    for kind, goal in (("in memory", "1.25"), ("to SQLite", "1.25"), ("replay", "1.35")):
        what = f"a turn of 50, us of the agent's thread, {kind}"
        _row(what, turn[kind], f"bare: {turn['bare']:.0f}", turn[kind] / turn["bare"], goal)
    for kind in ("in memory", "to SQLite"):
        _added(f"recording {kind} adds to the first byte of a stream", byte[kind], byte["bare"])
    for kind in ("in memory", "to SQLite"):
        what = f"recording {kind} adds to an answer beside 1,000 busy tasks"
        _added(what, busy[kind], busy["bare"])
    held = measure.thread_order()
    print(f"| threads: replays in the order of completion, of 50 | {held} | | | none promised |")


def _row(what: str, value: float, beside: str, ratio: float, goal: str) -> None:
    print(f"| {what} | {value:.1f} | {beside} | {ratio:.2f} | {goal and f'≤ {goal}'} |")


def _added(what: str, value: float, bare: float) -> None:
    print(f"| ms that {what} | {value - bare:.2f} | bare: {bare:.1f} | {value / bare:.2f} | ≤ 1 ms |")


if __name__ == "__main__":
    main()
