"""
The storage contract as a test class. A backend of yours proves itself in five lines:

    from tracefork.testing import BackendTests

    class TestMine(BackendTests):
        def new(self, tmp_path):
            return MyBackend(tmp_path / "store")

`new` opens the same storage when it is called again with the same folder. Say `persistent = False`
if what it opens ends with the process: the tests that would need more then do not exist. The class
is found by name in a fresh interpreter for the crash tests, so define it at the top of a file.
"""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tracefork.backends.base import HEAD, Backend, seal
from tracefork.errors import Conflict, NotFound, StoreError

from .drills import fork_and_append, kill_writers, run_drill
from .machine import machine
from .races import RaceTests
from .readers import ReaderTests

ODD_NAMES = {
    "one letter": "a",
    "a capital": "A",
    "dot": ".",
    "two dots": "..",
    "a way out": "../../etc/passwd",
    "a slash": "/",
    "an absolute path": "/tmp/x",  # noqa: S108 - a name, not a file
    "a backslash": "..\\x",
    "a share": "\\\\server\\share",
    "a drive": "C:\\x",
    "a device": "CON",
    "a device with a suffix": "nul.txt",
    "a trailing dot": "name.",
    "a trailing space": "name ",
    "a NUL": "a\0b",
    "only a NUL": "\0",
    "a line break": "a\r\nb",
    "composed": "\N{LATIN SMALL LETTER E WITH ACUTE}",
    "decomposed": "e\N{COMBINING ACUTE ACCENT}",
    "an emoji": "\N{SNOWMAN}\N{GRINNING FACE}",
    "right to left": "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe",
    "a lone surrogate": "\ud800",
    "a temporary file": ".tmp-1-2",
    "a log file": "0" * 64 + ".log",
    "512 letters": "x" * 512,
    "512 astral letters": "\U0001f600" * 512,
    "an injection": "'; DROP TABLE logs; --",
    "another injection": 'x" OR "1"="1',
    "wildcards": "%_*?[a]",
    "a format": "{0} %s ${HOME} $(id)",
}


