"""Runs in a store: kept under their names, listed without being read, checked, and salvaged."""

import re
from time import strptime

import pytest
from attrs import evolve
from hypothesis import given
from tapes import SMALL, tapes, timed

from tracefork.backends.directory import DirectoryBackend
from tracefork.backends.memory import MemoryBackend
from tracefork.backends.sqlite import SQLiteBackend
from tracefork.codec import pack
from tracefork.codec.limits import Limits
from tracefork.codec.records import Header, fold, list_records
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, UNFINISHED, Branch
from tracefork.errors import CorruptTape, NotFound, RunExists, StoreError, TooLarge
from tracefork.storage.lineage import replace
from tracefork.storage.store import TapeStore, new_run_id

PLAIN = Tape(SMALL.steps, run_id="plain", agent_name="booking", created_at=5.0, outcome=RETURNED)


@pytest.fixture
def store():
    with TapeStore(MemoryBackend()) as opened:
        yield opened


def unsealed(store, tape, size=2):
    told = list_records(tape)
    log = store.begin(Header.of(tape))
    for start in range(0, len(told), size):
        log.write(told[start : start + size])
    return log


def planted(chunks, name="small"):
    """A store whose log `name` consists of `chunks`, whatever they are."""
    backend = MemoryBackend()
    for number, chunk in enumerate(chunks):
        backend.append(name, number, chunk)
    return TapeStore(backend)


def chunks_of(tape):
    backend = MemoryBackend()
    unsealed(TapeStore(backend), tape)
    return list(backend.chunks(tape.run_id))


def flipped(data, at):
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


# -- what goes in ------------------------------------------------------------------


@given(tapes())
def test_a_saved_tape_loads_as_it_was(tape):
    with TapeStore(MemoryBackend()) as store:
        back = store.load(store.save(tape, "kept"))

    assert back == evolve(tape, run_id="kept")
    assert timed(back) == timed(tape)


def test_a_tape_is_kept_under_its_own_name_unless_told_otherwise(store):
    assert store.save(SMALL) == "small"
    assert store.save(SMALL, "again") == "again"
    assert re.fullmatch(r"\d{8}-\d{6}-[0-9a-f]{8}", store.save(Tape()))


@pytest.mark.parametrize("sealed", [True, False])
def test_a_taken_name_is_refused(store, sealed):
    log = unsealed(store, SMALL)
    if sealed:
        log.seal(SMALL)

    with pytest.raises(RunExists, match="small"):
        store.save(SMALL)
    with pytest.raises(RunExists, match="small"):
        store.begin(Header("small"))


def test_a_tape_that_does_not_survive_packing_leaves_no_trace(store):
    with pytest.raises(CorruptTape, match=r"nothing was written|shape"):
        store.save(evolve(SMALL, meta={"count": 3}))

    assert "small" not in store


def test_meta_that_is_too_large_is_refused_before_a_run_begins(store):
    with pytest.raises(ValueError, match="meta is too large"):
        store.begin(Header("r", meta={"notes": "x" * 70_000}))

    assert "r" not in store


def test_a_run_needs_a_name(store):
    with pytest.raises(ValueError, match="run_id"):
        store.begin(Header(""))


class Full(MemoryBackend):
    def seal(self, name, packed):
        raise StoreError("the disk is full")


def test_a_save_that_the_medium_refuses_leaves_no_run():
    with TapeStore(Full()) as store:
        with pytest.raises(StoreError, match="full"):
            store.save(SMALL)

        assert "small" not in store


# -- a run that is being written ---------------------------------------------------


def test_what_was_written_can_be_read_before_the_end(store):
    log = store.begin(Header.of(SMALL))
    told = list_records(SMALL)

    for number, record in enumerate(told, 1):
        log.write([record])
        assert store.load("small") == fold(Header.of(SMALL), told[:number])


def test_a_run_is_the_same_before_and_after_it_is_sealed(store):
    log = unsealed(store, SMALL)
    live = store.load("small")
    log.seal(SMALL)

    assert store.load("small") == live == SMALL
    assert timed(store.load("small")) == timed(SMALL)


def test_a_log_is_sealed_with_its_own_run_alone(store):
    log = unsealed(store, SMALL)

    with pytest.raises(ValueError, match="small"):
        log.seal(PLAIN)


def test_a_tape_that_does_not_survive_packing_leaves_the_records(store):
    log = unsealed(store, SMALL)

    with pytest.raises(StoreError, match="records are kept"):
        log.seal(evolve(SMALL, meta={"count": 3}))

    assert store.load("small") == SMALL


