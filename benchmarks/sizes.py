"""How many bytes a run takes, kept in one way or another. Functions of a run, which give numbers.

A run is a function that makes its exchanges anew, one by one: the longest are gigabytes.
"""

from __future__ import annotations

import heapq
import json
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeAlias

import zstandard
from attrs import asdict, evolve, frozen

import tracefork
from benchmarks import corpora
from tracefork import Exchange, Tape, TapeStore
from tracefork.backends import MemoryBackend
from tracefork.codec.records import Asked, Closed, Ended, Headed, Header, Record
from tracefork.codec.records import list_records as records_of
from tracefork.core.values import RETURNED

Run: TypeAlias = Callable[[], Iterable[Exchange]]

LEVEL = 3
LONGEST = 31  # zstd --long=31


@frozen
class Kept:
    """A size in bytes, and the CPU seconds that it took to get there."""

    size: int
    seconds: float


# -- what there is to keep --------------------------------------------------------------


def metadata(one: Exchange) -> bytes:
    """All that a tape holds of an exchange but its bodies, as JSON."""
    request, response = one.request, one.response
    told = {
        "method": request.method,
        "url": request.url,
        "asked": request.headers,
        "status": response.status,
        "reason": response.reason,
        "version": response.http_version,
        "said": response.headers,
        "chunks": [len(chunk) for chunk in response.chunks],
        "end": response.end,
        "lane": one.lane,
        "span": asdict(one.span),
        "timing": asdict(one.timing),
    }
    return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


def parts(exchanges: Iterable[Exchange]) -> Iterator[bytes]:
    """The raw run: of each exchange its metadata, its request's body and its response's."""
    for one in exchanges:
        yield metadata(one)
        yield one.request.body
        yield one.response.body


def raw(run: Run) -> int:
    return sum(map(len, parts(run())))


# -- what others would make of it ---------------------------------------------------------


def limit(run: Run) -> Kept:
    """`zstd -19 --long=31` of the raw run, as one frame: what knows everything may do."""
    return stream(run, level=19, flushed=False)


def stream(run: Run, *, level: int = LEVEL, flushed: bool = True) -> Kept:
    """One zstd stream with long-distance matches for the raw run, `flushed` after each exchange."""
    size = raw(run)
    window = max(10, min(LONGEST, size.bit_length()))
    options = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=size, window_log=window, enable_ldm=True
    )
    packer = zstandard.ZstdCompressor(compression_params=options).compressobj(size=size)
    made, spent = 0, 0.0
    for one in run():
        whole = b"".join(parts([one]))
        began = time.process_time()
        made += len(packer.compress(whole))
        if flushed:
            made += len(packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK))
        spent += time.process_time() - began
    began = time.process_time()
    made += len(packer.flush())
    return Kept(made, spent + time.process_time() - began)


def per_body(exchanges: Iterable[Exchange], level: int = LEVEL) -> Kept:
    """Each part by itself, as who deduplicates whole bodies has it."""
    packer = zstandard.ZstdCompressor(level=level)
    made, spent = 0, 0.0
    for part in parts(exchanges):
        began = time.process_time()
        made += len(packer.compress(part))
        spent += time.process_time() - began
    return Kept(made, spent)


# -- what we make of it ---------------------------------------------------------------------


def records(exchanges: Iterable[Exchange]) -> Iterator[Record]:
    """The records of a run, in the order of their ticks, without holding the run."""
    waiting = list[tuple[int, int, Record]]()
    for call, one in enumerate(exchanges):
        while waiting and waiting[0][0] < one.span.began:
            yield heapq.heappop(waiting)[2]
        for record in records_of(Tape((one,))):
            assert not isinstance(record, Closed)
            heapq.heappush(waiting, (_tick(record), call, evolve(record, call=call)))
    while waiting:
        yield heapq.heappop(waiting)[2]
    yield Closed(RETURNED)


def journal(run: Run) -> Kept:
    """The log of a run while it is recorded, one record at a time."""
    *_, (_, last) = grown(run)
    return last


def grown(run: Run) -> Iterator[tuple[int, Kept]]:
    """The log after each exchange: how many have ended, and its size by then."""
    backend = MemoryBackend()
    header = Header.of(corpora.tape((), "run"))
    log = TapeStore(backend).begin(header)
    ended, spent, size, chunks = 0, 0.0, 0, 0
    for record in records(run()):
        began = time.process_time()
        log.write([record])
        spent += time.process_time() - began
        for chunk in backend.chunks("run", chunks):
            size, chunks = size + len(chunk), chunks + 1
        ended += isinstance(record, Ended)
        if isinstance(record, Ended | Closed):
            yield ended, Kept(size, spent)


def sealed(run: Run) -> Kept:
    """The file of a finished run."""
    tape = corpora.tape(run(), "run")
    began = time.process_time()
    return Kept(len(tracefork.dumps(tape)), time.process_time() - began)


def on_disk(run: Run, where: Path) -> tuple[int, int]:
    """The size of a store's files when the last record is in it, and when the run is sealed."""
    tape = corpora.tape(run(), "run")
    with TapeStore.open(where) as store:
        log = store.begin(Header.of(tape))
        for record in records_of(tape):
            log.write([record])
    growing = files(where)
    with TapeStore.open(where.with_name("sealed-" + where.name)) as store:
        log = store.begin(Header.of(tape))
        for record in records_of(tape):
            log.write([record])
        log.seal(tape)
    return growing, files(where.with_name("sealed-" + where.name))


def files(where: Path) -> int:
    """The bytes of a file with all that stand beside it under its name, or of a folder's files."""
    found = where.rglob("*") if where.is_dir() else where.parent.glob(where.name + "*")
    return sum(path.stat().st_size for path in found if path.is_file())


def branches(store: TapeStore, parent: Tape, forks: Iterable[corpora.Fork]) -> int:
    """Save `parent` and each fork of it; return the bytes of all branches' logs."""
    store.save(parent)
    names = [store.save(corpora.branch(parent, fork, f"fork-{n:05d}")) for n, fork in enumerate(forks)]
    return sum(len(chunk) for name in names for chunk in store.backend.chunks(name))


def _tick(record: Record) -> int:
    match record:
        case Asked():
            return record.began
        case Headed():
            return record.tick
        case Ended():
            return record.span.ended
        case Closed():
            raise AssertionError("a run without outcome is not closed")
