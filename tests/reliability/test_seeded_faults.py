"""The tests are tested: each guarantee is broken on purpose, and the check that is to guard it must fail."""

from __future__ import annotations

import os
import stat
from contextlib import closing, contextmanager

import pytest
from reliability import damage, faults, folders, many, paths, writing
from reliability.disk import ORDERED, ORDERLESS
from reliability.powercut import survive

from tracefork.backends import (
    DirectoryBackend,
    SQLiteBackend,
    _files,
    _logfile,
    _records,
    _sqlite_file,
    directory,
    sqlite,
)
from tracefork.backends._logfile import file_name
from tracefork.testing.backends.races import RaceTests

pytestmark = pytest.mark.slow

IMAGES = 3_000  # at most, until the first that breaks the claim


@contextmanager
def failing(words):
    """The check inside fails, for the reason that it is there for."""
    with pytest.raises(AssertionError) as failed:
        yield
    assert words in str(failed.value)


def nothing(*_, **__):
    pass


# Durability


def test_an_append_without_fsync_is_seen(monkeypatch):
    monkeypatch.setattr(directory, "sync_file", nothing)

    with failing("what was acknowledged is lost"):
        survive("directory", "power", images=IMAGES, order=ORDERED)


def test_normal_for_full_is_seen(monkeypatch):
    real = sqlite.open_store
    monkeypatch.setattr(sqlite, "open_store", lambda path, *, power: real(path, power=False))

    with failing("what was acknowledged is lost"):
        survive("sqlite", "power", images=IMAGES)


def test_a_sqlite_seal_that_is_not_synced_is_seen(monkeypatch):
    real = SQLiteBackend._writing
    monkeypatch.setattr(SQLiteBackend, "_writing", lambda self, name, *, sync=False: real(self, name))

    with failing("what was sealed is lost"):
        survive("sqlite", "process", images=IMAGES)


def test_a_seal_without_fsync_before_its_rename_is_seen(monkeypatch):
    real = _files.sync_file
    monkeypatch.setattr(
        _files, "sync_file", lambda fd: real(fd) if stat.S_ISDIR(os.fstat(fd).st_mode) else None
    )

    with failing("image"):
        survive("directory", "process", images=IMAGES, order=ORDERED)


@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_folder_that_is_not_synced_is_seen(monkeypatch, durability):
    monkeypatch.setattr(_files.Folder, "sync", nothing)

    with failing("is lost"):
        survive("directory", durability, images=IMAGES, order=ORDERED)


def test_folders_that_are_made_and_not_synced_are_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(_files, "_sync_parent", nothing)

    with failing("may be lost"):
        folders.folders_last(DirectoryBackend, tmp_path / "a" / "b")


def test_a_first_chunk_that_is_written_in_place_is_seen(monkeypatch):
    def in_place(self, folder, fd, name, data):
        self._add(folder, fd, name, directory._NOTHING, data)
        folder.sync()

    monkeypatch.setattr(DirectoryBackend, "_begin", in_place)

    with failing("corrupt"):
        survive("directory", "power", images=IMAGES, order=ORDERLESS)


def test_a_lost_sector_that_counts_as_damage_is_seen(monkeypatch):
    monkeypatch.setattr(_records, "_is_lost_within", lambda data, at: False)

    with failing("corrupt"):
        survive("directory", "power", images=IMAGES, order=ORDERLESS)


def test_a_cut_that_is_not_synced_is_seen(monkeypatch):
    monkeypatch.setattr(directory, "_cut", os.ftruncate)

    with failing("corrupt"):
        survive("directory", "power", images=IMAGES, order=ORDERLESS, length=10, seed=6_000)  # soon, by luck


def test_a_store_that_cannot_be_made_after_a_cut_is_seen(monkeypatch):
    monkeypatch.setattr(_sqlite_file, "_was_empty", lambda path: False)

    with failing("corrupt"):
        survive("sqlite", "power", images=IMAGES, each=50, length=1)


# Damage


