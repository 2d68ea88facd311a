"""What was found as records and tables: a row for each run, or for each call, and typed columns."""

from __future__ import annotations

import importlib
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from report import stories
from server.conftest import filled
from storage.catalogue.runs import chat
from storage.catalogue.runs import of as of_calls

from tracefork.core.values import Branch
from tracefork.errors import BadFilter, MissingPart
from tracefork.report.page.runs import Listing, show_notes
from tracefork.storage.catalogue.facts import Found, RunRow
from tracefork.storage.catalogue.frame import record_all, record_calls
from tracefork.storage.catalogue.reading import ROOM

DOCS = Path(__file__).parents[3] / "docs"
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


def fill_with_odd_runs(store):
    """Runs with texts that cannot be encoded, times that are none, and numbers that no column holds."""
    store.save(evolve(stories.release(), run_id="odd \ud800", agent_name="\x00", created_at=0.0, steps=()))
    store.save(evolve(stories.release(), run_id="late", created_at=1e300))
    store.save(of_calls("dear", chat("gpt-4o", 10**12), chat("gpt-4o", 2**63 - 1, number=1)))


def list_values(kind, table):
    """The rows of a table, a dict each, with None where nothing stands."""
    if kind == "arrow":
        return table.to_pylist()
    is_missing = importlib.import_module("pandas").isna
    rows = table.astype(object).to_dict("records")
    return [{name: None if is_missing(value) else value for name, value in row.items()} for row in rows]


def flatten(record):
    """A record as a table has it."""
    found = {}
    for name, value in record.items():
        text = ", ".join(value) if isinstance(value, list) else value
        if isinstance(text, str) and name in ("created_at", "began"):
            text = datetime.fromisoformat(text)
        found[name] = text.encode("utf-8", "replace").decode() if isinstance(text, str) else text
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("of", ["runs", "calls"])
@pytest.mark.parametrize(("kind", "package"), [("pandas", "pandas"), ("arrow", "pyarrow")])
def test_a_table_has_what_the_records_have_whatever_the_runs_hold(store, of, kind, package):
    pytest.importorskip(package, reason=f"{package} is not installed")
    fill_with_odd_runs(store)
    found = store.search()
    table = store.frame(found, of=of, kind=kind)
    records = list(record_all(store.load, found, of))

    assert len(records) == (9 if of == "runs" else found.sums.calls) > 0
    assert [{name: row[name] for name in row} for row in list_values(kind, table)] == [
        {name: flatten(record)[name] for name in row}
        for row, record in zip(list_values(kind, table), records, strict=True)
    ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("of", ["runs", "calls"])
def test_a_data_frame_of_pandas_has_typed_columns_whatever_is_missing(store, of):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    fill_with_odd_runs(store)
    frame = store.frame(of=of)
    empty = store.frame(store.search(agent="nobody"), of=of)

    assert isinstance(frame, pandas.DataFrame)
    assert list(frame.dtypes) == list(empty.dtypes)
    assert len(empty) == 0
    assert len(frame) == (9 if of == "runs" else store.search().sums.calls)
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


@pytest.mark.filterwarnings("ignore")
def test_where_both_are_installed_it_is_a_data_frame_and_without_pandas_a_table(store, monkeypatch):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    arrow = pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    assert isinstance(store.frame(), pandas.DataFrame)
    monkeypatch.setitem(sys.modules, "pandas", None)

    assert isinstance(store.frame(), arrow.Table)


@pytest.mark.parametrize("exchanges", [10**30, -(10**30)], ids=["too many", "too few"])
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("kind", "package"), [("pandas", "pandas"), ("arrow", "pyarrow")])
def test_a_head_may_claim_any_number_of_calls(store, kind, package, exchanges):
    """A run whose steps were not read yet has as many calls as its head says."""
    pytest.importorskip(package, reason=f"{package} is not installed")
    found = Found((RunRow("claims", exchanges=exchanges),))

    (value,) = [row["calls"] for row in list_values(kind, store.frame(found, kind=kind))]
    assert value == (2**63 - 1 if exchanges > 0 else -(2**63))


def test_documents_and_pages_say_how_much_text_is_searched():
    said = f"{ROOM:,} characters"
    listing = Listing(Found(texts_cut=2), {"grep": "x"}, 0.0, 1, str, str, "", "")

    assert f"up to {said} of its prompts and answers" in (DOCS / "guides" / "stores.md").read_text()
    assert f"and {said} of a run are kept" in (DOCS / "decisions" / "0025-the-catalogue.md").read_text()
    assert f"only the first {said} are searched" in " ".join(show_notes(listing))
