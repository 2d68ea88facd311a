"""One tape, one file: written whole or not at all, verified before it is believed."""

import os
import stat

import pytest
from attrs import evolve
from hypothesis import given
from tapes import SMALL, tapes, timed

from tracefork.codec.limits import Limits
from tracefork.core.tape import Tape
from tracefork.core.values import Exchange, Request, Response, Timing
from tracefork.errors import CorruptTape, StoreError, TooLarge, Truncated
from tracefork.storage.tape_file import dumps, load, loads, save


@given(tapes())
def test_what_is_dumped_loads_as_it_was(tape):
    back = loads(dumps(tape))

    assert back == tape
    assert timed(back) == timed(tape)


def test_save_writes_what_dumps_returns(tmp_path):
    save(SMALL, tmp_path / "run.tape")

    assert (tmp_path / "run.tape").read_bytes() == dumps(SMALL)
    assert load(tmp_path / "run.tape") == SMALL
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.tape"]


def test_a_path_may_be_text_and_relative(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    save(SMALL, "run.tape")

    assert load("run.tape") == SMALL


def test_a_new_file_is_its_owners_alone(tmp_path):
    save(SMALL, tmp_path / "run.tape")

    assert stat.S_IMODE((tmp_path / "run.tape").stat().st_mode) == 0o600


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "run.tape"
    path.write_bytes(b"old")
    path.chmod(0o644)

    save(SMALL, path)

    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert load(path) == SMALL


def test_a_link_stays_and_what_it_leads_to_is_replaced(tmp_path):
    (tmp_path / "kept").mkdir()
    link = tmp_path / "latest.tape"
    link.symlink_to(tmp_path / "kept" / "run.tape")

    save(SMALL, link)

    assert link.is_symlink()
    assert load(tmp_path / "kept" / "run.tape") == SMALL


def test_a_tape_that_does_not_survive_packing_is_not_written(tmp_path):
    path = tmp_path / "run.tape"
    save(SMALL, path)
    wrong = [
        evolve(SMALL, meta={"count": 3}),
        evolve(SMALL, agent_name=5),
        evolve(SMALL, steps=[Exchange(Request("GET", "u"), Response("200"))]),
        Tape((Exchange(Request("GET", "u"), Response(200), timing=Timing(headed="soon")),)),
    ]

    for tape in wrong:
        with pytest.raises((CorruptTape, ValueError, TypeError)):
            save(tape, path)

    assert load(path) == SMALL


@pytest.mark.parametrize("where", ["no/such/folder/run.tape", "folder", "n" * 300])
def test_a_refusal_of_the_file_system_is_a_store_error_that_says_where(tmp_path, where):
    (tmp_path / "folder").mkdir()

    with pytest.raises(StoreError, match=where) as caught:
        save(SMALL, tmp_path / where)

    assert isinstance(caught.value.__cause__, OSError)
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder"]


def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "run.tape"
    save(SMALL, path)

    def full(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match="No space left"):
        save(evolve(SMALL, agent_name="another"), path)

    assert load(path) == SMALL
    assert [entry.name for entry in tmp_path.iterdir()] == ["run.tape"]


def test_a_missing_file_is_a_store_error_that_names_it(tmp_path):
    with pytest.raises(StoreError, match=r"gone.tape.*No such file"):
        load(tmp_path / "gone.tape")


def test_what_is_no_regular_file_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")

    for path in (tmp_path, tmp_path / "pipe", "/dev/zero"):
        with pytest.raises(StoreError, match="no regular file"):
            load(path)


def test_damage_names_the_file(tmp_path):
    path = tmp_path / "run.tape"
    path.write_bytes(dumps(SMALL)[:-1])

    with pytest.raises(Truncated, match=r"run\.tape"):
        load(path)


def test_a_file_over_the_limits_is_not_even_read(tmp_path):
    path = tmp_path / "run.tape"
    with path.open("wb") as file:
        file.truncate(5 << 30)

    with pytest.raises(TooLarge, match=r"run\.tape"):
        load(path)


def test_limits_can_be_given(tmp_path):
    save(SMALL, tmp_path / "run.tape")

    with pytest.raises(TooLarge):
        load(tmp_path / "run.tape", limits=Limits(steps=1))
    with pytest.raises(TooLarge):
        loads(dumps(SMALL), limits=Limits(steps=1))


def test_bytes_may_come_as_any_buffer():
    assert loads(bytearray(dumps(SMALL))) == loads(memoryview(dumps(SMALL))) == SMALL


def test_what_are_not_bytes_is_the_programmers_slip():
    for wrong in (5, "text", None):
        with pytest.raises(TypeError):
            loads(wrong)
