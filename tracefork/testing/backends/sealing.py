"""Logs that are closed for good, or go: `seal` and `delete`. Part of BackendTests."""

from __future__ import annotations

from contextlib import suppress

import pytest

from tracefork.backends.base import Backend, seal
from tracefork.errors import Conflict, NotFound

from .appending import fill


class SealTests:
    """What `Backend` promises of `seal` and `delete`."""

    # Sealing

    def test_a_seal_replaces_all_chunks(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b", b"c")
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]
        assert list(backend.chunks("log", 1)) == []
        assert list(backend.heads()) == [("log", b"abc")]

    def test_a_seal_creates_the_log(self, backend: Backend) -> None:
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]

    def test_a_seal_may_be_empty(self, backend: Backend) -> None:
        fill(backend, "log", b"a")
        backend.seal("log", b"")

        assert list(backend.chunks("log")) == [b""]
        assert list(backend.heads()) == [("log", b"")]

    def test_a_seal_may_have_five_megabytes(self, backend: Backend) -> None:
        large = bytes(range(250)) * 20_000
        backend.seal("log", large)
        backend.seal("log", large)

        assert list(backend.chunks("log")) == [large]

    def test_sealing_again_with_the_same_bytes_is_harmless(self, backend: Backend) -> None:
        backend.seal("log", b"abc")
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]

    def test_sealing_again_with_other_bytes_is_a_conflict(self, backend: Backend) -> None:
        backend.seal("log", b"abc")

        with pytest.raises(Conflict):
            backend.seal("log", b"abd")
        assert list(backend.chunks("log")) == [b"abc"]

    def test_a_log_of_one_chunk_is_not_sealed_by_having_the_same_bytes(self, backend: Backend) -> None:
        fill(backend, "log", b"abc")
        backend.append("log", 1, b"d")
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]

    @pytest.mark.parametrize("chunks", [0, 1, 2, 4])
    def test_a_seal_that_has_not_seen_all_replaces_nothing(self, backend: Backend, chunks: int) -> None:
        fill(backend, "log", b"a", b"b", b"c")
        with pytest.raises(Conflict):
            seal(backend, "log", b"abc", chunks)
        assert list(backend.chunks("log")) == [b"a", b"b", b"c"]

        seal(backend, "log", b"abc", 3)
        assert list(backend.chunks("log")) == [b"abc"]

    def test_a_seal_of_what_is_not_there_creates_nothing_unless_that_was_meant(
        self, backend: Backend
    ) -> None:
        with pytest.raises(Conflict):
            seal(backend, "log", b"abc", 1)
        assert list(backend.heads()) == []

        seal(backend, "log", b"abc", 0)
        assert list(backend.chunks("log")) == [b"abc"]

    @pytest.mark.parametrize("chunks", [0, 1, 3])
    def test_a_seal_that_is_repeated_is_harmless_however_many_it_replaced(
        self, backend: Backend, chunks: int
    ) -> None:
        backend.seal("log", b"abc")
        seal(backend, "log", b"abc", chunks)
        with pytest.raises(Conflict):
            seal(backend, "log", b"abd", chunks)

        assert list(backend.chunks("log")) == [b"abc"]

    @pytest.mark.parametrize("seq", [0, 1, 3])
    def test_nothing_is_added_after_a_seal(self, backend: Backend, seq: int) -> None:
        fill(backend, "log", b"a", b"b", b"c")
        backend.seal("log", b"abc")

        with suppress(Conflict):  # readers may ignore it instead
            backend.append("log", seq, b"late")
        assert list(backend.chunks("log")) == [b"abc"]

    # Deleting

    def test_a_deleted_log_is_gone(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b")
        backend.delete("log")

        assert list(backend.heads()) == []
        with pytest.raises(NotFound):
            list(backend.chunks("log"))
        with pytest.raises(NotFound):
            backend.delete("log")

    def test_a_deleted_log_begins_anew(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b")
        backend.delete("log")
        with pytest.raises(Conflict):
            backend.append("log", 2, b"c")
        fill(backend, "log", b"x")

        assert list(backend.chunks("log")) == [b"x"]

    def test_a_sealed_log_can_be_deleted_and_begins_anew(self, backend: Backend) -> None:
        backend.seal("log", b"abc")
        backend.delete("log")
        fill(backend, "log", b"x", b"y")
        backend.seal("log", b"xy")

        assert list(backend.chunks("log")) == [b"xy"]
