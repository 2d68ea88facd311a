"""What a run's exchanges cost, in bytes and CPU time, by the design that keeps them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from functools import partial

import zstandard
from attrs import frozen

from benchmarks import corpora, sizes
from benchmarks.sizes import Kept, Run
from tracefork import Exchange

LEVELS = (1, 3, 6, 12, 19)
EVERY = 16
"""Of the slow designs, every so manieth exchange is measured: sizes grow evenly from turn to turn."""


@frozen
class Design:
    """Bytes and CPU milliseconds an exchange; `reads`: what has to be read to have one exchange back."""

    name: str
    size: float
    milliseconds: float
    reads: str


def designs(turns: int = 400) -> Iterator[Design]:
    """Each design by its name, worst first."""
    run = partial(corpora.alone, "A", turns)
    for level in LEVELS:
        kept = sizes.per_body(_sampled(run, EVERY if level > 3 else 1), level)
        count = turns if level <= 3 else _many(turns)
        yield _design(f"each body, zstd-{level}", kept, count, "itself")
    yield _design("each body, zstd-3 with a trained dictionary", _trained(run), _many(turns), "itself")
    yield _design("each body, zstd-3 against the one before", _chained(run), _many(turns), "all before it")
    yield _design("one zstd-3 stream with long matches, flushed", sizes.stream(run), turns, "all before it")
    yield _design("tracefork, the journal", sizes.journal(run), turns, "the journal")
    yield _design("tracefork, sealed", sizes.sealed(run), turns, "the file")
    yield _design("`zstd -19 --long=31` of the run, at its end", sizes.limit(run), turns, "all before it")


def _many(turns: int) -> int:
    return len(range(EVERY // 2, turns, EVERY))


def _sampled(run: Run, every: int) -> Iterator[Exchange]:
    """From the middle of each `every` exchanges one, so that the mean is that of all."""
    return itertools.islice(run(), every // 2, None, every)


def _design(name: str, kept: Kept, count: int, reads: str) -> Design:
    return Design(name, kept.size / count, kept.seconds / count * 1e3, reads)


def _trained(run: Run) -> Kept:
    """A dictionary of 110 kB, trained on a tenth of what it is used for; its own bytes are not counted."""
    samples: list[bytes | bytearray | memoryview[int]] = [
        part for one in itertools.islice(run(), 0, 40) for part in sizes.parts([one])
    ]
    trained = zstandard.train_dictionary(112_640, samples)
    packer = zstandard.ZstdCompressor(level=sizes.LEVEL, dict_data=trained)
    made, spent = 0, 0.0
    for part in sizes.parts(_sampled(run, EVERY)):
        began = time.process_time()
        made += len(packer.compress(part))
        spent += time.process_time() - began
    return Kept(made, spent)


def _chained(run: Run) -> Kept:
    """Each exchange against the whole of the one before it, as `zstd --patch-from` would."""
    made, spent = 0, 0.0
    for number, (before, after) in enumerate(itertools.pairwise(run()), 1):
        if number % EVERY != EVERY // 2:
            continue
        for old, new in zip(sizes.parts([before]), sizes.parts([after]), strict=True):
            began = time.process_time()
            options = zstandard.ZstdCompressionParameters.from_level(
                sizes.LEVEL, window_log=max(10, (len(old) + len(new)).bit_length()), enable_ldm=True
            )
            base = zstandard.ZstdCompressionDict(old, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
            packer = zstandard.ZstdCompressor(compression_params=options, dict_data=base)
            made += len(packer.compress(new))
            spent += time.process_time() - began
    return Kept(made, spent)
