"""Ways in which files are damaged, and what must come of it; the examples are in `test_damage`."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress

from tracefork.backends import DirectoryBackend, SQLiteBackend
from tracefork.errors import CorruptTape

CHUNKS = [b"first", b"", b"the third", b"last one"]
KINDS = {"directory": DirectoryBackend, "sqlite": SQLiteBackend}


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


def every_flipped_bit_of_a_file_is_found(root, *, sealed):
    """Assert it of the file of a log of CHUNKS, made in the folder `root`."""
    backend = DirectoryBackend(root)
    fill(backend, CHUNKS)
    (file,) = root.iterdir()
    if sealed:
        backend.seal("log", b"the packed tape")
    unseen = []
    for place, flipped in enumerate(flips(file.read_bytes())):
        file.write_bytes(flipped)
        with suppress(CorruptTape):
            unseen.append((place, list(backend.chunks("log"))))
    assert not unseen, f"{len(unseen)} flipped bits are not seen, first {unseen[0]}"


def every_flipped_bit_of_a_row_is_found(path, column):
    """Assert it of a column of chunk 0 in the SQLite file `path`."""
    unseen = []
    with closing(SQLiteBackend(path)) as backend, closing(sqlite3.connect(path, isolation_level=None)) as db:
        fill(backend, [b"a" * 65_536 + b"more", b"second"])
        change = f"UPDATE chunks SET {column} = ? WHERE rowid = 1"
        (held,) = db.execute(f"SELECT {column} FROM chunks WHERE seq = 0 AND log = 1").fetchone()
        for value in _changed(held):
            try:
                db.execute(change, (value,))
            except sqlite3.IntegrityError:
                continue  # NULL, or a number that is taken: nothing was changed
            with suppress(CorruptTape):
                list(backend.chunks("log"))
                unseen.append(value)
        db.execute(change, (held,))
        assert not unseen, f"{len(unseen)} changes of {column} are not seen, first {unseen[0]!r}"
        assert len(list(backend.chunks("log"))) == 2


def _changed(held):
    if isinstance(held, bytes):
        flipped = [flipped + held[8:] for flipped in flips(held[:8])]
        return [*flipped, held[:-1], held + b"\0", held.decode(), None, 7]
    return [*(held ^ 1 << bit for bit in range(40)), str(held) + "x", b"x"]


def a_torn_end_is_cut_off(root):
    """Assert that a log that is torn at any byte of its last chunk can be read, and goes on."""
    backend = DirectoryBackend(root)
    fill(backend, [*CHUNKS, b"longer than what follows" * 4])
    (file,) = root.iterdir()
    whole = file.read_bytes()
    for size in range(whole.rindex(CHUNKS[-1]) + 16, len(whole)):
        file.write_bytes(whole[:size])

        assert list(backend.chunks("log")) == CHUNKS
        fresh = DirectoryBackend(root)
        fresh.append("log", 4, b"")
        assert _read(backend) == [*CHUNKS, b""], f"the end that was torn at byte {size} is still there"
        backend.append("log", 5, b"goes on")
        assert _read(fresh) == [*CHUNKS, b"", b"goes on"]


def _read(backend):
    try:
        return list(backend.chunks("log"))
    except CorruptTape as error:
        return error