def test_a_torn_last_chunk_is_the_end_of_the_run():
    chunks = chunks_of(SMALL)

    back = planted([*chunks[:-1], chunks[-1][:40]]).load("small")

    assert back.outcome == UNFINISHED
    assert set(back.steps) <= set(SMALL.steps)


# -- what goes wrong ---------------------------------------------------------------


def test_damage_names_the_run_and_the_chunk():
    chunks = chunks_of(SMALL)
    chunks[2] = flipped(chunks[2], 60)

    with pytest.raises(CorruptTape, match="run 'small', chunk 2"):
        planted(chunks).load("small")


@pytest.mark.parametrize("chunks", [chunks_of(SMALL), [pack.pack(SMALL)]], ids=["live", "sealed"])
def test_a_run_under_another_name_is_refused(chunks):
    store = planted(chunks, "other")

    with pytest.raises(CorruptTape, match="'small'"):
        store.load("other")
    assert [info.damage for info in store.runs()] == ["it is the header of run 'small'"]


def test_a_run_that_is_not_there_is_not_found(store):
    for ask in (store.load, store.delete, store.salvage, store.resolve):
        with pytest.raises(NotFound, match="'gone'"):
            ask("gone")
    assert "gone" not in store
    assert "" not in store
    assert 3 not in store


def test_the_limits_of_a_store_hold_for_what_it_loads():
    backend = MemoryBackend()
    TapeStore(backend).save(SMALL)

    with pytest.raises(TooLarge, match="run 'small'"):
        TapeStore(backend, limits=Limits(blob=2)).load("small")


# -- lists -------------------------------------------------------------------------


def test_a_sealed_run_is_described_by_its_head(store):
    store.save(SMALL)

    (info,) = store.runs()

    assert (info.run_id, info.agent_name, info.created_at, info.meta) == ("small", "booking", 9.5, SMALL.meta)
    assert (info.parent, info.sealed, info.exchanges) == (SMALL.parent, True, 1)
    assert (info.outcome, info.digest, info.damage) == (SMALL.outcome, SMALL.digest(), "")


def test_a_run_being_written_is_described_by_its_header(store):
    unsealed(store, SMALL)

    (info,) = store.runs()

    assert (info.run_id, info.sealed, info.exchanges, info.outcome, info.digest) == (
        *("small", False),
        *(None, None, None),
    )


def test_a_damaged_head_is_listed_and_hides_no_other():
    store = planted([b"rubbish"], "bad")
    store.save(PLAIN)

    listed = {info.run_id: info.damage for info in store.runs()}

    assert listed == {"plain": "", "bad": "this is not a tracefork tape"}


def test_the_branches_of_a_run_are_those_that_name_it(store):
    store.save(PLAIN)
    store.save(evolve(PLAIN, run_id="left", parent=Branch("plain", 2, "polite", "why")))
    store.save(evolve(PLAIN, run_id="leaf", parent=Branch("left", 0)))

    (branch,) = store.branches("plain")

    assert (branch.branch_id, branch.parent, branch.step) == ("left", "plain", 2)
    assert (branch.name, branch.desc) == ("polite", "why")
    assert store.load(branch.branch_id).parent == Branch("plain", 2, "polite", "why")


def test_a_prefix_resolves_to_the_only_run_that_has_it(store):
    for name in ("2024-a", "2024-b", "2025", "20"):
        store.save(PLAIN, name)

    assert store.resolve("2025") == "2025"
    assert store.resolve("2024-b") == "2024-b"
    assert store.resolve("20") == "20"
    with pytest.raises(StoreError, match="2024-a, 2024-b"):
        store.resolve("2024")


# -- check and salvage -------------------------------------------------------------


def test_a_sound_store_has_no_findings(store):
    store.save(SMALL)
    unsealed(store, PLAIN)

    assert list(store.check()) == []


def test_a_check_finds_what_is_damaged_and_says_where():
    chunks = chunks_of(SMALL)
    chunks[1] = flipped(chunks[1], 50)
    store = planted(chunks)
    store.save(PLAIN)

    (finding,) = store.check()

    assert (finding.run_id, finding.where) == ("small", "run 'small', chunk 1, exchange 0")
    assert "damaged" in finding.problem
    assert finding.advice


def test_every_flipped_byte_of_a_stored_run_is_found_by_a_check():
    packed = pack.pack(SMALL)

    for at in range(len(packed)):
        assert [f.run_id for f in planted([flipped(packed, at)]).check()] == ["small"]


