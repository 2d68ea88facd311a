"""What a run takes on disk, against what it could take and what it takes elsewhere.

python -m benchmarks.storage            # this part of the table, as Markdown
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path

from attrs import frozen

from benchmarks import corpora, sizes
from benchmarks.corpora import recorded
from benchmarks.sizes import Run
from tracefork import TapeStore

FULL = {
    "A": 400,
    "A-openai": 400,
    "B-stamp": 400,
    "B-markers": 400,
    "B-compacted": 400,
    "B-all": 400,
    "C": 400,
    "D": 100,
}
"""How many turns of each shape make the table."""

QUICK = {**dict.fromkeys(FULL, 50), "D": 20}
"""How many make the tests."""

JOURNAL = {**dict.fromkeys(FULL, 1.20), "C": 1.25, "D": 1.02}
SEALED = {**dict.fromkeys(FULL, 0.85), "D": 1.00}
"""What the log of a run that goes on, and the file of one that ended, may be of the limit."""

PER_BODY, LINEAR, FORKS = 100, 1.05, 1 / 20


@frozen
class Sizes:
    """Bytes of one run: raw, each body by itself, the limit, and ours."""

    raw: int
    per_body: int
    limit: int
    journal: int
    sealed: int

    def __add__(self, other: Sizes) -> Sizes:
        return Sizes(
            self.raw + other.raw,
            self.per_body + other.per_body,
            self.limit + other.limit,
            self.journal + other.journal,
            self.sealed + other.sealed,
        )


@frozen
class OnDisk:
    """Bytes of a store's files while the run goes on, and when it is sealed."""

    growing: int
    sealed: int


@frozen
class Forked:
    """Bytes of all branches' logs, of the files that hold them and their parent, and of their tails alone."""

    branches: int
    files: int
    raw: int
    per_body: int


def compared(run: Run) -> Sizes:
    """The sizes of a run."""
    return Sizes(
        sizes.raw(run),
        sizes.per_body(run()).size,
        sizes.limit(run).size,
        sizes.journal(run).size,
        sizes.sealed(run).size,
    )


def growing(turns: int) -> Run:
    """The run that only grows."""
    return partial(corpora.alone, "A", turns)


def shapes(turns: Mapping[str, int] = FULL) -> Iterator[tuple[str, Sizes]]:
    """The sizes of each shape, by its name and its number of turns."""
    for name, count in turns.items():
        yield name, compared(partial(corpora.CORPORA[name], count))


def real() -> tuple[int, Sizes]:
    """How many recorded runs there are at hand, and the sum of the sizes of each by itself."""
    found = [compared(partial(iter, run)) for run in recorded.runs()]
    return len(found), sum(found, Sizes(0, 0, 0, 0, 0))


def an_exchange(turns: Iterable[int] = (50, 400, 1000)) -> dict[int, float]:
    """Bytes of the journal an exchange, by the number of turns, from one run of the longest."""
    wanted = set(turns)
    run = growing(max(wanted))
    return {ended: kept.size / ended for ended, kept in sizes.grown(run) if ended in wanted}


def stores(turns: int = 400) -> dict[str, OnDisk]:
    """A run in the files of each kind of store."""
    run = growing(turns)
    with tempfile.TemporaryDirectory() as folder:
        return {
            kind: OnDisk(*sizes.on_disk(run, Path(folder) / name))
            for kind, name in (("a directory", "runs"), ("SQLite", "runs.db"))
        }


def forked(count: int = 1000) -> Forked:
    """A run of 50 steps and `count` forks of it, in one SQLite store."""
    parent, forks = corpora.forks(count)
    made = list(forks)
    tails = [one for fork in made for one in fork.tail]
    with tempfile.TemporaryDirectory() as folder:
        where = Path(folder) / "runs.db"
        with TapeStore.open(where) as store:
            size = sizes.branches(store, parent, made)
        return Forked(size, sizes.files(where), sizes.raw(lambda: tails), sizes.per_body(tails).size)


if __name__ == "__main__":
    from benchmarks import run

    run.main(["storage"])
