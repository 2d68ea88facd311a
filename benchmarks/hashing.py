"""How fast bodies are hashed, by which function, and what is saved by going on where two bodies part."""

from __future__ import annotations

import hashlib
import itertools
import random
import time
import zlib
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from typing import Any

from attrs import frozen

from benchmarks import corpora
from benchmarks.sizes import Run

SIZES = (1_000, 16_000, 256_000, 1_300_000)
ROUND = 32_000_000  # bytes for one measurement
_SLICE = 1 << 16


@frozen
class Resumed:
    """CPU seconds for the request bodies of a run: hashed whole, from where they part, and to find where."""

    bytes: int
    whole: float
    resumed: float
    finding: float


def functions() -> dict[str, Callable[[bytes], object]]:
    """The functions of the standard library, and blake3 where it is installed."""
    found: dict[str, Callable[[bytes], object]] = {
        "sha256": lambda data: hashlib.sha256(data).digest(),
        "blake2b": lambda data: hashlib.blake2b(data, digest_size=32).digest(),
        "crc32": zlib.crc32,
    }
    if find_spec("blake3"):
        from blake3 import blake3

        found["blake3"] = lambda data: blake3(data).digest()
    return found


def speeds(sizes: tuple[int, ...] = SIZES, rounds: int = 3) -> dict[str, dict[int, float]]:
    """The best MB/s of CPU time, by function and by size of the body."""
    return {
        name: {size: _speed(hashed, size, rounds) for size in sizes} for name, hashed in functions().items()
    }


def _speed(hashed: Callable[[bytes], object], size: int, rounds: int) -> float:
    data, count = random.Random(size).randbytes(size), max(1, ROUND // size // rounds)
    best = float("inf")
    for _ in range(rounds):
        began = time.process_time()
        for _ in range(count):
            hashed(data)
        best = min(best, (time.process_time() - began) / count)
    return size / best / 1e6


def resuming(turns: int = 400) -> Resumed:
    """Sha-256 of all request bodies of a run that grows, whole and resumed; both give the same."""
    run = partial(corpora.alone, "A", turns)
    return _resumed(run)


def _resumed(run: Run) -> Resumed:
    size, whole, resumed, finding = 0, 0.0, 0.0, 0.0
    bodies = (one.request.body for one in run())
    known, at = hashlib.sha256(), 0  # the state after the first `at` bytes of the next body
    for body, following in itertools.pairwise(itertools.chain(bodies, [b""])):
        size += len(body)
        began = time.process_time()
        expected = hashlib.sha256(body).digest()
        whole += time.process_time() - began
        began = time.process_time()
        shared = common(body, following)
        finding += time.process_time() - began
        began = time.process_time()
        found, known, at = _from(known, at, body, shared)
        resumed += time.process_time() - began
        assert found == expected
    return Resumed(size, whole, resumed, finding)


def _from(known: Any, at: int, body: bytes, shared: int) -> tuple[bytes, Any, int]:
    """The hash of `body`, of whose first `at` bytes `known` is the state; and the state after `shared`."""
    view = memoryview(body)
    place = max(at, shared)
    state = known.copy()
    state.update(view[at:place])
    kept = (state.copy(), place) if shared >= at else None
    state.update(view[place:])
    if kept is None:  # the next one parts earlier than this one resumed: nothing is known of it
        fresh = hashlib.sha256(view[:shared])
        kept = fresh, shared
    return state.digest(), *kept


def common(one: bytes, other: bytes) -> int:
    """How many bytes both begin with: by slices, then by halves."""
    most = min(len(one), len(other))
    low = 0
    while low < most and one[low : low + _SLICE] == other[low : low + _SLICE]:
        low += _SLICE
    low, high = min(low, most), min(low + _SLICE, most)
    while low < high:
        middle = (low + high + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low
