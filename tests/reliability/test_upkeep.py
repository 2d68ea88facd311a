"""Small promises of the two backends that last: space given back, durability told, folders that last."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import closing

import pytest
from reliability.folders import folders_last
from reliability.os_shim import REAL, intercepted

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import StoreError

KINDS = {"sqlite": SQLiteBackend, "directory": DirectoryBackend}


def used(path):
    return sum(file.stat().st_size for file in path.parent.glob(f"{path.name}*") if file.is_file())


@pytest.mark.parametrize("kind", KINDS.values())
def test_the_durability_can_be_read(kind, tmp_path):
    for durability in ("process", "power"):
        with closing(kind(tmp_path / durability, durability=durability)) as backend:
            assert backend.durability == durability


def test_sqlite_gives_back_what_was_deleted(tmp_path):
    path = tmp_path / "store.db"
    with closing(SQLiteBackend(path)) as backend:
        for number in range(20):
            backend.append(f"log {number}", 0, bytes(100_000))
        for number in range(19):
            backend.delete(f"log {number}")
        before = used(path) - path.with_name("store.db-shm").stat().st_size
        freed = backend.reclaim()
        after = used(path) - path.with_name("store.db-shm").stat().st_size

        assert freed == before - after > 1_900_000
        assert list(backend.chunks("log 19")) == [bytes(100_000)]
        backend.append("log 19", 1, b"goes on")
        assert backend.reclaim() >= 0


def test_sqlite_gives_back_what_it_can_while_others_are_at_work(tmp_path):
    path = tmp_path / "store.db"
    with closing(SQLiteBackend(path)) as one, closing(SQLiteBackend(path)) as two:
        one.append("gone", 0, bytes(500_000))
        two.append("log", 0, b"x")
        one.delete("gone")

        assert one.reclaim() > 400_000
        two.append("log", 1, b"y")
        assert list(one.chunks("log")) == [b"x", b"y"]


def test_a_directory_gives_back_what_dead_writers_left_an_hour_ago(tmp_path):
    root = tmp_path / "store"
    with closing(DirectoryBackend(root)) as backend:
        backend.append("log", 0, b"x")
        for name, age in ((".tmp-1-old", 4_000), (".tmp-2-new", 10)):
            (root / name).write_bytes(b"half a seal")
            then = (root / name).stat().st_mtime - age
            os.utime(root / name, (then, then))
        (root / ".tmp-3-folder").mkdir()
        os.utime(root / ".tmp-3-folder", (0, 0))

        assert backend.reclaim() == len(b"half a seal")
        assert backend.reclaim() == 0
        assert {path.name for path in root.glob(".tmp-*")} == {".tmp-2-new", ".tmp-3-folder"}
        assert list(backend.chunks("log")) == [b"x"]


@pytest.mark.parametrize("kind", KINDS.values())
def test_a_closed_store_gives_nothing_back(kind, tmp_path):
    backend = kind(tmp_path / "store")
    backend.close()

    with pytest.raises(StoreError):
        backend.reclaim()


def test_every_folder_that_is_made_lasts(tmp_path):
    folders_last(DirectoryBackend, tmp_path / "a" / "b" / "store")


def test_a_folder_that_another_has_made_lasts_before_it_is_used(tmp_path):
    (tmp_path / "store").mkdir()
    synced = []

    def step(name, real, args, kwargs):
        if name == "fsync":
            synced.append(REAL["fstat"](args[0]).st_ino)
        return real(*args, **kwargs)

    with intercepted(step):
        DirectoryBackend(tmp_path / "store").close()
    assert synced == [tmp_path.stat().st_ino]


def test_the_contract_is_there_and_costs_nothing_until_it_is_asked_for():
    code = (
        "import sys, tracefork.testing;"
        "assert not {'pytest', 'hypothesis', '_pytest'} & set(sys.modules);"
        "from tracefork.testing import BackendTests;"
        "assert 'pytest' in sys.modules;"
        "assert sum(name.startswith('test_') for name in dir(BackendTests)) >= 60"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
