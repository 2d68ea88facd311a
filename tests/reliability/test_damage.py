"""Bytes that were torn or damaged: never other bytes, always typed."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from contextlib import closing, suppress

import pytest
from reliability.damage import (
    CHUNKS,
    a_torn_end_is_cut_off,
    every_flipped_bit_of_a_file_is_found,
    every_flipped_bit_of_a_row_is_found,
    fill,
    flips,
)

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import (
    Conflict,
    CorruptTape,
    NotFound,
    TraceforkError,
    Truncated,
    UnknownVersion,
)

# Torn ends


def test_a_tail_torn_at_any_byte_is_left_out_and_cut_off(tmp_path):
    a_torn_end_is_cut_off(tmp_path / "store")


def test_a_log_torn_in_its_first_chunk_does_not_exist(folder):
    backend, file = folder
    whole = file.read_bytes()
    for size in range(whole.index(CHUNKS[0]) + len(CHUNKS[0])):
        file.write_bytes(whole[:size])

        assert list(backend.heads()) == []
        with pytest.raises(NotFound):
            list(backend.chunks("log"))
        with pytest.raises(NotFound):
            backend.delete("log")
        with pytest.raises(Conflict):
            backend.append("log", 1, b"x")
        backend.append("log", 0, b"anew")
        assert list(backend.chunks("log")) == [b"anew"]


@pytest.mark.parametrize("zeros", [1, 15, 16, 17, 600, 5000])
def test_a_file_that_grew_without_being_written_is_torn(folder, zeros):
    backend, file = folder
    with file.open("ab") as end:
        end.write(b"\0" * zeros)

    assert list(backend.chunks("log")) == CHUNKS
    backend.append("log", 4, b"goes on")
    assert list(backend.chunks("log")) == [*CHUNKS, b"goes on"]


def test_a_last_chunk_of_which_a_sector_was_never_written_is_torn(folder):
    backend, file = folder
    backend.append("log", 4, b"x" * 3000)
    data = file.read_bytes()
    file.write_bytes(data[:1024] + b"\0" * (len(data) - 1024))

    assert list(backend.chunks("log")) == CHUNKS
    DirectoryBackend(file.parent).append("log", 4, b"again")
    assert list(backend.chunks("log")) == [*CHUNKS, b"again"]


def lost_sectors(data, start):
    """`data` without what any one sector has of it from `start` on."""
    for sector in range(start // 512 * 512, len(data), 512):
        first, end = max(start, sector), min(sector + 512, len(data))
        yield data[:first] + bytes(end - first) + data[end:]


def test_a_last_chunk_of_which_any_one_sector_was_never_written_is_torn(folder):
    backend, file = folder
    start = file.stat().st_size
    backend.append("log", 4, os.urandom(3_000))
    for lost in lost_sectors(file.read_bytes(), start):
        file.write_bytes(lost)

        assert list(backend.chunks("log")) == CHUNKS
        DirectoryBackend(file.parent).append("log", 4, b"again")
        assert list(backend.chunks("log")) == [*CHUNKS, b"again"]


def test_a_sector_that_is_lost_of_a_chunk_before_the_last_is_damage(folder):
    backend, file = folder
    start = file.stat().st_size
    backend.append("log", 4, os.urandom(3_000))
    end = file.stat().st_size // 512 * 512  # what the last chunk has a part in may be either's
    backend.append("log", 5, os.urandom(3_000))
    data = file.read_bytes()
    for lost in lost_sectors(data[:end], start):
        file.write_bytes(lost + data[end:])

        with pytest.raises(CorruptTape):
            list(backend.chunks("log"))


def test_a_sealed_file_is_never_torn(folder):
    backend, file = folder
    backend.seal("log", b"packed" * 200)
    whole = file.read_bytes()
    for size in range(40, len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises(Truncated):
            list(backend.chunks("log"))
    for extra in (b"\0", b"more", b"\0" * 4096):
        file.write_bytes(whole + extra)
        with pytest.raises(CorruptTape):
            list(backend.chunks("log"))


# Damage


@pytest.mark.parametrize("sealed", [False, True])
def test_every_flipped_bit_of_a_log_file_is_found(tmp_path, sealed):
    every_flipped_bit_of_a_file_is_found(tmp_path / "store", sealed=sealed)


@pytest.mark.parametrize("column", ["head", "rest", "crc32", "head_crc32", "seq"])
def test_every_flipped_bit_of_a_row_is_found(tmp_path, column):
    every_flipped_bit_of_a_row_is_found(tmp_path / "store", column)


def test_no_flipped_bit_makes_a_writer_destroy_what_was_kept(tmp_path, folder):
    _, file = folder
    for flipped in flips(file.read_bytes()):
        file.write_bytes(flipped)
        with suppress(TraceforkError):
            DirectoryBackend(tmp_path / "store").append("log", len(CHUNKS), b"next")

        assert file.read_bytes().startswith(flipped)


def test_damage_is_named_by_log_chunk_and_byte(folder):
    backend, file = folder
    data = file.read_bytes()
    at = data.index(CHUNKS[2])
    file.write_bytes(data.replace(CHUNKS[2], b"THE third"))

    with pytest.raises(CorruptTape) as found:
        list(backend.chunks("log"))
    assert found.value.where == f"log 'log', chunk 2, byte {at}"
    assert list(backend.chunks("log", 3)) == CHUNKS[3:]


def test_chunks_before_the_damage_can_still_be_read(folder):
    backend, file = folder
    file.write_bytes(file.read_bytes().replace(CHUNKS[2], b"THE third"))
    reading = iter(backend.chunks("log"))

    assert [next(reading), next(reading)] == CHUNKS[:2]


def test_records_that_change_places_are_found(folder):
    backend, file = folder
    backend.append("log", 4, b"LAST one")
    data = file.read_bytes()
    a, b = data[-48:-24], data[-24:]
    file.write_bytes(data[:-48] + b + a)

    with pytest.raises(CorruptTape):
        list(backend.chunks("log"))


def test_a_record_from_an_earlier_life_of_the_log_is_found(folder):
    backend, file = folder
    earlier = file.read_bytes()
    backend.delete("log")
    fill(backend, CHUNKS)
    record = len(CHUNKS[-1]) + 16
    file.write_bytes(file.read_bytes()[:-record] + earlier[-record:])

    with pytest.raises(CorruptTape):
        list(backend.chunks("log"))


def test_a_file_under_another_logs_name_is_found(folder):
    backend, file = folder
    other = file.with_name(hashlib.sha256(b"other").hexdigest() + ".log")
    other.write_bytes(file.read_bytes())

    with pytest.raises(CorruptTape):
        list(backend.chunks("other"))
    with pytest.raises(CorruptTape):
        list(backend.heads())


def test_a_file_of_a_newer_version_is_refused(folder):
    backend, file = folder
    data = bytearray(file.read_bytes())
    data[6] += 1
    data[28:32] = zlib.crc32(data[:28]).to_bytes(4, "little")
    file.write_bytes(data)

    with pytest.raises(UnknownVersion):
        list(backend.chunks("log"))


def test_a_damaged_log_can_be_deleted(opener, tmp_path):
    backend = opener()
    fill(backend, CHUNKS)
    damage(backend, tmp_path)

    with pytest.raises(CorruptTape):
        list(backend.chunks("log"))
    backend.delete("log")
    fill(backend, CHUNKS)
    assert list(backend.chunks("log")) == CHUNKS
    backend.close()


def test_listing_goes_on_after_a_damaged_log(opener, tmp_path):
    backend = opener()
    fill(backend, CHUNKS)
    damage(backend, tmp_path)
    for index in range(5):
        backend.append(f"whole {index}", 0, b"x")
    listing, names, damaged = iter(backend.heads()), [], 0
    while True:
        try:
            names.append(next(listing)[0])
        except CorruptTape:
            damaged += 1
        except StopIteration:
            break

    assert sorted(names) == [f"whole {index}" for index in range(5)]
    assert damaged == 1
    backend.close()


def damage(backend, tmp_path):
    """Change a letter of chunk 0 of the only log."""
    if isinstance(backend, DirectoryBackend):
        (file,) = (tmp_path / "store").iterdir()
        file.write_bytes(file.read_bytes().replace(b"first", b"First"))
    else:
        with closing(sqlite3.connect(tmp_path / "store")) as db, db:
            db.execute("UPDATE chunks SET head = ? WHERE seq = 0", (b"First",))


def test_a_flipped_bit_anywhere_in_a_sqlite_file_never_gives_other_bytes(tmp_path):
    path = tmp_path / "store"
    with closing(SQLiteBackend(path)) as backend:
        fill(backend, CHUNKS)
        backend.seal("sealed", b"packed")
    data = path.read_bytes()
    want = {"log": CHUNKS, "sealed": [b"packed"]}
    for place in range(0, len(data) * 8, 211):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        for file in tmp_path.iterdir():
            file.unlink()
        path.write_bytes(flipped)
        with suppress(TraceforkError), closing(SQLiteBackend(path)) as backend:
            for name, chunks in want.items():
                with suppress(TraceforkError):
                    held = list(backend.chunks(name))
                    assert held == chunks[: len(held)]


def test_a_checkpoint_that_was_killed_after_its_first_page_costs_nothing(tmp_path):
    backend = SQLiteBackend(tmp_path / "store")
    fill(backend, [b"x" * 3000] * 100)
    killed = tmp_path / "killed"
    killed.write_bytes((tmp_path / "store").read_bytes())
    (tmp_path / "killed-wal").write_bytes((tmp_path / "store-wal").read_bytes())
    backend.close()
    with killed.open("r+b") as file:
        file.write((tmp_path / "store").read_bytes()[:4096])

    with closing(SQLiteBackend(killed)) as again:
        assert list(again.chunks("log")) == [b"x" * 3000] * 100
