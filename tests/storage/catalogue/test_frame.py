"""What was found as records and tables: a row for each run, or for each call, and typed columns."""

from __future__ import annotations

import sys
from datetime import UTC, datetime

import pytest
from attrs import evolve
from report import stories
from server.conftest import filled

from tracefork.core.values import Branch
from tracefork.errors import BadFilter, MissingPart
from tracefork.storage.catalogue.frame import record_all, record_calls
from tracefork.storage.catalogue.reading import ROOM

RUN = stories.release().run_id


@pytest.fixture
def store():
    with filled(":memory:") as store:
        yield store


def test_a_record_of_a_run_has_what_is_known_of_it(store):
    (record,) = [one for one in record_all(store.load, store.search(), "runs") if one["run_id"] == RUN]

    assert record["created_at"] == datetime.fromtimestamp(stories.BEGAN, UTC).isoformat()
    assert record["models"] == ["claude-sonnet-4-5"]
    assert (record["calls"], record["input_tokens"], record["cost"]) == (10, 4790, 0.016425)


def test_records_of_calls_are_those_of_the_tapes(store):
    records = list(record_calls(stories.release()))

    assert [one["step"] for one in records] == list(range(10))
    assert [one["status"] for one in records].count(529) == 1
    assert records[0]["tools"] == ["get_ticket"]
    assert sum(one["input_tokens"] or 0 for one in records) == 4790
    assert len(list(record_all(store.load, store.search(), "calls"))) == store.search().sums.calls


def test_calls_that_were_served_say_so():
    tape = stories.release()
    steps = (evolve(tape.steps[0], origin=3), *tape.steps[1:])
    records = list(record_calls(evolve(tape, steps=steps, parent=Branch("p", 1))))

    assert [one["served"] for one in records] == [True] + [False] * 9


def test_a_table_of_something_else_is_refused(store):
    with pytest.raises(BadFilter, match="records are of runs or of calls"):
        list(record_all(store.load, store.search(), "steps"))
    with pytest.raises(BadFilter, match="a frame is of pandas or arrow"):
        store.frame(kind="polars")


def test_without_the_libraries_it_says_what_to_install(store, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    for kind, needs in ((None, "pandas"), ("pandas", "pandas"), ("arrow", "pyarrow")):
        with pytest.raises(MissingPart, match=f"a frame needs {needs}: pip install {needs}"):
            store.frame(kind=kind)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("of", ["runs", "calls"])
def test_a_data_frame_of_pandas_has_typed_columns_whatever_is_missing(store, of):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    store.save(evolve(stories.release(), run_id="odd \ud800", agent_name="\x00", created_at=0.0, steps=()))
    frame = store.frame(of=of)
    empty = store.frame(store.search(agent="nobody"), of=of)

    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.dtypes) == list(empty.dtypes)
    assert len(empty) == 0
    assert len(frame) == (7 if of == "runs" else store.search().sums.calls)
    assert str(frame["cost"].dtype) == "Float64"
    assert str(frame["input_tokens"].dtype) == "Int64"
    assert str(frame["created_at" if of == "runs" else "began"].dtype) == "datetime64[us, UTC]"
    assert frame[frame["run_id"] == RUN]["cost"].sum() == pytest.approx(0.016425)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("of", ["runs", "calls"])
def test_a_table_of_arrow_has_the_same_columns(store, of):
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = store.frame(store.search(agent="payments"), of=of, kind="arrow")

    assert isinstance(table, arrow.Table)
    assert table.schema.field("cost").type == arrow.float64()
    assert table.num_rows == (5 if of == "runs" else 35)
    assert table.schema == store.frame(store.search(agent="nobody"), of=of, kind="arrow").schema


def test_a_text_may_be_long(store):
    assert ROOM == 200_000  # as the guide says
