"""What a rerun of an unchanged agent costs beside its replay, in CPU time of the process."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import httpx

import tracefork
from benchmarks import corpora
from tracefork.transports.httpx import Transport

TURNS = 100
KINDS = ("replay", "rerun", "rerun to SQLite")


def unchanged(store: str, turns: int = TURNS, rounds: int = 7) -> dict[str, float]:
    """CPU microseconds a turn of a conversation of `turns`, replayed, rerun, and rerun into a store.

    A replay's are the median; the others are that times the median of their ratios to the replay of the
    same round. Rounds take turns in who is first: the machine itself is faster and slower by the second.
    """
    turn = list(corpora.growth(turns))
    answers = iter(turn)
    network = httpx.MockTransport(lambda _: httpx.Response(200, json=next(answers)[1]))

    def agent(transport: httpx.BaseTransport) -> None:
        with httpx.Client(transport=transport) as client:
            for asked, _ in turn:
                client.post("http://model/v1/messages", json=asked).json()

    with tracefork.record(intercept=False) as run:
        agent(Transport(run, network))
    tape, count = run.tape, iter(range(rounds * 2))

    def begin(kind: str) -> tracefork.Session:
        if kind == "replay":
            return tracefork.replay(tape, intercept=False)
        to = str(Path(store) / f"rerun{next(count)}.db") if kind == "rerun to SQLite" else None
        return tracefork.rerun(tape, to, intercept=False)

    def follow(kind: str) -> None:
        with begin(kind) as again:
            agent(Transport(again))
        assert again.forwarded == 0

    spent: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for kind in KINDS:
        follow(kind)  # what is made when it is first used
    for number in range(rounds):
        for kind in KINDS if number % 2 else KINDS[::-1]:
            spent[kind].append(_cpu(lambda kind=kind: follow(kind)) / turns * 1e6)  # type: ignore[misc]
    beside = spent["replay"]
    return {
        kind: median(beside) * median(one / other for one, other in zip(times, beside, strict=True))
        for kind, times in spent.items()
    }


def _cpu(job: Callable[[], object]) -> float:
    gc.collect()
    gc.disable()
    try:
        began = time.process_time()
        job()
        return time.process_time() - began
    finally:
        gc.enable()
