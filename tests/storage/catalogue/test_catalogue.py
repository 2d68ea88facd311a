"""The file of a catalogue: private, derived, never in the way; what is gone from the store is gone here."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import warnings
from contextlib import closing

import httpx
import pytest
from attrs import evolve
from report import stories
from server.growing import Growing, story
from storage.catalogue.runs import files_of, run

import tracefork
from tracefork import Branch, TapeStore
from tracefork.core.notes import PROCESS
from tracefork.providers import anthropic, prices
from tracefork.storage.catalogue import file
from tracefork.storage.catalogue.catalogue import Catalogue
from tracefork.storage.catalogue.filters import make_filters
from tracefork.storage.catalogue.rows import judge
from tracefork.testing import scripted
from tracefork.transports.httpx import Transport


@pytest.fixture(params=["runs.db", "runs"])
def where(request, tmp_path):
    return tmp_path / request.param


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "tracefork" / "catalogue"


def names(found):
    return sorted(row.run_id for row in found.runs)


def filled(where, *more):
    store = TapeStore.open(where)
    for name in ("one", "two", *more):
        store.save(run(name, f"{name} says xylophone{name}"))
    return store


# -- where it is ------------------------------------------------------------------------


def test_it_is_a_file_of_its_owner_alone_in_a_folder_of_its_owner_alone(where, cache):
    cache.mkdir(parents=True, mode=0o755)
    with filled(where) as store:
        store.search()
        files = list(cache.iterdir())

        assert stat.S_IMODE(cache.stat().st_mode) == 0o700
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}
        assert store.catalogue.path in files
        assert not [file for file in files if "runs" in file.name or str(where.parent) in file.name]


def test_a_store_has_one_by_whatever_path_it_is_opened(where, cache, monkeypatch):
    with filled(where) as store:
        store.search()
    link = where.parent / "other"
    link.symlink_to(where.parent, target_is_directory=True)
    monkeypatch.chdir(where.parent)
    for path in (where.name, link / where.name):
        with TapeStore.open(path) as store:
            assert len(store.search()) == 2

    assert len(list(cache.glob("*.db"))) == 1


def test_nothing_of_the_store_is_written_by_a_search(where, cache):
    with filled(where):
        pass
    files = [where] if where.is_file() else sorted(where.iterdir())
    before = [(file.read_bytes(), file.stat().st_mtime_ns) for file in files]
    with TapeStore.open(where) as store:
        store.search(grep="xylophoneone")

    assert [(file.read_bytes(), file.stat().st_mtime_ns) for file in files] == before


def test_recording_keeps_nothing_in_the_folder_for_caches(where, cache):
    with TapeStore.open(where) as store, tracefork.record(store):
        pass

    assert not cache.exists()


def test_a_store_in_memory_has_one_in_memory(cache):
    with filled(":memory:") as store:
        assert names(store.search(grep="xylophonetwo")) == ["two"]
        assert store.catalogue.path is None
    assert not cache.exists()


@pytest.mark.parametrize("home", ["file", "link", "unwritable"])
def test_where_there_can_be_no_file_it_is_in_memory(tmp_path, monkeypatch, home):
    place = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(place))
    if home == "file":
        place.write_text("mine")
    elif home == "unwritable":
        monkeypatch.setenv("XDG_CACHE_HOME", "/proc/nothing")
    else:
        (tmp_path / "elsewhere").mkdir()
        (place / "tracefork").mkdir(parents=True)
        (place / "tracefork" / "catalogue").symlink_to(tmp_path / "elsewhere")
    with filled(tmp_path / "runs.db") as store:
        assert names(store.search(grep="xylophonetwo")) == ["two"]
        assert store.catalogue.path is None

    assert home != "file" or place.read_text() == "mine"
    assert home != "link" or not list((tmp_path / "elsewhere").iterdir())


def test_a_link_in_the_place_of_the_file_is_not_followed(where, cache):
    with filled(where) as store:
        store.search()
        file = store.catalogue.path
    victim = where.parent / "victim"
    victim.write_text("mine")
    file.unlink()
    file.symlink_to(victim)
    with TapeStore.open(where) as store:
        assert len(store.search()) == 2

    assert victim.read_text() == "mine"
    assert not file.is_symlink()


def test_one_that_nobody_fills_any_more_is_removed_when_another_is_made(tmp_path, cache):
    with filled(tmp_path / "old.db") as store:
        store.search()
        old = store.catalogue.path
    with filled(tmp_path / "young.db") as store:
        store.search()
        young = store.catalogue.path
    os.utime(old, (1.0, 1.0))
    with filled(tmp_path / "new.db") as store:
        store.search()

    assert not old.exists()
    assert young.exists()


# -- it can be thrown away ----------------------------------------------------------------


@pytest.mark.parametrize(
    "harm",
    [
        lambda file: file.write_bytes(b""),
        lambda file: file.write_bytes(b"no database " * 1000),
        lambda file: file.write_bytes(file.read_bytes()[:5000]),
        lambda file: file.write_bytes(file.read_bytes()[:4096] + os.urandom(60_000)),
        lambda file: file.unlink(),
        lambda file: sqlite3.connect(file).execute("DROP TABLE runs").connection.close(),
        lambda file: sqlite3.connect(file).execute("DROP TABLE kept").connection.close(),
    ],
)
@pytest.mark.parametrize("open_", [False, True])
def test_a_damaged_or_deleted_one_is_made_anew(tmp_path, cache, harm, open_):
    with filled(tmp_path / "runs.db") as store:
        store.search()
        file = store.catalogue.path
        if not open_:
            store.close_catalogue()
        harm(file)

        assert names(store.search(grep="says")) == ["one", "two"]
        assert store.catalogue.path == file
        assert names(store.search(grep="xylophonetwo")) == ["two"]


def test_one_of_another_version_is_made_anew(tmp_path, cache):
    with filled(tmp_path / "runs.db") as store:
        store.search()
        with sqlite3.connect(store.catalogue.path) as db:
            db.execute("UPDATE kept SET value = '0' WHERE key = 'made_by'")
            db.execute("ALTER TABLE runs RENAME COLUMN task TO errand")
        db.close()
    with TapeStore.open(tmp_path / "runs.db") as store:
        assert len(store.search(sort="task")) == 2


def test_other_prices_are_another_catalogue(tmp_path, cache):
    dear = prices.loads(
        '{"as_of": "2026-11-25", "models": {"claude-sonnet-4-5": {"input": 1e6, "output": 0}}}'
    )
    with filled(tmp_path / "runs.db") as store:
        cheap = store.search().sums.cost
        catalogue = Catalogue(store, dear)
        catalogue.update()
        from tracefork.storage.catalogue.filters import Filters

        assert catalogue.search(Filters()).sums.cost > 1000 * cheap
        store.delete("one")
        assert names(catalogue.search(Filters())) == ["two"]
        catalogue.close()


@pytest.mark.slow
def test_two_processes_may_fill_it_at_once(where, cache):
    with filled(where, *map(str, range(20))):
        pass
    words = [sys.executable, "-m", "tracefork", "ls", "--store", str(where), "--grep", "says", "--json"]
    both = [subprocess.Popen(words, stdout=-1, stderr=-1, text=True) for _ in range(3)]
    for process in both:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.count('"run_id"') == 22


def test_threads_may_search_while_others_do(where, cache):
    with filled(where) as store:
        counts = []

        def look():
            for _ in range(20):
                counts.append(len(store.search(grep="says")))

        threads = [threading.Thread(target=look) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert counts == [2] * 80


def test_a_forked_child_searches_too(where, cache):
    with filled(where) as store:
        store.search()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            child = os.fork()
        if child == 0:
            os._exit(0 if len(store.search(grep="says")) == 2 else 1)
        _, status = os.waitpid(child, 0)

        assert status == 0
        assert len(store.search(grep="says")) == 2


# -- what is gone is gone -------------------------------------------------------------------


@pytest.mark.parametrize("opened", [True, False])
def test_a_run_that_is_deleted_leaves_it_at_once_with_every_word(where, cache, opened):
    with filled(where) as store:
        store.search()
        catalogue = store.catalogue
        assert b"xylophonetwo" in files_of(catalogue)
        if not opened:
            store.close_catalogue()
        with TapeStore.open(where) as other:
            other.delete("one")

        assert b"xylophonetwo" in files_of(catalogue)
        assert b"xylophoneone" not in files_of(catalogue)
        assert names(catalogue.search(tracefork.storage.catalogue.filters.Filters())) == ["two"]


def test_a_run_that_somebody_removed_is_gone_with_the_next_look(tmp_path, cache):
    with filled(tmp_path / "runs") as store:
        store.search()
        for file in (tmp_path / "runs").iterdir():
            if b"xylophoneone" in file.read_bytes() or b'"one"' in file.read_bytes():
                file.unlink()
        found = names(store.search())
        left = names(TapeStore.open(tmp_path / "runs").search())

        assert found == left
        assert ("one" in found) == any(info.run_id == "one" for info in store.runs())


def test_another_run_of_the_same_name_takes_its_place(where, cache):
    with filled(where) as store:
        store.search()
        store.delete("one")
        store.save(run("one", "says zither"))

        assert names(store.search(grep="xylophoneone")) == []
        assert names(store.search(grep="zither")) == ["one"]


def test_a_run_whose_branch_is_rebased_stays_known(where, cache):
    with filled(where) as store:
        store.save(run("child", "of xylophonechild", parent=Branch("one", 0)))
        assert names(store.search(parent="one")) == ["child"]
        store.delete("one", rebase=True)

        assert names(store.search(grep="xylophonechild")) == ["child"]
        assert names(store.search()) == ["child", "two"]


def test_no_secret_that_was_taken_out_is_in_it(where, cache):
    """Answers keep a surrogate, by which the agent goes on; what is searched has its name instead."""
    key = "sk-ant-api03-" + "Zq7" * 26
    model = scripted.Script(anthropic.text(f"Use {key} from now on."))
    with TapeStore.open(where) as store:
        with tracefork.record(store, run_id="secret") as recorded:
            with httpx.Client(transport=Transport(recorded, scripted.transport(model, httpx))) as client:
                wish = [{"role": "user", "content": f"My key is {key}, what now?"}]
                client.post(
                    "https://api.anthropic.com/v1/messages",
                    json={"model": "m", "max_tokens": 9, "messages": wish},
                )
        tape = store.load("secret")
        assert "secret:" in store.search(grep="secret").runs[0].found
        from tracefork.storage.catalogue.rows import read_texts

        kept = store.catalogue._connection.reading(lambda db: read_texts(db, 1))
        assert key not in "".join(kept)
        assert "[secret:" in kept[0]
        assert "[secret:" in kept[1]
        surrogates = re.findall(r"sk-ant-[\w-]{20,}", tape[0].response.body.decode())
        assert not [one for one in surrogates if one in "".join(kept)]


def test_a_run_that_cannot_be_read_is_damaged_and_the_others_are_not(tmp_path, cache):
    with filled(tmp_path / "runs") as store:
        store.save(evolve(stories.release(), run_id="big"))
        for file in (tmp_path / "runs").iterdir():
            data = bytearray(file.read_bytes())
            if b"big" in data[:200]:
                data[len(data) // 2] ^= 255
                file.write_bytes(bytes(data))
        found = store.search()

        assert {row.run_id: row.outcome for row in found.runs} == {
            "one": "finished",
            "two": "finished",
            "big": "damaged",
        }
        assert next(row for row in found.runs if row.run_id == "big").error
        assert names(store.search(outcome="damaged")) == ["big"]
        assert found.sums.unread == 0


# -- live or dead ------------------------------------------------------------------------------

RECORD = """
import sys, tracefork
from tracefork.testing import scripted
with tracefork.record(sys.argv[1], run_id="killed", agent_name="agent") as run:
    run.flush()
    print("going", flush=True)
    sys.stdin.read()
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nobody tells which process is which")
def test_a_run_goes_on_until_its_process_is_killed_and_is_cut_short_from_then_on(where, cache):
    process = subprocess.Popen([sys.executable, "-c", RECORD, str(where)], stdin=-1, stdout=-1, text=True)
    assert process.stdout.readline() == "going\n"
    with TapeStore.open(where) as store:
        (row,) = store.search().runs
        assert (row.outcome, row.sealed, row.is_going_on) == ("going on", False, True)
        process.send_signal(signal.SIGKILL)
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        (row,) = store.search().runs
        assert (row.outcome, row.sealed) == ("cut short", False)
        assert names(store.search(outcome="going on")) == []
        process.communicate()


