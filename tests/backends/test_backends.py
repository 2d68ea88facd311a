"""Every backend keeps the contract; so does one that a stranger might write."""

from __future__ import annotations

import fcntl
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

import tracefork.backends
from tracefork.backends import DirectoryBackend, MemoryBackend, SQLiteBackend
from tracefork.errors import Conflict, NotFound, StoreError
from tracefork.testing import BackendTests


class TestMemory(BackendTests):
    persistent = False

    def new(self, tmp_path):
        return MemoryBackend()


class TestDirectory(BackendTests):
    def new(self, tmp_path):
        return DirectoryBackend(tmp_path / "store")


class TestDurableDirectory(BackendTests):
    examples = 5

    def new(self, tmp_path):
        return DirectoryBackend(tmp_path / "store", durability="power")


class TestSQLite(BackendTests):
    def new(self, tmp_path):
        return SQLiteBackend(tmp_path / "store.db")


class TestDurableSQLite(BackendTests):
    examples = 5

    def new(self, tmp_path):
        return SQLiteBackend(tmp_path / "store.db", durability="power")


class JournalBackend:
    """A stranger's backend: one file, to which each change is appended as a pickled call."""

    def __init__(self, path):
        self._path = path
        self._file = path.open("ab+", buffering=0)
        self._closed = False

    def append(self, name, seq, chunk):
        with self._turn(name) as logs:
            packed, held = logs.get(name, (False, []))
            if packed or seq != len(held):
                raise Conflict(f"{name!r}: {seq} is not next")
            self._write(name, "append", chunk)

    def chunks(self, name, start=0):
        if start < 0:
            raise ValueError(f"no chunk is number {start}")
        with self._turn(name) as logs:
            if name not in logs:
                raise NotFound(name)
            return iter(logs[name][1][start:])

    def heads(self):
        with self._turn("x") as logs:
            return [(name, held[0]) for name, (_, held) in logs.items()]

    def seal(self, name, packed):
        with self._turn(name) as logs:
            if name in logs and logs[name][0] and logs[name][1] != [packed]:
                raise Conflict(f"{name!r} is sealed")
            self._write(name, "seal", packed)

    def delete(self, name):
        with self._turn(name) as logs:
            if name not in logs:
                raise NotFound(name)
            self._write(name, "delete", b"")

    def close(self):
        self._closed = True
        self._file.close()

    def _write(self, *change):
        self._file.write(pickle.dumps(change))

    def _turn(self, name):
        return Turn(self, name)


class Turn:
    def __init__(self, backend, name):
        self.backend, self.name = backend, name

    def __enter__(self):
        if self.backend._closed:
            raise StoreError("closed")
        if not 0 < len(self.name) <= 512:
            raise ValueError("a name has 1 to 512 characters")
        self.lock = self.backend._path.open("rb+", buffering=0)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        logs, good = {}, 0
        with self.backend._path.open("rb") as file:
            while True:
                try:
                    name, what, data = pickle.load(file)
                except (EOFError, pickle.UnpicklingError):
                    break
                good = file.tell()
                if what == "append":
                    logs.setdefault(name, (False, []))[1].append(data)
                elif what == "seal":
                    logs[name] = (True, [data])
                else:
                    del logs[name]
        self.lock.truncate(good)
        return logs

    def __exit__(self, *_):
        fcntl.flock(self.lock, fcntl.LOCK_UN)  # a child forked meanwhile holds the file open too
        self.lock.close()


class TestJournal(BackendTests):
    examples = 5

    def new(self, tmp_path):
        return JournalBackend(tmp_path / "journal")


def test_importing_the_backends_imports_no_storage():
    code = (
        "import sys, tracefork, tracefork.backends;"
        "assert not {'sqlite3', 'fcntl', 'tracefork.backends.directory'} & set(sys.modules);"
        "from tracefork.backends import DirectoryBackend, MemoryBackend;"
        "assert 'sqlite3' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=Path(__file__).parents[2], check=False)

    assert done.returncode == 0


def test_a_backend_that_does_not_exist_is_an_attribute_error():
    assert set(tracefork.backends.__all__) <= set(dir(tracefork.backends))
    with pytest.raises(AttributeError, match="CloudBackend"):
        tracefork.backends.CloudBackend  # noqa: B018


@pytest.mark.parametrize("kind", [DirectoryBackend, SQLiteBackend])
def test_an_unknown_durability_is_a_slip(kind, tmp_path):
    with pytest.raises(ValueError, match="always"):
        kind(tmp_path / "x", durability="always")
