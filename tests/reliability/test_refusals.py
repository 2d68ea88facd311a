"""Disks that refuse, one call at a time; `test_faults` tries every call."""

from __future__ import annotations

import errno
import os

import pytest
from reliability.damage import (
    CHUNKS,
    fill,
    names,
)

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import (
    StoreError,
)


class Disk:
    """Stands in for `os` inside `_files` and `directory`; refuses the calls named in `refuse`."""

    def __init__(self, monkeypatch):
        self.refuse, self.short = {}, False
        for name in ("write", "fsync", "ftruncate", "replace", "open"):
            monkeypatch.setattr(os, name, self.wrap(name, getattr(os, name)))

    def wrap(self, name, real):
        def call(*args, **kwargs):
            if name == "write" and self.short:
                self.short = False
                return real(args[0], args[1][:7])
            if name in self.refuse:
                code, self.refuse[name] = self.refuse[name][0], self.refuse[name][1:]
                if not self.refuse[name]:
                    del self.refuse[name]
                if code:
                    raise OSError(code, os.strerror(code))
            return real(*args, **kwargs)

        return call


REFUSALS = [errno.ENOSPC, errno.EIO, errno.EDQUOT]


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("short", [False, True])
@pytest.mark.parametrize("call", ["write", "fsync", "open"])
def test_a_refused_append_leaves_the_log_as_it_was(tmp_path, monkeypatch, code, short, call):
    backend = DirectoryBackend(tmp_path / "store", durability="power")
    fill(backend, CHUNKS)
    disk = Disk(monkeypatch)
    files = names(tmp_path / "store")
    for name, held in (("log", CHUNKS), ("new", [])):
        disk.refuse, disk.short = {call: [code]}, short
        with pytest.raises(StoreError, match=os.strerror(code)) as refusal:
            backend.append(name, len(held), b"a chunk of some length")
        assert isinstance(refusal.value.__cause__, OSError)
        disk.refuse = {}

        assert names(tmp_path / "store") == files
        assert (list(backend.chunks(name)) if held else []) == held
        backend.append(name, len(held), b"now")
        assert list(backend.chunks(name)) == [*held, b"now"]


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_refused_seal_leaves_the_log_as_it_was(tmp_path, monkeypatch, code, call):
    backend = DirectoryBackend(tmp_path / "store")
    fill(backend, CHUNKS)
    files = names(tmp_path / "store")
    disk = Disk(monkeypatch)
    for name in ("log", "new"):
        disk.refuse = {call: [code]}
        with pytest.raises(StoreError, match=os.strerror(code)):
            backend.seal(name, b"packed")

        assert names(tmp_path / "store") == files
        assert list(backend.chunks("log")) == CHUNKS
    backend.seal("log", b"packed")
    assert list(backend.chunks("log")) == [b"packed"]


def test_an_append_that_cannot_be_undone_poisons_the_log(tmp_path, monkeypatch):
    backend = DirectoryBackend(tmp_path / "store")
    fill(backend, CHUNKS)
    backend.append("other", 0, b"x")
    disk = Disk(monkeypatch)
    disk.short = True
    disk.refuse = {"write": [errno.EIO], "ftruncate": [errno.EIO]}

    for _ in range(2):
        with pytest.raises(StoreError, match="open the store anew"):
            backend.append("log", 4, b"a chunk of some length")
    assert list(backend.chunks("log")) == CHUNKS
    backend.append("other", 1, b"y")
    again = DirectoryBackend(tmp_path / "store")
    again.append("log", 4, b"now")
    assert list(again.chunks("log")) == [*CHUNKS, b"now"]


def test_a_seal_whose_name_may_not_survive_says_so(tmp_path, monkeypatch):
    backend = DirectoryBackend(tmp_path / "store")
    disk = Disk(monkeypatch)
    disk.refuse = {"fsync": [0, errno.EIO]}

    with pytest.raises(StoreError, match="may not survive a power cut"):
        backend.seal("log", b"packed")


def test_a_full_sqlite_store_leaves_the_log_as_it_was(tmp_path):
    backend = SQLiteBackend(tmp_path / "store")
    fill(backend, CHUNKS)
    mine = backend._connection
    (pages,) = mine.execute("PRAGMA page_count").fetchone()
    mine.execute(f"PRAGMA max_page_count = {pages}")

    for refused in (
        lambda: backend.append("log", 4, b"x" * 100_000),
        lambda: backend.append("new", 0, b"x" * 100_000),
        lambda: backend.seal("log", b"x" * 100_000),
    ):
        with pytest.raises(StoreError, match="full"):
            refused()
        assert list(backend.heads()) == [("log", CHUNKS[0])]
        assert list(backend.chunks("log")) == CHUNKS
    mine.execute("PRAGMA max_page_count = 100000")
    backend.append("log", 4, b"now")
    assert list(backend.chunks("log")) == [*CHUNKS, b"now"]
    backend.close()
