"""A hundred thousand runs in one store: listing begins at once, and comes to an end."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import pytest
from reliability.faults import descriptors
from reliability.many import FIRST, KINDS, fill, lists_at_once

import tracefork
from tracefork import TapeStore
from tracefork.backends import DirectoryBackend

pytestmark = pytest.mark.slow  # run on one Python, in .ci/run


BY_DAY = ["sqlite", pytest.param("directory", marks=pytest.mark.nightly)]


def a_run():
    """Chunk 0 of a run; the listing will say that it is another's, which costs it no less."""
    with TapeStore.open(":memory:") as store:
        with tracefork.record(store, run_id="model") as run:
            run.now()
        return next(iter(store.backend.chunks("model")))


@pytest.mark.parametrize("kind", BY_DAY)
def test_the_first_of_100_000_runs_is_listed_at_once(kind, memory_path):
    fill(kind, memory_path / "store", a_run())
    with closing(KINDS[kind](memory_path / "store")) as backend:
        lists_at_once(backend)

        began = time.perf_counter()
        runs = TapeStore(backend).runs()
        first = next(runs)
        took = time.perf_counter() - began
        runs.close()

    assert took <= FIRST
    assert first.run_id.startswith("run ")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", ["tmp_path", "memory_path"])
def test_who_is_there_all_the_time_is_listed_once_whatever_others_do(kind, folder, request):
    with closing(KINDS[kind](request.getfixturevalue(folder) / "store")) as backend:
        for number in range(300):
            backend.append(f"stays {number}", 0, b"x")
        stop = threading.Event()
        busy = threading.Thread(target=churn, args=(backend, stop))
        busy.start()
        try:
            listings = [[name for name, _ in backend.heads()] for _ in range(20)]
        finally:
            stop.set()
            busy.join()

    for listing in listings:
        stays = [name for name in listing if name.startswith("stays")]
        assert sorted(stays) == sorted(f"stays {number}" for number in range(300))


def churn(backend, stop):
    """Logs come and go, and those that stay are sealed."""
    number = 0
    while not stop.is_set():
        backend.append(f"comes {number}", 0, b"x")
        if number < 300:
            backend.seal(f"stays {number}", b"sealed")
        if number >= 5:
            backend.delete(f"comes {number - 5}")
        number += 1


def test_a_listing_that_is_left_closes_its_folder(tmp_path):
    with closing(DirectoryBackend(tmp_path / "store")) as backend:
        for number in range(10):
            backend.append(f"log {number}", 0, b"x")
        before = descriptors()
        heads = iter(backend.heads())
        next(heads)
        del heads

        assert descriptors() == before
