"""Bytes that were damaged, files that were planted, disks that refuse: never other bytes, always typed."""

from __future__ import annotations

import errno
import hashlib
import multiprocessing
import os
import sqlite3
import stat
import zlib
from contextlib import closing, suppress

import pytest

from tracefork.backends import DirectoryBackend, MemoryBackend, SQLiteBackend, _files, _forks
from tracefork.errors import (
    Conflict,
    CorruptTape,
    NotFound,
    StoreError,
    TraceforkError,
    Truncated,
    UnknownVersion,
)

CHUNKS = [b"first", b"", b"the third", b"last one"]
KINDS = {"directory": DirectoryBackend, "sqlite": SQLiteBackend}


@pytest.fixture(params=KINDS)
def opener(request, tmp_path):
    return lambda: KINDS[request.param](tmp_path / "store")


@pytest.fixture
def folder(tmp_path):
    """A directory store with one log of CHUNKS; gives the store and the log's file."""
    backend = DirectoryBackend(tmp_path / "store")
    fill(backend, CHUNKS)
    (file,) = (tmp_path / "store").iterdir()
    return backend, file


def fill(backend, chunks, name="log"):
    for seq, chunk in enumerate(chunks):
        backend.append(name, seq, chunk)


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def flips(data):
    for place in range(len(data) * 8):
        flipped = bytearray(data)
        flipped[place // 8] ^= 1 << place % 8
        yield bytes(flipped)


# Torn ends


def test_a_tail_torn_at_any_byte_is_left_out_and_cut_off(tmp_path, folder):
    backend, file = folder
    whole = file.read_bytes()
    start = whole.rindex(CHUNKS[-1]) - 16
    for size in range(start, len(whole)):
        file.write_bytes(whole[:size])

        assert list(backend.chunks("log")) == CHUNKS[:-1]
        fresh = DirectoryBackend(tmp_path / "store")
        fresh.append("log", 3, b"anew")
        assert list(backend.chunks("log")) == [*CHUNKS[:-1], b"anew"]
        backend.append("log", 4, b"goes on")
        assert list(fresh.chunks("log")) == [*CHUNKS[:-1], b"anew", b"goes on"]


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
def test_every_flipped_bit_of_a_log_file_is_found(folder, sealed):
    backend, file = folder
    if sealed:
        backend.seal("log", b"the packed tape")
    for flipped in flips(file.read_bytes()):
        file.write_bytes(flipped)

        with pytest.raises(CorruptTape):
            list(backend.chunks("log"))


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


@pytest.mark.parametrize("column", ["head", "rest", "crc32", "head_crc32", "seq"])
def test_every_flipped_bit_of_a_row_is_found(tmp_path, column):
    backend = SQLiteBackend(tmp_path / "store")
    fill(backend, [b"a" * 65_536 + b"more", b"second"])
    with closing(sqlite3.connect(tmp_path / "store", isolation_level=None)) as db:
        find = f"SELECT {column} FROM chunks WHERE seq = 0 AND log = 1"
        change = f"UPDATE chunks SET {column} = ? WHERE rowid = 1"
        (held,) = db.execute(find).fetchone()
        if isinstance(held, bytes):
            changed = list(flips(held[:8]))
            changed = [flipped + held[8:] for flipped in changed] + [
                held[:-1],
                held + b"\0",
                held.decode(),
                None,
                7,
            ]
        else:
            changed = [held ^ 1 << bit for bit in range(40)] + [str(held) + "x", b"x"]
        for value in changed:
            try:
                db.execute(change, (value,))
            except sqlite3.IntegrityError:
                continue  # NULL, or a number that is taken: nothing was changed
            with pytest.raises(CorruptTape, match="log 'log', chunk"):
                list(backend.chunks("log"))
        db.execute(change, (held,))
    assert len(list(backend.chunks("log"))) == 2
    backend.close()


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


# Foreign files


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


# Planted files and permissions


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


# Many processes


def append_25(kind, path, me):
    backend = KINDS[kind](path)
    for seq in range(25):
        backend.append(f"own {me}", seq, b"%d" % seq)
        while True:
            held = (
                len(list(backend.chunks("shared"))) if any(n == "shared" for n, _ in backend.heads()) else 0
            )
            with suppress(Conflict):
                backend.append("shared", held, b"%d %d" % (me, seq))
                break
    backend.close()


def create(kind, path, me):
    with closing(KINDS[kind](path)) as backend:
        backend.append(f"log {me}", 0, b"%d" % me)


def run_processes(work, count, *args):
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    processes = [context.Process(target=work, args=(*args, me)) for me in range(count)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0] * count


@pytest.mark.parametrize("kind", KINDS)
def test_16_processes_append_25_chunks_each(kind, tmp_path):
    run_processes(append_25, 16, kind, tmp_path / "store")

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        for me in range(16):
            assert list(backend.chunks(f"own {me}")) == [b"%d" % seq for seq in range(25)]
        shared = list(backend.chunks("shared"))
        assert sorted(shared) == sorted(b"%d %d" % (me, seq) for me in range(16) for seq in range(25))


@pytest.mark.parametrize("kind", KINDS)
def test_32_processes_create_one_store_at_once(kind, tmp_path):
    run_processes(create, 32, kind, tmp_path / "store")

    with closing(KINDS[kind](tmp_path / "store")) as backend:
        assert sorted(backend.heads()) == sorted((f"log {me}", b"%d" % me) for me in range(32))


# Refusing disks


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


# Small promises


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