def test_checksums_that_are_not_compared_are_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(_records, "checks", lambda *_: (0, 0))
    monkeypatch.setattr(sqlite, "checks", lambda *_: (0, 0))

    with failing("are not seen"):
        damage.every_flipped_bit_of_a_file_is_found(tmp_path / "store", sealed=False)
    with failing("are not seen"):
        damage.every_flipped_bit_of_a_row_is_found(tmp_path / "store.db", "rest")


def test_a_torn_end_that_is_not_cut_off_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(directory, "_cut", nothing)

    with failing("is still there"):
        damage.a_torn_end_is_cut_off(tmp_path / "store")


def test_half_a_write_that_is_not_undone_is_seen(monkeypatch, tmp_path):
    def careless(fd, data):
        os.write(fd, data)  # comes short, and nobody looks

    monkeypatch.setattr(directory, "write_all", careless)

    with failing("it was acknowledged, and is not there"):
        faults.directory_survives(tmp_path, DirectoryBackend, "process", "append")


def test_a_descriptor_that_is_left_open_is_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(_files, "let_go", nothing)

    with failing("a descriptor is left open"):
        faults.directory_survives(tmp_path, DirectoryBackend, "process", "append")


# Writers


def test_a_transaction_that_does_not_begin_immediately_is_seen(monkeypatch, tmp_path):
    @contextmanager
    def deferred(db):
        db.execute("BEGIN")
        yield
        db.execute("COMMIT")

    monkeypatch.setattr(sqlite, "transaction", deferred)

    with failing("locked"):
        writing.is_not_overtaken(SQLiteBackend, tmp_path / "store.db")


@pytest.mark.parametrize("kind", [DirectoryBackend, SQLiteBackend])
def test_a_number_that_is_not_compared_is_seen(tmp_path, kind):
    class Careless(kind):
        def append(self, name, seq, chunk):
            super().append(name, len(writing.held(self, name)), chunk)

    with closing(Careless(tmp_path / "store")) as backend, pytest.raises(AssertionError):
        RaceTests().test_of_threads_that_race_for_a_number_one_wins(backend)


# Paths


@pytest.mark.parametrize("plant", [paths.plant_nothing, paths.plant_log])
def test_links_that_are_followed_are_seen(monkeypatch, tmp_path, plant):
    monkeypatch.setattr(_files, "_FLAGS", _files._FLAGS & ~os.O_NOFOLLOW)
    root, outside = tmp_path / "store", tmp_path / "outside"
    acts = [lambda backend: backend.append("log", 0, b"x"), lambda backend: list(backend.chunks("log"))]

    with failing("outside"):
        for act in acts:
            paths.links_are_not_followed(
                lambda: DirectoryBackend(root), root, outside, file_name(b"log"), act, plant
            )


def test_files_that_others_may_read_are_seen(monkeypatch, tmp_path):
    monkeypatch.setattr(_files, "_FILE_MODE", 0o644)

    with failing("420"):
        paths.is_private(lambda: DirectoryBackend(tmp_path / "store"), tmp_path)


def test_names_that_reach_a_path_are_seen(monkeypatch, tmp_path):
    for module in (directory, _logfile):
        monkeypatch.setattr(module, "file_name", lambda key: key.hex()[:200] + ".log")
    (tmp_path / "outside").mkdir()

    with failing("paths that we did not make"):
        paths.names_stay_inside(
            lambda: DirectoryBackend(tmp_path / "store"), tmp_path / "store", tmp_path / "outside", ["log"]
        )


# Listing


@pytest.mark.nightly  # 100,000 files
def test_a_listing_that_sorts_first_is_seen(monkeypatch, memory_path):
    real = DirectoryBackend._files
    monkeypatch.setattr(DirectoryBackend, "_files", lambda self, ours: iter(sorted(real(self, ours))))
    many.fill("directory", memory_path / "store", b"x")

    with closing(DirectoryBackend(memory_path / "store")) as backend, failing("the first row took"):
        many.lists_at_once(backend)
