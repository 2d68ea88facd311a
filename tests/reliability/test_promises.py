"""Small promises of the backends: what they read, when they sync, what a fork finds."""

from __future__ import annotations

import os
from contextlib import closing

import pytest
from reliability.damage import (
    CHUNKS,
    fill,
)

from tracefork.backends import DirectoryBackend, MemoryBackend, SQLiteBackend, _files, _forks
from tracefork.errors import (
    Conflict,
    StoreError,
)


def test_appending_does_not_read_the_log_again(tmp_path, monkeypatch):
    backend = DirectoryBackend(tmp_path / "store")
    reads = []
    real = _files._read
    monkeypatch.setattr(_files, "_read", lambda *args: reads.append(args) or real(*args))
    counts = []
    for seq in range(50):
        backend.append("log", seq, b"x")
        counts.append(len(reads))
        reads.clear()

    assert max(counts[1:]) == counts[1] <= 3


def test_sealing_reaches_the_disk_before_the_name_changes(tmp_path, monkeypatch):
    backend = DirectoryBackend(tmp_path / "store")
    calls = []
    for name in ("write", "fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(os, name, lambda *a, _n=name, _r=real, **k: calls.append(_n) or _r(*a, **k))
    backend.seal("log", b"packed")

    assert calls == ["write", "fsync", "replace", "fsync"]


def test_no_connection_crosses_a_fork(tmp_path):
    backend = SQLiteBackend(tmp_path / "store")
    fill(backend, CHUNKS)
    _forks._before()
    try:
        assert backend._connection is None
        assert backend._lock.locked()
    finally:
        _forks._after_in_parent()

    assert list(backend.chunks("log")) == CHUNKS
    backend.close()


def test_a_fork_waits_for_the_call_under_way():
    backend = MemoryBackend()
    _forks._before()
    held = backend._lock.locked()
    _forks._after_in_child()

    assert held
    backend.append("log", 0, b"x")


def test_a_child_that_was_forked_amid_a_call_refuses(tmp_path, monkeypatch):
    monkeypatch.setattr("tracefork.backends.sqlite.PATIENCE", 0.01)
    backend = SQLiteBackend(tmp_path / "store")
    connection = backend._connection
    with backend._lock:
        _forks._before()
        _forks._after_in_child()

    with pytest.raises(StoreError):
        backend.append("log", 0, b"x")
    connection.close()


def test_the_synchronous_setting_follows_durability(tmp_path):
    for durability, level in (("process", 1), ("power", 2)):
        with closing(SQLiteBackend(tmp_path / durability, durability=durability)) as backend:
            asked = []
            backend._connection.set_trace_callback(asked.append)
            backend.append("log", 0, b"x")
            backend.seal("log", b"y")
            db = backend._connection
            assert db.execute("PRAGMA synchronous").fetchone() == (level,)
            assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
            before_seal = asked.index("PRAGMA synchronous = FULL")
            assert any("sealed = 1" in sql for sql in asked[before_seal:])


def test_a_log_that_is_sealed_between_two_batches_is_a_conflict(tmp_path):
    backend = SQLiteBackend(tmp_path / "store")
    fill(backend, [b"x" * 3_000_000] * 4)
    reading = iter(backend.chunks("log"))
    next(reading)
    backend.seal("log", b"packed")

    with pytest.raises(Conflict, match="read it again"):
        list(reading)
    backend.close()


def test_a_reader_of_a_file_goes_on_after_seal_and_delete(folder):
    backend, _ = folder
    reading = iter(backend.chunks("log"))
    next(reading)
    backend.seal("log", b"packed")
    backend.delete("log")

    assert list(reading) == CHUNKS[1:]
