"""What a store gives back of a run in which something was damaged: on disk, through its own backend."""

import sqlite3
from contextlib import closing

import pytest
from attrs import evolve
from storage.test_store import unsealed
from tapes import SMALL

from tracefork.errors import CorruptTape, TraceforkError
from tracefork.storage.store import TapeStore

pytestmark = pytest.mark.slow  # run on one Python, in .ci/run
TINY = evolve(SMALL, steps=SMALL.steps[1:2], pending=(), parent=None, run_id="tiny")


def stored(tmp_path, kind, form):
    where = tmp_path / kind
    with TapeStore.open(where) as store:
        if form == "sealed":
            store.save(TINY)
        else:
            unsealed(store, TINY)
    return where


def outcomes(where):
    """What loading and salvaging come to."""
    with TapeStore.open(where) as store:
        try:
            store.load("tiny")
        except TraceforkError as error:
            loaded = error
        else:
            loaded = None
        try:
            return loaded, store.salvage("tiny")
        except TraceforkError as error:
            return loaded, error


@pytest.mark.parametrize("form", ["sealed", "journal"])
def test_any_flipped_bit_of_a_file_is_found_and_costs_nothing(tmp_path, form):
    where = stored(tmp_path, "runs", form)
    (log,) = where.glob("*.log")
    data = log.read_bytes()
    lost = []
    for at in range(len(data)):
        log.write_bytes(data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :])
        loaded, left = outcomes(where)

        assert isinstance(loaded, CorruptTape), at
        if left != TINY:
            lost.append(at)

    assert lost == []


@pytest.mark.parametrize("form", ["sealed", "journal"])
@pytest.mark.parametrize("column", ["head", "rest", "crc32", "head_crc32"])
def test_any_flipped_byte_of_a_row_is_found_and_costs_nothing(tmp_path, form, column):
    where = stored(tmp_path, "runs.db", form)
    with closing(sqlite3.connect(where)) as db:
        rows = db.execute(f"SELECT rowid, {column} FROM chunks").fetchall()
        for row, value in rows:
            values = [value ^ 1 << bit for bit in range(32)] if isinstance(value, int) else flipped(value)
            for other in values:
                db.execute(f"UPDATE chunks SET {column} = ? WHERE rowid = ?", (other, row))
                db.commit()
                loaded, left = outcomes(where)

                assert isinstance(loaded, CorruptTape)
                assert left == TINY
            db.execute(f"UPDATE chunks SET {column} = ? WHERE rowid = ?", (value, row))
            db.commit()


def flipped(data):
    return [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(0, len(data), 7)]
