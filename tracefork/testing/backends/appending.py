"""Chunks that are appended to a log and read back, in order and without a gap. Part of BackendTests."""

from __future__ import annotations

import pytest

from tracefork.backends.base import HEAD, Backend
from tracefork.errors import Conflict, NotFound


class AppendTests:
    """What `Backend` promises of `append`, `chunks` and `heads` to a single user of an open log."""

    def test_chunks_come_back_in_order(self, backend: Backend) -> None:
        for seq in range(12):
            backend.append("log", seq, b"%d" % seq)

        assert list(backend.chunks("log")) == [b"%d" % seq for seq in range(12)]

    def test_reading_twice_gives_the_same(self, backend: Backend) -> None:
        backend.append("log", 0, b"a")

        assert list(backend.chunks("log")) == list(backend.chunks("log")) == [b"a"]

    def test_start_leaves_out_the_chunks_before_it(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b", b"c")

        assert list(backend.chunks("log", 0)) == [b"a", b"b", b"c"]
        assert list(backend.chunks("log", 1)) == [b"b", b"c"]
        assert list(backend.chunks("log", start=2)) == [b"c"]

    def test_start_at_or_after_the_end_gives_nothing(self, backend: Backend) -> None:
        fill(backend, "log", b"a")

        assert list(backend.chunks("log", 1)) == []
        assert list(backend.chunks("log", 99)) == []

    def test_a_negative_start_is_a_slip(self, backend: Backend) -> None:
        fill(backend, "log", b"a")

        with pytest.raises(ValueError, match="-1"):
            list(backend.chunks("log", -1))

    def test_a_reader_that_stops_early_leaves_nothing_behind(self, backend: Backend) -> None:
        fill(backend, "log", b"a", b"b")
        reading = iter(backend.chunks("log"))

        assert next(reading) == b"a"
        del reading
        backend.append("log", 2, b"c")

    def test_every_byte_comes_back(self, backend: Backend) -> None:
        backend.append("log", 0, bytes(range(256)))

        assert list(backend.chunks("log")) == [bytes(range(256))]

    def test_an_empty_chunk_is_a_chunk(self, backend: Backend) -> None:
        fill(backend, "log", b"", b"", b"x", b"")

        assert list(backend.chunks("log")) == [b"", b"", b"x", b""]
        assert list(backend.heads()) == [("log", b"")]

    @pytest.mark.parametrize("size", [511, 512, 65_535, 65_536, 65_537])
    def test_zeros_are_bytes_like_others(self, backend: Backend, size: int) -> None:
        fill(backend, "log", b"\0" * size, b"\0" * size)

        assert list(backend.chunks("log")) == [b"\0" * size] * 2

    def test_a_chunk_may_have_five_megabytes(self, backend: Backend) -> None:
        large = bytes(range(250)) * 20_000
        fill(backend, "log", b"a", large, b"b")

        assert list(backend.chunks("log")) == [b"a", large, b"b"]

    def test_what_was_appended_is_seen_by_the_next_reader(self, backend: Backend) -> None:
        backend.append("log", 0, b"a")
        assert list(backend.chunks("log")) == [b"a"]

        backend.append("log", 1, b"b")
        assert list(backend.chunks("log")) == [b"a", b"b"]

    # Conflicts

    @pytest.mark.parametrize("seq", [1, 2, 99, -1])
    def test_a_log_begins_with_chunk_0(self, backend: Backend, seq: int) -> None:
        with pytest.raises(Conflict):
            backend.append("log", seq, b"a")

        assert list(backend.heads()) == []

    @pytest.mark.parametrize("seq", [0, 1, 3, -1])
    def test_only_the_next_number_is_taken(self, backend: Backend, seq: int) -> None:
        fill(backend, "log", b"a", b"b")

        with pytest.raises(Conflict):
            backend.append("log", seq, b"c")

        assert list(backend.chunks("log")) == [b"a", b"b"]

    def test_the_same_chunk_twice_is_a_conflict_too(self, backend: Backend) -> None:
        fill(backend, "log", b"a")

        with pytest.raises(Conflict):
            backend.append("log", 0, b"a")

    def test_appending_goes_on_after_a_conflict(self, backend: Backend) -> None:
        fill(backend, "log", b"a")
        with pytest.raises(Conflict):
            backend.append("log", 5, b"x")

        backend.append("log", 1, b"b")
        assert list(backend.chunks("log")) == [b"a", b"b"]

    # What is not there

    def test_reading_an_unknown_log_finds_nothing(self, backend: Backend) -> None:
        fill(backend, "other", b"a")

        with pytest.raises(NotFound):
            next(iter(backend.chunks("log")))

    def test_reading_an_unknown_log_from_later_on_finds_nothing(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            list(backend.chunks("log", 3))

    def test_deleting_an_unknown_log_finds_nothing(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            backend.delete("log")

    def test_looking_for_a_log_does_not_create_it(self, backend: Backend) -> None:
        with pytest.raises(NotFound):
            list(backend.chunks("log"))
        with pytest.raises(NotFound):
            backend.delete("log")

        assert list(backend.heads()) == []

    # Heads

    def test_an_empty_store_has_no_heads(self, backend: Backend) -> None:
        assert list(backend.heads()) == []

    def test_heads_give_chunk_0_of_every_log(self, backend: Backend) -> None:
        fill(backend, "a", b"1", b"2")
        fill(backend, "b", b"3")

        assert sorted(backend.heads()) == [("a", b"1"), ("b", b"3")]

    def test_heads_of_many_logs_are_complete(self, backend: Backend) -> None:
        for index in range(150):
            backend.append(f"log {index}", 0, b"%d" % index)

        assert sorted(backend.heads()) == sorted((f"log {index}", b"%d" % index) for index in range(150))

    @pytest.mark.parametrize("size", [HEAD - 1, HEAD, HEAD + 1, 3 * HEAD])
    def test_a_head_is_given_up_to_its_limit_at_least(self, backend: Backend, size: int) -> None:
        chunk = (b"0123456789" * size)[:size]
        backend.append("log", 0, chunk)
        backend.seal("sealed", chunk)

        for _, head in backend.heads():
            assert chunk.startswith(head)
            assert len(head) >= min(size, HEAD)


def fill(backend: Backend, name: str, *chunks: bytes) -> None:
    """Append `chunks` to a log that has none."""
    for seq, chunk in enumerate(chunks):
        backend.append(name, seq, chunk)
