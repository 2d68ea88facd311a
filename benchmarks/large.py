"""A run of a thousand turns: opened, verified and recorded, each in a process of its own.

What a process holds at its peak is read from /proc, so that memory is measured on Linux alone.
"""

from __future__ import annotations

import gc
import pickle
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from hashlib import sha256
from multiprocessing import get_context
from pathlib import Path
from typing import ParamSpec, TypeVar

import httpx
from attrs import frozen

import tracefork
from benchmarks import corpora
from tracefork.codec.limits import UNLIMITED
from tracefork.core.values import Headers
from tracefork.transports.httpx import Transport

P = ParamSpec("P")
T = TypeVar("T")

STATUS = Path("/proc/self/status")
_PEAK_RESET = "5"  # proc(5), clear_refs


@frozen
class Opened:
    """CPU seconds: to open a run, copy its bodies, hash them as they are kept, and whole; for its digest."""

    bytes: int
    opening: float
    copying: float
    resumed: float
    hashing: float
    digest: float


@frozen
class Held:
    """Bytes that a process grew by at its peak, while an agent ran: recorded and bare."""

    largest_body: int
    recorded: int
    bare: int


def apart(function: Callable[P, T], *args: P.args, **options: P.kwargs) -> T:
    """Call `function` in a fresh interpreter, which leaves nothing behind in this one."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *args, **options).result()


def opened(turns: int = 1000, rounds: int = 3) -> Opened:
    """The best of `rounds`; a tape is opened anew for each digest."""
    data = _sealed(turns)
    opening = resumed = digest = float("inf")
    for _ in range(rounds):
        tape, spent = _timed(lambda: tracefork.loads(data, limits=UNLIMITED))
        opening = min(opening, spent)
        resumed = min(resumed, _timed(partial(_hashed, tape))[1])
        del tape
        gc.collect()
        digest = min(digest, _timed(tracefork.loads(data, limits=UNLIMITED).digest)[1])
        gc.collect()
    bodies = [body for one in corpora.alone("A", turns) for body in (one.request.body, one.response.body)]
    copying = min(_timed(partial(_copied, bodies))[1] for _ in range(rounds))
    hashing = _timed(lambda: [sha256(body) for body in bodies])[1]
    return Opened(sum(map(len, bodies)), opening, copying, resumed, hashing, digest)


def held(turns: int = 1000) -> Held:
    """A conversation of `turns` with a MockTransport, through httpx, into a directory's store and sealed.

    The agent reads what it says from a file, so that it holds little itself.
    """
    largest = 0
    with tempfile.TemporaryDirectory() as folder:
        spoken = Path(folder) / "spoken"
        with spoken.open("wb") as file:
            for one in corpora.alone("A", turns):
                largest = max(largest, len(one.request.body))
                said = one.request, one.response
                pickle.dump(
                    (said[0].url, said[0].headers, said[0].body, said[1].headers, said[1].chunks), file
                )
        grown = partial(apart, _grown, str(spoken), turns)
        return Held(largest, grown(recorded=True), grown(recorded=False))


def _sealed(turns: int) -> bytes:
    return tracefork.dumps(corpora.tape(corpora.alone("A", turns), "run"))


def _timed(job: Callable[[], T]) -> tuple[T, float]:
    began = time.process_time()
    result = job()
    return result, time.process_time() - began


def _hashed(tape: tracefork.Tape) -> list[str]:
    return [hash_ for one in tape for hash_ in (one.request.sha256, one.response.sha256)]


def _copied(bodies: list[bytes]) -> None:
    """Give each body a copy in memory of its own, which a reader that made them all would do at least."""
    for body in bodies:
        bytearray(body)


def _grown(spoken: str, turns: int, *, recorded: bool) -> int:
    """Bytes from what is held before to the peak; what httpx and we import is there before."""
    _converse(spoken, 3, recorded=recorded)
    gc.collect()
    gc.freeze()
    Path("/proc/self/clear_refs").write_text(_PEAK_RESET)
    before = _status("VmRSS")
    _converse(spoken, turns, recorded=recorded)
    return _status("VmHWM") - before


def _converse(spoken: str, turns: int, *, recorded: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if not recorded:
            _agent(spoken, turns, lambda network: network)
            return
        with tracefork.record(f"{folder}/runs", intercept=False) as run:
            _agent(spoken, turns, lambda network: Transport(run, network))


def _agent(spoken: str, turns: int, seam: Callable[[httpx.BaseTransport], httpx.BaseTransport]) -> None:
    heard: list[tuple[Headers, tuple[bytes, ...]]] = []

    def answer(_: httpx.Request) -> httpx.Response:
        headers, chunks = heard.pop()
        return httpx.Response(200, headers=headers, content=iter(chunks))

    with httpx.Client(transport=seam(httpx.MockTransport(answer))) as client, Path(spoken).open("rb") as file:
        for _ in range(turns):
            url, headers, body, *reply = pickle.load(file)
            heard.append((reply[0], reply[1]))
            client.post(url, content=body, headers=headers)
            del body, reply
            gc.collect()  # requests of httpx are cycles: what they hold is not what the recorder does


def _status(field: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(field))
    return int(line.split()[1]) * 1024
