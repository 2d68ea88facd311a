"""Tapes that several workers of pytest-xdist write: one whole file, whoever comes first."""

import pytest
from attrs import evolve

import tracefork
from tracefork.core.values import Exchange, Request, Response, Span
from tracefork.errors import Conflict, StoreError
from tracefork.testing.on_tape import keeping

TAPE = tracefork.Tape((Exchange(Request("GET", "http://a/"), Response(200), "", Span(0, 1, 2)),), run_id="a")


@pytest.fixture
def as_worker(monkeypatch, tmp_path):
    monkeypatch.setattr(keeping.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setenv("PYTEST_XDIST_TESTRUNUID", "a-session")
    return lambda name: monkeypatch.setenv("PYTEST_XDIST_WORKER", name)


def test_the_second_worker_writes_no_equal_tape_again_and_no_other_one(as_worker, tmp_path):
    place = tmp_path / "tapes/a.tape"
    as_worker("gw0")
    keeping.keep(TAPE, place)
    written = place.stat().st_mtime_ns
    as_worker("gw1")
    keeping.keep(TAPE, place)

    assert place.stat().st_mtime_ns == written
    with pytest.raises(Conflict, match="gw0 and gw1 both recorded"):
        keeping.keep(evolve(TAPE, steps=()), place)
    assert tracefork.load(place).digest() == TAPE.digest()


def test_what_one_worker_could_not_write_the_next_one_writes(as_worker, tmp_path):
    place = tmp_path / "tapes/a.tape"
    place.mkdir(parents=True)
    as_worker("gw0")
    with pytest.raises(StoreError):
        keeping.keep(TAPE, place)

    place.rmdir()
    as_worker("gw1")
    keeping.keep(TAPE, place)
    assert tracefork.load(place).digest() == TAPE.digest()


def test_a_file_on_another_drive_is_named_whole(monkeypatch):
    def refuse(*_):
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr(keeping.os.path, "relpath", refuse)
    assert keeping.shorten("D:/tests/tapes/a.tape") == "D:/tests/tapes/a.tape"