class BackendTests(ReaderTests, RaceTests):
    """The contract of `tracefork.backends.base.Backend`; subclass it and define `new`."""

    persistent = True
    """Whether what was appended outlives the object, and the process, that appended it."""

    examples = 25
    """How many stories `test_behaves_like_the_model` tries."""

    @abstractmethod
    def new(self, tmp_path: Path) -> Backend:
        """Open the storage that belongs to `tmp_path`, an existing empty folder at first."""

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Iterator[Backend]:
        backend = self.new(tmp_path)
        yield backend
        backend.close()

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.persistent:
            for name in _PERSISTENCE:
                setattr(cls, name, None)

    def test_it_is_a_backend(self, backend: Backend) -> None:
        assert isinstance(backend, Backend)

    # Appending and reading

    def test_chunks_come_back_in_order(self, backend: Backend) -> None:
        for seq in range(12):
            backend.append("log", seq, b"%d" % seq)

        assert list(backend.chunks("log")) == [b"%d" % seq for seq in range(12)]

    def test_reading_twice_gives_the_same(self, backend: Backend) -> None:
        backend.append("log", 0, b"a")

        assert list(backend.chunks("log")) == list(backend.chunks("log")) == [b"a"]

    def test_start_leaves_out_the_chunks_before_it(self, backend: Backend) -> None:
        _fill(backend, "log", b"a", b"b", b"c")

        assert list(backend.chunks("log", 0)) == [b"a", b"b", b"c"]
        assert list(backend.chunks("log", 1)) == [b"b", b"c"]
        assert list(backend.chunks("log", start=2)) == [b"c"]

    def test_start_at_or_after_the_end_gives_nothing(self, backend: Backend) -> None:
        _fill(backend, "log", b"a")

        assert list(backend.chunks("log", 1)) == []
        assert list(backend.chunks("log", 99)) == []

    def test_a_negative_start_is_a_slip(self, backend: Backend) -> None:
        _fill(backend, "log", b"a")

        with pytest.raises(ValueError, match="-1"):
            list(backend.chunks("log", -1))

    def test_a_reader_that_stops_early_leaves_nothing_behind(self, backend: Backend) -> None:
        _fill(backend, "log", b"a", b"b")
        reading = iter(backend.chunks("log"))

        assert next(reading) == b"a"
        del reading
        backend.append("log", 2, b"c")

    def test_every_byte_comes_back(self, backend: Backend) -> None:
        backend.append("log", 0, bytes(range(256)))

        assert list(backend.chunks("log")) == [bytes(range(256))]

    def test_an_empty_chunk_is_a_chunk(self, backend: Backend) -> None:
        _fill(backend, "log", b"", b"", b"x", b"")

        assert list(backend.chunks("log")) == [b"", b"", b"x", b""]
        assert list(backend.heads()) == [("log", b"")]

    @pytest.mark.parametrize("size", [511, 512, 65_535, 65_536, 65_537])
    def test_zeros_are_bytes_like_others(self, backend: Backend, size: int) -> None:
        _fill(backend, "log", b"\0" * size, b"\0" * size)

        assert list(backend.chunks("log")) == [b"\0" * size] * 2

    def test_a_chunk_may_have_five_megabytes(self, backend: Backend) -> None:
        large = bytes(range(250)) * 20_000
        _fill(backend, "log", b"a", large, b"b")

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
        _fill(backend, "log", b"a", b"b")

        with pytest.raises(Conflict):
            backend.append("log", seq, b"c")

        assert list(backend.chunks("log")) == [b"a", b"b"]

    def test_the_same_chunk_twice_is_a_conflict_too(self, backend: Backend) -> None:
        _fill(backend, "log", b"a")

        with pytest.raises(Conflict):
            backend.append("log", 0, b"a")

    def test_appending_goes_on_after_a_conflict(self, backend: Backend) -> None:
        _fill(backend, "log", b"a")
        with pytest.raises(Conflict):
            backend.append("log", 5, b"x")

        backend.append("log", 1, b"b")
        assert list(backend.chunks("log")) == [b"a", b"b"]

    # What is not there

    def test_reading_an_unknown_log_finds_nothing(self, backend: Backend) -> None:
        _fill(backend, "other", b"a")

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
        _fill(backend, "a", b"1", b"2")
        _fill(backend, "b", b"3")

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

    # Sealing

    def test_a_seal_replaces_all_chunks(self, backend: Backend) -> None:
        _fill(backend, "log", b"a", b"b", b"c")
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]
        assert list(backend.chunks("log", 1)) == []
        assert list(backend.heads()) == [("log", b"abc")]

    def test_a_seal_creates_the_log(self, backend: Backend) -> None:
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]

    def test_a_seal_may_be_empty(self, backend: Backend) -> None:
        _fill(backend, "log", b"a")
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
        _fill(backend, "log", b"abc")
        backend.append("log", 1, b"d")
        backend.seal("log", b"abc")

        assert list(backend.chunks("log")) == [b"abc"]

    @pytest.mark.parametrize("chunks", [0, 1, 2, 4])
    def test_a_seal_that_has_not_seen_all_replaces_nothing(self, backend: Backend, chunks: int) -> None:
        _fill(backend, "log", b"a", b"b", b"c")
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
        _fill(backend, "log", b"a", b"b", b"c")
        backend.seal("log", b"abc")

        with suppress(Conflict):  # readers may ignore it instead
            backend.append("log", seq, b"late")
        assert list(backend.chunks("log")) == [b"abc"]

    # Deleting

    def test_a_deleted_log_is_gone(self, backend: Backend) -> None:
        _fill(backend, "log", b"a", b"b")
        backend.delete("log")

        assert list(backend.heads()) == []
        with pytest.raises(NotFound):
            list(backend.chunks("log"))
        with pytest.raises(NotFound):
            backend.delete("log")

    def test_a_deleted_log_begins_anew(self, backend: Backend) -> None:
        _fill(backend, "log", b"a", b"b")
        backend.delete("log")
        with pytest.raises(Conflict):
            backend.append("log", 2, b"c")
        _fill(backend, "log", b"x")

        assert list(backend.chunks("log")) == [b"x"]

    def test_a_sealed_log_can_be_deleted_and_begins_anew(self, backend: Backend) -> None:
        backend.seal("log", b"abc")
        backend.delete("log")
        _fill(backend, "log", b"x", b"y")
        backend.seal("log", b"xy")

        assert list(backend.chunks("log")) == [b"xy"]

    # Independence and names

    def test_logs_are_independent(self, backend: Backend) -> None:
        for seq in range(3):
            backend.append("a", seq, b"a%d" % seq)
            backend.append("b", seq, b"b%d" % seq)
        backend.seal("a", b"A")

        assert list(backend.chunks("b")) == [b"b0", b"b1", b"b2"]
        backend.delete("a")
        backend.append("b", 3, b"b3")
        assert list(backend.chunks("b")) == [b"b0", b"b1", b"b2", b"b3"]

    @pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES.keys())
    def test_any_text_is_a_name(self, backend: Backend, name: str) -> None:
        _fill(backend, name, b"a", b"b")
        assert list(backend.chunks(name)) == [b"a", b"b"]
        assert list(backend.heads()) == [(name, b"a")]

        backend.seal(name, b"ab")
        assert list(backend.chunks(name)) == [b"ab"]

        backend.delete(name)
        assert list(backend.heads()) == []

    def test_names_that_look_alike_are_different(self, backend: Backend) -> None:
        for name in ODD_NAMES.values():
            backend.append(name, 0, name.encode("utf-8", "surrogatepass"))

        assert {name: head.decode("utf-8", "surrogatepass") for name, head in backend.heads()} == {
            name: name for name in ODD_NAMES.values()
        }

    @pytest.mark.parametrize("name", ["", "x" * 513], ids=["empty", "513 letters"])
    def test_a_name_without_text_or_with_too_much_is_a_slip(self, backend: Backend, name: str) -> None:
        for refused in (
            lambda: backend.append(name, 0, b"a"),
            lambda: list(backend.chunks(name)),
            lambda: backend.seal(name, b"a"),
            lambda: backend.delete(name),
        ):
            with pytest.raises(ValueError, match="512"):
                refused()
        assert list(backend.heads()) == []

    # Closing

    def test_a_closed_store_refuses_everything(self, tmp_path: Path) -> None:
        backend = self.new(tmp_path)
        backend.append("log", 0, b"a")
        backend.close()

        for refused in (
            lambda: backend.append("log", 1, b"b"),
            lambda: list(backend.chunks("log")),
            lambda: list(backend.heads()),
            lambda: backend.seal("log", b"a"),
            lambda: backend.delete("log"),
        ):
            with pytest.raises(StoreError) as refusal:
                refused()
            assert not isinstance(refusal.value, NotFound | Conflict)

    def test_closing_twice_is_harmless(self, tmp_path: Path) -> None:
        backend = self.new(tmp_path)
        backend.close()
        backend.close()

    # Outliving

    def test_everything_is_there_when_it_is_opened_again(self, tmp_path: Path) -> None:
        backend = self.new(tmp_path)
        _fill(backend, "log", b"a", b"b")
        backend.seal("sealed", b"packed")
        backend.close()
        again = self.new(tmp_path)

        assert list(again.chunks("log")) == [b"a", b"b"]
        assert list(again.chunks("sealed")) == [b"packed"]
        with pytest.raises(Conflict):
            again.append("log", 1, b"x")
        again.append("log", 2, b"c")
        with pytest.raises(Conflict):
            again.seal("sealed", b"other")
        assert list(again.chunks("log")) == [b"a", b"b", b"c"]
        again.close()

    def test_two_that_are_open_at_once_see_each_other(self, tmp_path: Path) -> None:
        one, two = self.new(tmp_path), self.new(tmp_path)
        one.append("log", 0, b"a")
        two.append("log", 1, b"b")
        with pytest.raises(Conflict):
            one.append("log", 1, b"x")
        one.append("log", 2, b"c")
        assert list(two.chunks("log")) == [b"a", b"b", b"c"]

        two.delete("log")
        with pytest.raises(Conflict):
            one.append("log", 3, b"d")
        one.append("log", 0, b"new")
        two.seal("log", b"sealed")
        assert list(one.chunks("log")) == [b"sealed"]
        with suppress(Conflict):
            one.append("log", 1, b"late")
        assert list(two.chunks("log")) == [b"sealed"]
        one.close()
        two.close()

    def test_what_was_acknowledged_survives_the_killing_of_the_writer(self, tmp_path: Path) -> None:
        _needs_fork()
        run_drill(self, kill_writers, tmp_path)

    def test_a_forked_child_goes_on(self, tmp_path: Path) -> None:
        _needs_fork()
        run_drill(self, fork_and_append, tmp_path)

    # The model

    def test_behaves_like_the_model(self, tmp_path: Path) -> None:
        run_state_machine_as_test(
            machine(self.new, tmp_path, persistent=self.persistent),
            settings=settings(
                max_examples=self.examples,
                stateful_step_count=30,
                deadline=None,
                database=None,
                suppress_health_check=list(HealthCheck),
            ),
        )


_PERSISTENCE = (
    BackendTests.test_everything_is_there_when_it_is_opened_again.__name__,
    BackendTests.test_two_that_are_open_at_once_see_each_other.__name__,
    BackendTests.test_what_was_acknowledged_survives_the_killing_of_the_writer.__name__,
)


def _fill(backend: Backend, name: str, *chunks: bytes) -> None:
    for seq, chunk in enumerate(chunks):
        backend.append(name, seq, chunk)


def _needs_fork() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this platform has no fork")
