"""500 attacks by name, and as many by link: not a byte outside of the store's folder. See `paths`."""

from __future__ import annotations

import pytest
from reliability import paths
from reliability.paths import ATTACKS, PLANTS

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.backends._logfile import file_name

ACTS = {
    "open": None,
    "append": lambda backend: backend.append("log", 2, b"x"),
    "begin": lambda backend: backend.append("log", 0, b"x"),
    "read": lambda backend: list(backend.chunks("log")),
    "list": lambda backend: list(backend.heads()),
    "seal": lambda backend: backend.seal("log", b"x"),
    "delete": lambda backend: backend.delete("log"),
    "reclaim": lambda backend: backend.reclaim(),
}


@pytest.fixture
def outside(memory_path):
    folder = memory_path / "outside"
    folder.mkdir()
    (folder / "victim").write_bytes(paths.VICTIM)
    return folder


def test_there_are_500_attacks():
    assert len(ATTACKS) >= 500


def test_no_name_leaves_the_folder(memory_path, outside):
    root = memory_path / "store"

    paths.names_stay_inside(lambda: DirectoryBackend(root), root, outside, ATTACKS)
    assert {path.name for path in memory_path.iterdir()} == {"store", "outside"}


def test_no_name_leaves_the_sqlite_file(memory_path, outside):
    with_sqlite = memory_path / "store.db"
    backend = SQLiteBackend(with_sqlite)
    for name in ATTACKS:
        paths.name_stays_inside(backend, name)
    backend.close()

    assert {path.name for path in memory_path.iterdir()} == {"store.db", "outside"}
    assert (outside / "victim").read_bytes() == paths.VICTIM


def test_file_names_are_the_same_on_every_file_system():
    files = {file_name(name.encode("utf-8", "surrogatepass")) for name in ATTACKS}

    assert len({file.casefold() for file in files}) == len(ATTACKS)  # case twins, NFC and NFD among them
    assert {len(file) for file in files} == {68}
    assert all(file.isascii() and file == file.lower() for file in files)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("durability", ["process", "power"])
def test_a_link_that_is_planted_before_any_call_is_not_followed(memory_path, durability, plant):
    root, outside = memory_path / "store", memory_path / "outside"
    attacks = sum(
        paths.links_are_not_followed(
            lambda: DirectoryBackend(root, durability=durability),
            root,
            outside,
            file_name(b"log"),
            act,
            plant,
        )
        for act in ACTS.values()
    )

    assert attacks > 60


def test_a_directory_store_is_private(memory_path):
    paths.is_private(lambda: DirectoryBackend(memory_path / "store"), memory_path)


def test_a_sqlite_store_is_private(memory_path):
    paths.is_private(lambda: SQLiteBackend(memory_path / "store.db"), memory_path)
