"""Readers and listers of logs that change meanwhile. Part of BackendTests."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tracefork.backends.base import Backend
from tracefork.errors import Conflict, NotFound

from .appending import fill
from .races import together

MANY = 300


class ReaderTests:
    """What `Backend` promises to who reads while others write: a whole log, or an error, never a mixture."""

    def test_a_log_may_have_hundreds_of_chunks(self, backend: Backend) -> None:
        for seq in range(MANY):
            backend.append("log", seq, b"%d" % seq)

        assert list(backend.chunks("log")) == [b"%d" % seq for seq in range(MANY)]
        assert list(backend.chunks("log", MANY - 2)) == [b"298", b"299"]

    def test_a_reader_of_a_log_that_is_deleted_gets_no_other_bytes(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b", b"c")
        reading = iter(backend.chunks("log"))
        held = [next(reading)]
        backend.delete("log")
        fill(backend, "log", b"x", b"y", b"z")
        with suppress(Conflict, NotFound):
            held.extend(reading)

        assert held == [b"a", b"b", b"c"][: len(held)]

    def test_a_reader_of_a_log_that_is_sealed_gets_no_other_bytes(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b", b"c")
        reading = iter(backend.chunks("log"))
        held = [next(reading)]
        backend.seal("log", b"abc")
        with suppress(Conflict):
            held.extend(reading)

        assert held == [b"a", b"b", b"c"][: len(held)]

    def test_a_listing_that_is_left_leaves_nothing_behind(self, backend: Backend) -> None:
        for index in range(100):
            backend.append(f"log {index}", 0, b"x")
        listing = iter(backend.heads())
        next(listing)
        del listing

        backend.append("log 0", 1, b"y")
        backend.delete("log 1")
        assert len(list(backend.heads())) == 99  # noqa: PLR2004 - one less

    def test_logs_may_be_deleted_as_they_are_listed(self, backend: Backend) -> None:
        for index in range(100):
            backend.append(f"log {index}", 0, b"x")
        for name, _ in backend.heads():
            backend.delete(name)

        assert list(backend.heads()) == []

    def test_logs_may_be_sealed_as_they_are_listed(self, backend: Backend) -> None:
        for index in range(100):
            backend.append(f"log {index}", 0, b"x")
        listed = []
        for name, _ in backend.heads():
            backend.seal(name, b"sealed")
            listed.append(name)

        assert sorted(listed) == sorted(f"log {index}" for index in range(100))
        assert sorted(backend.heads()) == sorted((f"log {index}", b"sealed") for index in range(100))

    def test_what_stays_is_listed_while_other_logs_come_and_go(self, backend: Backend) -> None:
        for index in range(20):
            backend.append(f"stays {index}", 0, b"x")

        def work(me: int) -> None:
            for turn in range(10):
                if me:
                    backend.append(f"comes {me} {turn}", 0, b"x")
                    backend.delete(f"comes {me} {turn}")
                else:
                    names = [name for name, _ in backend.heads() if name.startswith("stays")]
                    assert sorted(names) == sorted(f"stays {index}" for index in range(20))

        together(work)

    def test_of_threads_that_delete_a_log_one_does(self, backend: Backend) -> None:
        fill(backend, "log", b"a")
        done: list[int] = []

        def work(me: int) -> None:
            try:
                backend.delete("log")
            except NotFound:
                return
            done.append(me)

        together(work)

        assert len(done) == 1
        with pytest.raises(NotFound):
            list(backend.chunks("log"))

    def test_names_that_begin_alike_are_different(self, backend: Backend) -> None:
        for name in ("a", "ab", "a/b", "a/", "A", "a "):
            backend.append(name, 0, name.encode())
        backend.delete("a")

        assert sorted(name for name, _ in backend.heads()) == ["A", "a ", "a/", "a/b", "ab"]
