"""Bytes of a run that grows, by its number of turns and by who keeps it: what the plot shows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TypeAlias

from benchmarks import corpora, large, peers, sizes
from tracefork import Exchange

Curve: TypeAlias = dict[str, dict[int, int]]
"""By the name of who keeps it, bytes by turns."""

KEPT = Path(__file__).with_name("curve.json")
TURNS = (10, 25, 50, 100, 200, 400, 1000)
OF_PEERS = 400
"""Peers are not asked for more: some would need gigabytes of memory."""


def measured(longest: int = TURNS[-1]) -> Curve:
    """Every curve, up to `longest` turns."""
    turns = [count for count in TURNS if count <= longest]
    ours = large.apart(_ours, turns)
    theirs: Curve = {}
    for count in turns:
        for name, found in peers.compared(count).items() if count <= OF_PEERS else ():
            if isinstance(found, peers.Measured) and name not in ("bare", "tracefork"):
                theirs.setdefault(name, {})[count] = found.bytes
    return {**theirs, **ours}


def keep(curve: Curve) -> None:
    KEPT.write_text(json.dumps(curve, indent=1) + "\n")


def kept() -> Curve:
    """What was measured the last time."""
    read = json.loads(KEPT.read_text())
    return {name: {int(turns): size for turns, size in sizes.items()} for name, sizes in read.items()}


def _ours(turns: list[int]) -> Curve:
    runs = {count: partial(corpora.alone, "A", count) for count in turns}
    grown = dict(sizes.grown(runs[turns[-1]]))
    return {
        "raw": dict(_raw(turns, runs[turns[-1]]())),
        "journal": {count: grown[count].size for count in turns},
        "sealed": {count: sizes.sealed(run).size for count, run in runs.items()},
        "limit": {count: sizes.limit(run).size for count, run in runs.items()},
    }


def _raw(turns: list[int], exchanges: Iterator[Exchange]) -> Iterator[tuple[int, int]]:
    size = 0
    for count, one in enumerate(exchanges, 1):
        size += sum(map(len, sizes.parts([one])))
        if count in turns:
            yield count, size
