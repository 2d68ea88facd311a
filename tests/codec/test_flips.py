"""Every bit of a tape counts: whichever is turned, a typed error refuses the tape, in each form."""

import re
import sqlite3
from contextlib import closing

import pytest
from attrs import evolve
from logs import chunks_of, flips
from tapes import SMALL

from tracefork.codec import journal, pack
from tracefork.codec.frames import frame
from tracefork.core.tape import Tape
from tracefork.errors import CorruptTape, TraceforkError, Truncated
from tracefork.storage import tape_file
from tracefork.storage.store import TapeStore

pytestmark = pytest.mark.slow  # run on one Python, in .ci/run
SEALED = pack.pack(SMALL)
CHUNKS = chunks_of(SMALL, 3)
TINY = Tape(SMALL.steps[1:2], run_id="tiny")


def unseen(changes, read):
    """Which of `changes`, made as they are drawn, `read` takes for a whole tape."""
    found = []
    for number, _ in enumerate(changes):
        try:
            read()
        except TraceforkError:
            continue
        found.append(number)
    return found


def flipped_in_place(path):
    """Turn each bit of a file in turn, and in the end none."""
    with path.open("r+b", buffering=0) as file:
        for at, byte in enumerate(path.read_bytes()):
            for bit in range(8):
                yield file.seek(at), file.write(bytes([byte ^ 1 << bit]))
            file.seek(at)
            file.write(bytes([byte]))


def flipped_in_rows(db):
    """Turn each bit of each column of a database in turn, and in the end none."""
    db.execute("PRAGMA synchronous = OFF")
    columns = ("head", "crc32", "head_crc32")
    for row, *values in db.execute(f"SELECT rowid, {', '.join(columns)} FROM chunks").fetchall():
        for column, value in zip(columns, values):
            turned = flips(value) if isinstance(value, bytes) else (value ^ 1 << bit for bit in range(32))
            for other in turned:
                yield db.execute(f"UPDATE chunks SET {column} = ? WHERE rowid = ?", (other, row))
            db.execute(f"UPDATE chunks SET {column} = ? WHERE rowid = ?", (value, row))


def test_every_flipped_bit_of_a_sealed_tape_is_found():
    for flipped in flips(SEALED):
        with pytest.raises(CorruptTape):
            pack.unpack(flipped)


def test_every_flipped_bit_of_a_summary_is_found_by_who_reads_it_alone():
    end = frame.read(SEALED).end

    for flipped in flips(SEALED[:end]):
        with pytest.raises(CorruptTape):
            pack.read_summary(flipped + SEALED[end:])


@pytest.mark.parametrize("number", range(len(CHUNKS)))
def test_every_flipped_bit_of_a_chunk_is_found_and_the_chunk_named(number):
    for flipped in flips(CHUNKS[number]):
        with pytest.raises(CorruptTape) as caught:
            journal.unroll([*CHUNKS[:number], flipped, *CHUNKS[number + 1 :]], "small")

        assert re.match(f"chunk {number}\\b", caught.value.where)
        assert not isinstance(caught.value, Truncated)  # or it would pass for a torn end


def test_every_flipped_bit_of_a_file_is_found(tmp_path):
    path = tmp_path / "run.tape"
    tape_file.save(TINY, path)

    assert unseen(flipped_in_place(path), lambda: tape_file.load(path)) == []
    assert tape_file.load(path) == TINY


@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_every_flipped_bit_of_a_log_file_is_found(tmp_path, form):
    with kept(tmp_path / "runs", form) as store:
        (log,) = (tmp_path / "runs").glob("*.log")

        assert unseen(flipped_in_place(log), lambda: store.load("tiny")) == []
        assert store.load("tiny") == TINY


@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_every_flipped_bit_of_a_row_is_found(tmp_path, form):
    path = tmp_path / "runs.db"
    with kept(path, form) as store, closing(sqlite3.connect(path, isolation_level=None)) as db:
        assert unseen(flipped_in_rows(db), lambda: store.load("tiny")) == []
        assert store.load("tiny") == TINY


@pytest.mark.parametrize("form", ["sealed", "journal"])
@pytest.mark.parametrize("where", ["runs", "runs.db"])
def test_a_check_names_the_damaged_run_alone(tmp_path, where, form):
    with kept(tmp_path / where, form) as store:
        store.save(evolve(TINY, run_id="whole"))
        hurt(tmp_path / where)

        assert [(finding.run_id, bool(finding.advice)) for finding in store.check()] == [("tiny", True)]


def kept(path, form):
    """A store with TINY in it."""
    store = TapeStore.open(path)
    if form == "sealed":
        store.save(TINY)
    else:
        for number, chunk in enumerate(chunks_of(TINY, 2)):
            store.backend.append("tiny", number, chunk)
    return store


def hurt(path):
    """Turn a bit in the log of run "tiny"."""
    if path.is_dir():
        log = next(log for log in path.glob("*.log") if b"tiny" in log.read_bytes())
        data = log.read_bytes()
        log.write_bytes(data[:-40] + bytes([data[-40] ^ 1]) + data[-39:])
        return
    with closing(sqlite3.connect(path)) as db, db:
        row, head = db.execute("SELECT rowid, head FROM chunks WHERE log = 1 ORDER BY seq DESC").fetchone()
        db.execute("UPDATE chunks SET head = ? WHERE rowid = ?", (head[:-40] + b"\x01" + head[-39:], row))
