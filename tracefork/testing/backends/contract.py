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

from tracefork.backends.base import Backend
from tracefork.errors import Conflict, NotFound, StoreError

from .appending import AppendTests, fill
from .drills import fork_and_append, kill_writers, run_drill
from .machine import machine
from .naming import NameTests
from .races import RaceTests
from .readers import ReaderTests
from .sealing import SealTests


class BackendTests(AppendTests, SealTests, NameTests, ReaderTests, RaceTests):
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
        fill(backend, "log", b"a", b"b")
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


def _needs_fork() -> None:
    if not hasattr(os, "fork"):
        pytest.skip("this platform has no fork")
