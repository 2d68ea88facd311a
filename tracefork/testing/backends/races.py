"""Several threads on one backend. Part of BackendTests."""

from __future__ import annotations

import threading
from collections.abc import Callable

from tracefork.backends.base import Backend
from tracefork.errors import Conflict

THREADS = 8
LENGTH = 50


class RaceTests:
    """What `Backend` promises to threads."""

    def test_threads_append_to_logs_of_their_own(self, backend: Backend) -> None:
        def write(me: int) -> None:
            for seq in range(20):
                backend.append(f"log {me}", seq, b"%d %d" % (me, seq))

        together(write)

        for me in range(THREADS):
            assert list(backend.chunks(f"log {me}")) == [b"%d %d" % (me, seq) for seq in range(20)]

    def test_of_threads_that_race_for_a_number_one_wins(self, backend: Backend) -> None:
        won: list[tuple[int, int]] = []
        lost: list[tuple[int, int]] = []

        for seq in range(10):

            def race(me: int, seq: int = seq) -> None:
                try:
                    backend.append("log", seq, b"%d %d" % (seq, me))
                except Conflict:
                    lost.append((seq, me))
                else:
                    won.append((seq, me))

            together(race)

        assert [seq for seq, _ in won] == list(range(10))
        assert len(lost) == 10 * (THREADS - 1)
        assert list(backend.chunks("log")) == [b"%d %d" % pair for pair in won]

    def test_of_threads_that_seal_with_different_bytes_one_wins(self, backend: Backend) -> None:
        won: list[int] = []

        def race(me: int) -> None:
            try:
                backend.seal("log", b"%d" % me)
            except Conflict:
                return
            won.append(me)

        together(race)

        assert len(won) == 1
        assert list(backend.chunks("log")) == [b"%d" % won[0]]

    def test_a_log_can_be_read_while_another_thread_appends(self, backend: Backend) -> None:
        backend.append("log", 0, b"0")
        reading = iter(backend.chunks("log"))
        next(reading)

        def write(me: int) -> None:
            if me == 0:
                for seq in range(1, LENGTH):
                    backend.append("log", seq, b"%d" % seq)
            else:
                for _ in range(20):
                    held = list(backend.chunks("log"))
                    assert held == [b"%d" % seq for seq in range(len(held))]

        together(write)

        assert list(reading) in [[b"%d" % seq for seq in range(1, end)] for end in range(1, LENGTH + 1)]
        assert len(list(backend.chunks("log"))) == LENGTH

    def test_a_slow_reader_does_not_hold_up_writers(self, backend: Backend) -> None:
        for seq in range(3):
            backend.append("log", seq, b"x")
        reading = iter(backend.chunks("log"))
        next(reading)
        done = threading.Event()

        def write() -> None:
            backend.append("log", 3, b"x")
            backend.append("other", 0, b"y")
            done.set()

        thread = threading.Thread(target=write, daemon=True)
        thread.start()

        assert done.wait(20)
        thread.join()
        list(reading)

    def test_a_log_is_seen_whole_before_or_after_its_seal(self, backend: Backend) -> None:
        for seq in range(5):
            backend.append("log", seq, b"%d" % seq)
        seen: list[list[bytes]] = []

        def look(me: int) -> None:
            if me == 0:
                backend.seal("log", b"packed")
            else:
                seen.extend(list(backend.chunks("log")) for _ in range(10))

        together(look)

        assert all(held in ([b"0", b"1", b"2", b"3", b"4"], [b"packed"]) for held in seen)


def together(work: Callable[[int], None]) -> None:
    """Call `work` with 0 to 7 in as many threads that set off at once; raise the first failure."""
    gate = threading.Barrier(THREADS)
    failures: list[BaseException] = []

    def run(me: int) -> None:
        try:
            gate.wait(20)
            work(me)
        except BaseException as error:  # noqa: BLE001 - raised below, in the test's thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(me,)) for me in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
