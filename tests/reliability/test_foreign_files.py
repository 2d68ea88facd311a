"""Files that are not ours, and files that were planted: refused, and left as they are."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import stat
from contextlib import closing

import pytest
from reliability.damage import (
    CHUNKS,
    fill,
    names,
)

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import (
    CorruptTape,
    StoreError,
    UnknownVersion,
)


def test_a_foreign_sqlite_file_is_refused_and_untouched(tmp_path):
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("CREATE TABLE logs (id)")
    before = hashlib.sha256(path.read_bytes()).digest(), path.stat().st_mtime_ns, names(tmp_path)

    with pytest.raises(StoreError, match="another program"):
        SQLiteBackend(path)
    assert before == (
        hashlib.sha256(path.read_bytes()).digest(),
        path.stat().st_mtime_ns,
        names(tmp_path),
    )


@pytest.mark.parametrize(("version", "error"), [(2, UnknownVersion), (0, CorruptTape)])
def test_a_store_of_another_version_is_refused_and_untouched(tmp_path, version, error):
    path = tmp_path / "store.db"
    SQLiteBackend(path).close()
    data = bytearray(path.read_bytes())
    data[60:64] = version.to_bytes(4, "big")
    path.write_bytes(data)

    with pytest.raises(error):
        SQLiteBackend(path)
    assert path.read_bytes() == data
    assert names(tmp_path) == ["store.db"]


@pytest.mark.parametrize("size", [1, 99, 100, 511, 512, 4096, 10_000])
def test_what_is_no_sqlite_file_is_corrupt_and_untouched(tmp_path, size):
    path = tmp_path / "notes.txt"
    path.write_bytes(b"n" * size)

    with pytest.raises(CorruptTape):
        SQLiteBackend(path)
    assert path.read_bytes() == b"n" * size
    assert names(tmp_path) == ["notes.txt"]


def test_an_empty_file_becomes_a_store(tmp_path):
    (tmp_path / "store.db").touch()
    with closing(SQLiteBackend(tmp_path / "store.db")) as backend:
        fill(backend, CHUNKS)
        assert list(backend.chunks("log")) == CHUNKS


def test_a_path_that_cannot_be_a_store_is_a_store_error(tmp_path):
    (tmp_path / "file").write_bytes(b"")
    for impossible in (
        lambda: SQLiteBackend(tmp_path),
        lambda: SQLiteBackend(tmp_path / "missing" / "store.db"),
        lambda: DirectoryBackend(tmp_path / "file"),
        lambda: DirectoryBackend(tmp_path / "file" / "store"),
    ):
        with pytest.raises(StoreError):
            impossible()


# Planted files


def test_a_planted_link_is_refused_and_its_target_untouched(tmp_path, folder):
    backend, file = folder
    target = tmp_path / "target"
    target.write_bytes(file.read_bytes())
    file.unlink()
    file.symlink_to(target)
    before = target.read_bytes()

    for refused in (
        lambda: backend.append("log", 4, b"x"),
        lambda: backend.append("log", 0, b"x"),
        lambda: list(backend.chunks("log")),
        lambda: list(backend.heads()),
        lambda: backend.seal("log", b"x"),
        lambda: backend.delete("log"),
    ):
        with pytest.raises(StoreError, match="symbolic link"):
            refused()
    assert target.read_bytes() == before


def test_a_dangling_link_is_not_created_through(tmp_path):
    backend = DirectoryBackend(tmp_path / "store")
    name = hashlib.sha256(b"log").hexdigest() + ".log"
    (tmp_path / "store" / name).symlink_to(tmp_path / "elsewhere")

    with pytest.raises(StoreError, match="symbolic link"):
        backend.append("log", 0, b"x")
    assert not (tmp_path / "elsewhere").exists()


def test_a_folder_that_becomes_a_link_is_refused(tmp_path, folder):
    backend, _ = folder
    (tmp_path / "store").rename(tmp_path / "moved")
    (tmp_path / "store").symlink_to(tmp_path / "moved")

    with pytest.raises(StoreError, match="symbolic link"):
        backend.append("log", 4, b"x")
    with pytest.raises(StoreError, match="symbolic link"):
        DirectoryBackend(tmp_path / "store")


@pytest.mark.timeout(20)
def test_a_planted_pipe_or_folder_is_refused_at_once(tmp_path, folder):
    backend, file = folder
    file.unlink()
    for plant in (os.mkfifo, os.mkdir):
        plant(file)
        with pytest.raises(StoreError):
            list(backend.chunks("log"))
        with pytest.raises(StoreError):
            backend.append("log", 0, b"x")
        if stat.S_ISDIR(file.stat().st_mode):
            file.rmdir()
        else:
            file.unlink()


def test_files_are_private(tmp_path):
    old = os.umask(0)
    try:
        folder = DirectoryBackend(tmp_path / "store")
        folder.append("log", 0, b"x")
        folder.seal("sealed", b"x")
        sqlite = SQLiteBackend(tmp_path / "store.db")
        sqlite.append("log", 0, b"x")
    finally:
        os.umask(old)

    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    files = [*(tmp_path / "store").iterdir(), *tmp_path.glob("store.db*")]
    assert len(files) == 5
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
    sqlite.close()


def test_nothing_of_a_name_reaches_a_path(tmp_path):
    backend = DirectoryBackend(tmp_path / "store")
    for name in ("../../x", "/tmp/x", "CON", "a\0b", ".tmp-1-2", "x" * 512):
        backend.append(name, 0, b"x")

    assert {len(file.name) for file in (tmp_path / "store").iterdir()} == {68}
    assert names(tmp_path) == ["store"]


def test_half_written_seals_are_ignored(folder):
    backend, file = folder
    (file.parent / ".tmp-1-dead").write_bytes(b"half")

    assert [name for name, _ in backend.heads()] == ["log"]