def test_a_sample_of_none_checks_none():
    assert list(planted([b"rubbish"]).check(sample=0.0)) == []


def test_a_run_without_damage_is_salvaged_whole(store):
    store.save(SMALL)

    assert store.salvage("small") == SMALL


def test_a_bit_that_turned_in_a_chunk_is_turned_back(store):
    chunks = chunks_of(SMALL)
    for number in range(1, len(chunks)):
        turned = [flipped(c, 9 * len(c) // 10) if n == number else c for n, c in enumerate(chunks)]

        assert planted(turned).salvage("small") == SMALL


def test_a_log_that_lost_a_chunk_keeps_what_came_before_it():
    chunks = chunks_of(SMALL)
    chunks[2] = flipped(flipped(chunks[2], 30), 40)

    left = planted(chunks).salvage("small")

    assert left.steps == SMALL.steps[: len(left.steps)]
    assert (left.agent_name, left.outcome) == ("booking", UNFINISHED)


def test_a_sealed_run_with_a_damaged_head_keeps_its_steps():
    left = planted([flipped(pack.pack(SMALL), 50)]).salvage("small")

    assert left.steps == SMALL.steps
    assert left.run_id == "small"


def test_a_run_of_which_nothing_is_left_says_so():
    with pytest.raises(CorruptTape, match="run 'small'"):
        planted([b"rubbish"]).salvage("small")


class Ruined(MemoryBackend):
    """A backend that finds damage wherever it is asked to begin."""

    def chunks(self, name, start=0):
        raise CorruptTape("the medium is damaged")


def test_a_backend_that_only_finds_damage_does_not_keep_salvage_for_ever():
    with pytest.raises(CorruptTape, match="nothing"):
        TapeStore(Ruined()).salvage("small")


# -- where -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "kind"),
    [
        ("runs.db", SQLiteBackend),
        ("runs.sqlite", SQLiteBackend),
        ("runs.sqlite3", SQLiteBackend),
        ("runs", DirectoryBackend),
    ],
)
def test_the_path_says_which_backend(tmp_path, where, kind):
    with TapeStore.open(tmp_path / where) as store:
        assert isinstance(store.backend, kind)
        store.save(SMALL)
    with TapeStore.open(str(tmp_path / where), durability="power") as store:
        assert store.load("small") == SMALL
        assert list(store.check()) == []


def test_an_existing_directory_is_one_whatever_its_suffix(tmp_path):
    (tmp_path / "runs.v1").mkdir()

    with TapeStore.open(tmp_path / "runs.v1") as store:
        assert isinstance(store.backend, DirectoryBackend)


def test_memory_is_a_place_too():
    with TapeStore.open(":memory:") as store:
        assert isinstance(store.backend, MemoryBackend)


def test_a_path_that_says_nothing_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"runs\.json"):
        TapeStore.open(tmp_path / "runs.json")


# -- limits --------------------------------------------------------------------------


FEW = Limits(steps=len(SMALL.steps) - 1)


@pytest.mark.parametrize(
    "keep",
    [
        lambda store: store.save(SMALL),
        lambda store: unsealed(store, SMALL).seal(SMALL),
        lambda store: replace(store.backend, SMALL, FEW),
    ],
)
def test_what_is_beyond_the_limits_is_kept_with_a_warning_and_read_by_who_raises_them(keep):
    store = TapeStore(MemoryBackend(), limits=FEW)
    with pytest.warns(RuntimeWarning, match="run 'small' is kept whole, and larger than will be read"):
        keep(store)

    with pytest.raises(TooLarge, match=r"limits="):
        store.load("small")
    (finding,) = store.check()
    assert not finding.certain
    assert TapeStore(store.backend).load("small") == SMALL


def test_a_journal_beyond_the_limits_waits_for_who_raises_them():
    store = TapeStore(MemoryBackend(), limits=FEW)
    unsealed(store, SMALL)

    assert list(store.gc(now=1e12)) == []
    assert [done.run_id for done in TapeStore(store.backend).gc(now=1e12)] == ["small"]
    assert TapeStore(store.backend).load("small").steps == SMALL.steps


def test_run_ids_sort_by_time_and_differ():
    names = [new_run_id() for _ in range(50)]

    assert len(set(names)) == 50
    assert [name[:15] for name in names] == sorted(name[:15] for name in names)
    assert strptime(names[0][:15], "%Y%m%d-%H%M%S")
