"""Many writers at one store: nothing is lost, nobody is told that it is locked."""

from __future__ import annotations

from contextlib import closing

import pytest
from reliability import writing
from reliability.stories import held
from reliability.writing import KINDS, together

from tracefork.backends import SQLiteBackend


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


def numbers(count):
    return [b"%d" % number for number in range(count)]


def test_16_processes_append_250_chunks_each(kind, tmp_path):
    together(writing.append, 16, kind, tmp_path / "store", 250)

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        assert {name for name, _ in backend.heads()} == {f"own {me}" for me in range(16)}
        for me in range(16):
            assert list(backend.chunks(f"own {me}")) == numbers(250)


def test_8_threads_of_8_processes_append(kind, tmp_path):
    together(writing.append_in_threads, 8, kind, tmp_path / "store", 8, 20)

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        for me in range(8):
            for thread in range(8):
                assert list(backend.chunks(f"own {me} {thread}")) == numbers(20)


def test_16_processes_append_to_one_log(kind, tmp_path):
    together(writing.append_shared, 16, kind, tmp_path / "store", 10)

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        assert sorted(backend.chunks("shared")) == sorted(
            b"%d %d" % (me, number) for me in range(16) for number in range(10)
        )


def test_of_8_processes_that_seal_one_log_one_wins(kind, tmp_path):
    together(writing.seal_own, 8, kind, tmp_path / "store", 50)

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        winners = {race: me for me in range(8) for race in map(int, held(backend, f"won {me}"))}
        assert sum(len(held(backend, f"won {me}")) for me in range(8)) == 50
        for race, me in winners.items():
            assert held(backend, f"race {race}") == (b"%d" % me,)


@pytest.mark.slow
def test_32_processes_create_one_store_at_once(kind, tmp_path):
    together(writing.create, 32, kind, tmp_path / "store")

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        assert sorted(backend.heads()) == sorted((f"log {me}", b"%d" % me) for me in range(32))


def test_an_append_is_not_overtaken_between_looking_and_writing(tmp_path):
    writing.is_not_overtaken(SQLiteBackend, tmp_path / "store")