def test_a_run_of_another_machine_goes_on_as_long_as_it_moves():
    assert judge("0123456789abcdef 1 1", 1000.0, 1000.0 + 899) == "going on"
    assert judge("0123456789abcdef 1 1", 1000.0, 1000.0 + 901) == "cut short"
    assert judge("", 1000.0, 2000.0) == "cut short"


def test_who_records_a_run_is_in_no_tape_of_it_and_changes_no_digest(where):
    with TapeStore.open(where) as store:
        grown = Growing(store, story(2))
        grown.step()
        (info,) = store.runs()
        assert info.meta[PROCESS].split(" ")[1] == str(os.getpid())
        assert PROCESS not in store.load("growing").meta
        before = store.load("growing").digest()
        grown.step()
        grown.close()
        grown.seal()
        (info,) = store.runs()

        assert PROCESS not in info.meta
        assert store.load("growing") == story(2)
        assert store.load("growing").digest() == story(2).digest() != before


def test_a_run_with_more_meta_than_there_is_room_for_begins_all_the_same(where):
    meta = {"k": "x" * 40_000}
    with TapeStore.open(where) as store, tracefork.record(store, run_id="r", meta=meta) as recorded:
        (info,) = store.runs()
        assert PROCESS not in info.meta
    assert recorded.tape.meta["k"] == meta["k"]


