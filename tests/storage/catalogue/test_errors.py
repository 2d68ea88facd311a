"""Errors of SQLite: what is damaged is made anew before it answers, and nothing else is thrown away."""

from __future__ import annotations

import sqlite3
import subprocess
import sys

import pytest
from storage.catalogue.runs import files_of, run

from tracefork import TapeStore
from tracefork.errors import StoreError
from tracefork.storage.catalogue import file as files
from tracefork.storage.catalogue.filters import Filters

ERRORS = {
    "memory": "SELECT zeroblob(2000000000)",
    "overflow": "SELECT SUM(x) FROM (SELECT 9223372036854775807 AS x UNION ALL SELECT 9223372036854775807)",
    "syntax": "SELECT FROM",
    "function": "SELECT nothing(1)",
    "words": "SELECT rowid FROM words WHERE words MATCH '\"'",
    "constraint": "INSERT INTO kept (key, value) VALUES ('birth', '')",
}
"""Statements that fail in a database that is whole."""

HARMS = {
    "no table": "DROP TABLE texts",
    "no index": "DROP TABLE words",
    "no part of the index": "DROP TABLE words_data",
    "no column": "ALTER TABLE runs RENAME COLUMN usd TO pounds",
    "nothing kept": "DROP TABLE kept",
    "no JSON": "UPDATE runs SET info = x'7b626164'",
    "no UTF-8": "UPDATE runs SET facts = x'ff'",
    "another JSON": "UPDATE runs SET info = CAST('{}' AS BLOB)",
    "a list": "UPDATE runs SET facts = CAST('[]' AS BLOB)",
    "no text": "UPDATE texts SET asked = x'00'",
    "no letters": "UPDATE runs SET word = CAST(x'ff' AS TEXT)",
}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def store(tmp_path):
    with TapeStore.open(tmp_path / "runs.db") as store:
        for name in ("one", "two", "three"):
            store.save(run(name, f"{name} says xylophone"))
        store.search()
        yield store


def names(found):
    return sorted(row.run_id for row in found.runs)


def birth(store):
    return store.catalogue._connection.reading(lambda db: dict(db.execute("SELECT * FROM kept")))["birth"]


@pytest.mark.parametrize("statement", ERRORS.values(), ids=ERRORS)
def test_an_error_that_is_no_damage_throws_nothing_away(store, statement):
    before = birth(store)
    with pytest.raises((StoreError, sqlite3.Error)):
        store.catalogue._connection.writing(lambda db: db.execute(statement).fetchall())

    assert birth(store) == before
    assert store.catalogue.path.exists()
    assert names(store.catalogue.peek(Filters())) == ["one", "three", "two"]


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("grep", ["", "xylophone"])
def test_a_damaged_one_is_filled_anew_before_it_answers(store, harm, grep):
    path = store.catalogue.path
    with sqlite3.connect(path) as db:
        db.execute(harm)
    db.close()

    assert names(store.catalogue.search(Filters(grep=grep))) == ["one", "three", "two"]
    assert store.catalogue.path == path


def test_one_that_was_thrown_away_between_two_statements_is_filled_anew(store, tmp_path):
    """By another process, while this one looks: what came since is not taken for all there is."""
    other = TapeStore.open(tmp_path / "runs.db")
    other.save(run("four"))
    filler = store.catalogue._filler
    compare = filler._compare_heads

    def interrupted(known):
        filler._compare_heads = compare
        store.catalogue._connection.clear()
        return compare(known)

    filler._compare_heads = interrupted

    assert names(store.search()) == ["four", "one", "three", "two"]
    other.close()


def test_a_catalogue_that_knows_nothing_of_its_store_says_so(tmp_path):
    with TapeStore.open(tmp_path / "runs.db") as store:
        store.save(run("one"))

        assert store.catalogue.peek(Filters()) is None
        assert names(store.catalogue.search(Filters())) == ["one"]
        store.catalogue.clear()
        assert store.catalogue.peek(Filters()) is None


@pytest.mark.parametrize("limit", ["PRAGMA max_page_count = 1", "PRAGMA query_only = ON"])
def test_where_the_system_lets_none_be_written_it_is_in_memory_and_whole(store, limit):
    """As with a full disk, and a file that may only be read: SQLite raises the same."""
    path = store.catalogue.path
    store.catalogue._connection._connect().execute(limit)
    store.save(run("four", " ".join(f"xylophone{number}" for number in range(20_000))))

    assert names(store.search(grep="xylophone7777")) == ["four"]
    assert names(store.search()) == ["four", "one", "three", "two"]
    assert store.catalogue.path is None
    with sqlite3.connect(path) as db:
        assert db.execute("SELECT COUNT(*) FROM runs").fetchone()[0] >= 3
    db.close()


HOLD = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def writer(store, monkeypatch):
    """Another process that writes to the catalogue, until it is told to end."""
    monkeypatch.setattr(files, "_PATIENCE", 0.05)
    store.close_catalogue()
    words = [sys.executable, "-c", HOLD, str(store.catalogue.path)]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.communicate()


def test_one_that_is_in_use_is_left_alone(store, writer):
    before = files_of(store.catalogue)
    with pytest.raises(StoreError, match="is in use: database is locked"):
        store.search()

    assert files_of(store.catalogue) == before


def test_a_run_that_was_deleted_while_another_process_wrote_is_gone_with_the_next_look(store, writer):
    assert b"xylophone" in files_of(store.catalogue)
    for name in ("one", "two", "three"):
        store.delete(name)
    assert b"xylophone" in files_of(store.catalogue)
    writer.communicate()

    assert names(store.search()) == []
    assert b"xylophone" not in files_of(store.catalogue)