@pytest.mark.parametrize("name", ["runs.db", "runs", "\udcff odd %.db"], ids=ascii)
def test_the_words_of_a_store_that_was_moved_are_gone_once_it_is_looked_at(tmp_path, monkeypatch, name):
    if os.name != "posix" and not name.isascii():
        pytest.skip("this system has no such name")
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
    with TapeStore.open(tmp_path / "other.db") as other:
        other.save(run("kept", "says marimba"))
        other.search()
        kept = other.catalogue.path
    with TapeStore.open(tmp_path / name) as store:
        store.save(run("one", "says xylophone"))
        store.search()
        old = store.catalogue.path

    moved = tmp_path / f"moved {name}"
    (tmp_path / name).rename(moved)
    with TapeStore.open(moved) as store:
        assert [row.run_id for row in store.search(grep="xylophone").runs] == ["one"]
        assert not old.exists()
        store.delete("one")

    assert kept.exists()
    assert not [file for file in cache.rglob("*") if file.is_file() and b"xylophone" in file.read_bytes()]


@pytest.mark.slow
def test_words_that_somebody_reads_while_they_are_deleted_are_gone_with_the_next_look(tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))

    def left():
        return [
            file.name for file in cache.rglob("*") if file.is_file() and b"xylophone" in file.read_bytes()
        ]

    with TapeStore.open(tmp_path / "runs.db") as store:
        store.save(run("one", "says xylophone"))
        store.save(run("two", "says marimba"))
        store.search()
        with closing(sqlite3.connect(store.catalogue.path, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            assert reader.execute("SELECT COUNT(*) FROM runs").fetchall() == [(2,)]
            store.delete("one")
            assert [row.run_id for row in store.search().runs] == ["two"]
            assert left(), "the reader still sees them"
        store.search()
        assert left() == []


class Turned:
    """A connection to a file that others turn to a log beside it just now: SQLite waits for none of them."""

    def __init__(self, db, times):
        self.db, self.times = db, times

    def execute(self, text):
        if self.times:
            self.times -= 1
            busy = sqlite3.OperationalError("database is locked")
            busy.sqlite_errorname = "SQLITE_BUSY"
            raise busy
        return self.db.execute(text)


def test_whoever_makes_it_waits_for_others_that_do(tmp_path, monkeypatch):
    with closing(sqlite3.connect(tmp_path / "one.db")) as db:
        file._log_ahead(Turned(db, 3))
        assert db.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        monkeypatch.setattr(file, "_PATIENCE", 0.02)
        with pytest.raises(sqlite3.OperationalError):
            file._log_ahead(Turned(db, 1000))


def test_what_somebody_else_has_read_meanwhile_stays_read(where, cache):
    with filled(where) as store:
        first, second = Catalogue(store), Catalogue(store)
        compare = second._filler._compare_heads

        def compare_slowly(known):
            change = compare(known)
            first.update()
            return change

        second._filler._compare_heads = compare_slowly
        second.look()
        assert len(first.search(make_filters(now=0.0, grep="says"))) == 2
        first.close()
        second.close()
