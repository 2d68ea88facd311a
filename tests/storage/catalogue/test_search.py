"""What a search finds: all runs of which it is true, and no others, whatever texts they hold."""

from __future__ import annotations

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from attrs import asdict, evolve
from hypothesis import given
from hypothesis import strategies as st
from report import stories
from report.test_hostile import hostile
from server.conftest import filled
from server.growing import Growing, story
from storage.catalogue.runs import run

import tracefork
from tracefork import Branch, TapeStore
from tracefork.core.notes import make_notes
from tracefork.core.values import RETURNED, UNFINISHED, Escape, Outcome
from tracefork.errors import BadFilter
from tracefork.host import clocks
from tracefork.storage.catalogue.reading import ROOM
from tracefork.storage.catalogue.rows import LONGEST, shorten
from tracefork.storage.info import PROBE

RUN = stories.release().run_id
FAILED = Outcome("raised", "KeyError", "'seats'")


@pytest.fixture
def store():
    with filled(":memory:") as store:
        yield store


def names(found):
    return [row.run_id for row in found.runs]


def test_a_run_has_all_that_is_known_of_it(store):
    (row,) = (row for row in store.search().runs if row.run_id == RUN)

    assert (row.agent, row.created_at, row.task) == ("payments-release", stories.BEGAN, stories.TASK)
    assert (row.outcome, row.error, row.sealed, row.branches, row.parent) == ("finished", "", True, 3, None)
    assert (row.models, row.calls, row.input, row.output) == (("claude-sonnet-4-5",), 10, 4790, 137)
    assert (row.cost, row.escapes, row.digest) == (Decimal("0.016425"), 0, stories.release().digest())
    assert math.isclose(row.duration, 19.7, rel_tol=1e-6)


def test_sums_are_over_all_that_was_found_and_not_over_the_page(store):
    found = store.search(agent="payments", limit=2, offset=1)
    every = store.search(agent="payments").runs

    assert len(found) == 2
    assert found.runs == every[1:3]
    assert found.sums.runs == len(every) == 5
    assert found.sums.calls == sum(row.calls for row in every)
    assert found.sums.cost == sum(row.cost for row in every)
    assert found.sums.words == (("finished", 5),)


def test_words_are_found_in_prompts_answers_calls_results_and_errors(store):
    store.save(run("odd", outcome=FAILED))

    assert RUN in names(store.search(grep="invoice totals"))  # what a tool gave
    assert RUN in names(store.search(grep="surely stale"))  # what the model said
    assert RUN in names(store.search(grep="v8.4.0-rc2"))  # what a tool was called with
    assert RUN in names(store.search(grep="RELEASE assistant"))  # what the system prompt says
    assert names(store.search(grep="KeyError seats")) == ["odd"]
    assert names(store.search(grep="nowhere")) == []


def test_all_words_have_to_be_there_each_as_the_beginning_of_one_and_phrases_as_they_are(store):
    store.save(run("a", "The quick brown fox"))

    assert names(store.search(grep="brow qui")) == ["a"]
    assert names(store.search(grep='"quick brown"')) == ["a"]
    assert names(store.search(grep='"brown quick"')) == []
    assert names(store.search(grep="uick")) == []
    assert names(store.search(grep="quick slow")) == []


def test_where_the_words_stand_is_said(store):
    store.save(run("a", f"{'x ' * 200}The quick brown fox{' y' * 200}"))

    (row,) = store.search(grep="brown quick").runs
    assert "quick brown fox" in row.found
    assert row.found.startswith("…")
    assert len(row.found) < 200


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ("東京へ行きます", "東京"),
        ("서울에 갑니다", "서울"),
        ("Zürich", "zurich"),
        ("naïve café", "CAFÉ"),
        ("a_b", "a_b"),
    ],
)
def test_words_of_any_language_are_found(store, said, asked):
    store.save(run("there", said))

    assert names(store.search(grep=asked)) == ["there"]


@pytest.mark.parametrize(
    "grep",
    ['""a', "a OR b", "NEAR(a b)", "asked: x", "a*", "^a", "-a", "a AND", "'; DROP TABLE runs; --", "\x00a",
    "\ud800a", "a" * 999, "(" * 99 + "a"],
)  # fmt: skip
def test_words_are_words_and_no_language_of_the_index(store, grep):
    store.search(grep=grep)

    assert store.search().sums.runs == 6
    assert store.search(agent=grep).sums.runs >= 0


def test_what_was_said_is_searched_once_however_often_it_was_sent_again(store):
    from tracefork.providers.prices import listed
    from tracefork.storage.catalogue.reading import read_tape

    said = read_tape(stories.release(), listed())

    assert said.asked.count(stories.TASK) == 1
    assert said.asked.count("1842 passed") == 1


@pytest.mark.slow
def test_a_run_may_bring_so_much_text_and_no_more_and_that_is_said(store):
    store.save(run("long", f"early {'word ' * ROOM} late"))

    assert names(store.search(grep="early")) == ["long"]
    found = store.search(grep="late")
    assert names(found) == []
    assert found.texts_cut == 1
    assert next(row for row in store.search().runs if row.run_id == "long").read.cut


def test_runs_that_failed_were_cut_short_or_go_on_are_told_apart(store):
    store.save(run("broke", outcome=FAILED))
    store.save(run("cut", outcome=UNFINISHED))
    Growing(store, story(3)).step()

    assert names(store.search(failed=True)) == ["broke", "every/kind"]
    assert names(store.search(outcome="cut short")) == ["cut"]
    assert names(store.search(outcome="going on")) == ["growing"]
    assert names(store.search(outcome="going-on")) == ["growing"]
    assert dict(store.search().sums.words) == {"finished": 5, "failed": 2, "cut short": 1, "going on": 1}


def test_forks_of_blame_are_left_out_and_counted(store):
    store.save(run("probe", parent=Branch(RUN, 1), meta={PROBE: "3"}))
    found = store.search()

    assert "probe" not in names(found)
    assert found.hidden == 1
    assert next(row for row in found.runs if row.run_id == RUN).branches == 3
    assert "probe" in names(store.search(probes=True))


def test_a_run_that_goes_on_is_known_as_far_as_it_has_come(store):
    grown = Growing(store, story(5))
    for steps in (1, 2, 3):
        grown.step()
        (row,) = store.search(outcome="going on").runs
        assert row.calls == steps
    grown.step(2)
    grown.close()
    grown.seal()

    (row,) = (row for row in store.search().runs if row.run_id == "growing")
    assert (row.outcome, row.calls, row.sealed) == ("finished", 5, True)


def test_escapes_are_counted(store):
    escaped = make_notes(escaped=[Escape("process", "curl", "a.py:3", 4), Escape("thread", "x", "a.py:9")])
    store.save(run("leaky", meta=escaped))

    assert store.search(sort="escapes").runs[0].escapes == 5


def test_times_are_seconds_moments_days_and_times_ago(store):
    store.save(run("new", created_at=clocks.now() - 3600))
    moment = datetime.now(UTC) - timedelta(hours=2)

    for since in (
        "2h",
        "0.1d",
        "90min",
        moment,
        moment.timestamp(),
        moment.isoformat(),
        f"{moment:%Y-%m-%d}",
    ):
        assert names(store.search(since=since)) == ["new"]
    assert "new" not in names(store.search(until="2h"))
    assert names(store.search(since="30m")) == []


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        ({"since": "yesterday"}, "since cannot be 'yesterday': give a time ago, as 2h"),
        ({"since": "99999999999w"}, "since cannot be"),
        ({"since": math.nan}, "since cannot be 'nan'"),
        ({"until": "2026-13-01"}, "until cannot be '2026-13-01'"),
        ({"cost_above": "dear"}, "cost_above cannot be 'dear': give an amount of USD"),
        ({"cost_above": "-1"}, "cost_above cannot be '-1'"),
        ({"cost_above": "nan"}, "cost_above cannot be 'nan'"),
        ({"cost_above": "1e99"}, "cost_above cannot be '1e99'"),
        ({"sort": "size"}, "sort cannot be 'size': runs are sorted by created"),
        ({"sort": "--cost"}, "sort cannot be '--cost'"),
        ({"outcome": "broken"}, "outcome cannot be 'broken': a run is finished, failed"),
        ({"outcome": "finished", "failed": True}, "outcome cannot be 'finished': runs that failed"),
        ({"cost_above": 10**10}, "cost_above cannot be '10000000000'"),
        ({"grep": "?!"}, "grep cannot be '?!': there is no word in it"),
        ({"grep": '"'}, "there is no word in it"),
        ({"grep": "a" * 1001}, "grep cannot be"),
        ({"limit": -1}, "limit cannot be '-1'"),
        ({"offset": True}, "offset cannot be 'True'"),
    ],
)
def test_a_value_that_is_none_is_refused_with_what_would_be_one(store, bad, says):
    with pytest.raises(BadFilter, match="cannot be") as caught:
        store.search(**bad)

    assert says in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_a_filter_that_is_none_is_a_mistake(store):
    with pytest.raises(TypeError, match="there is no filter 'colour': there are grep, outcome"):
        store.search(colour="red")


def cut(value):
    """The value with each of its texts as long as a catalogue keeps it."""
    texts = {name: text for name, text in asdict(value).items() if isinstance(text, str)}
    return evolve(value, **{name: shorten(text, LONGEST) for name, text in texts.items()})


def test_hostile_texts_come_back_as_they_are(store):
    tape, _, branches = hostile()
    tape = evolve(tape, run_id="h\ud800\x00\u202e", agent_name="a\udfff\x00", meta={})
    store.save(tape)
    for odd in ("'", '"', "\ud800", "\x1f", "%", "_", "\U0001f600"):
        store.save(run(f"odd {odd}", f"says {odd}", agent_name=odd))
    found = store.search()

    assert tape.run_id in names(found)
    row = next(row for row in found.runs if row.run_id == tape.run_id)
    assert (row.agent, row.ended) == (tape.agent_name, cut(tape.outcome))
    assert row.lineage == evolve(cut(tape.parent), parent=tape.parent.parent), "names of runs are whole"
    assert names(store.search(agent="%")) == ["odd %"]
    assert names(store.search(agent="_")) == ["odd _"]
    assert names(store.search(parent=tape.parent.parent)) == [tape.run_id]
    assert store.catalogue.names()


OUTCOMES = st.sampled_from([RETURNED, UNFINISHED, FAILED])
AGENTS = st.sampled_from(["Booker", "booker two", "", "rain"])
SORTS = st.sampled_from(
    ["created", "-created", "calls", "cost", "-cost", "tokens", "duration", "agent", "-agent"]
)
SAID = st.sampled_from(["Rain again.", "No rain.", "Sun.", "Rainbow"])


@given(
    st.lists(st.tuples(OUTCOMES, AGENTS, SAID, st.integers(1, 9)), max_size=6),
    st.sampled_from([None, "finished", "failed", "cut short"]),
    st.sampled_from(["", "book", "RAIN"]),
    st.sampled_from(["", "rain", "no rain", "sun"]),
    st.sampled_from([None, 3, 6]),
    SORTS,
    st.sampled_from([None, 0, 2]),
    st.integers(0, 3),
)
def test_a_search_finds_what_a_look_at_every_run_finds(
    told, outcome, agent, grep, since, sort, limit, offset
):
    with TapeStore.open(":memory:") as store:
        kept = {}
        for number, (end, name, said, at) in enumerate(told):
            tape = run(f"r{number}", said, outcome=end, agent_name=name, created_at=float(at))
            store.save(tape)
            kept[tape.run_id] = (tape, said)
        found = store.search(
            outcome=outcome, agent=agent, grep=grep, since=since, sort=sort, limit=limit, offset=offset
        )

    def is_wanted(tape, said):
        words = [word.strip(".").lower() for word in said.split()]
        return (
            (outcome is None or tape.outcome.word == outcome)
            and agent.lower() in tape.agent_name.lower()
            and all(any(word.startswith(part) for word in words) for part in grep.split())
            and (since is None or tape.created_at >= since)
        )

    wanted = [tape for tape, said in kept.values() if is_wanted(tape, said)]
    assert found.sums.runs == len(wanted)
    assert found.sums.calls == len(wanted)
    if sort.endswith("created"):
        sign = 1 if sort == "-created" else -1
        order = sorted(wanted, key=lambda tape: (sign * tape.created_at, -tape.created_at, tape.run_id))
        assert names(found) == [t.run_id for t in order][offset:][: len(order) if limit is None else limit]
    assert len(found) == max(0, min(len(wanted) - offset, 99 if limit is None else limit))


@pytest.mark.parametrize(
    "asked",
    [
        {"since": 10**400},
        {"grep": 5},
        {"agent": 5},
        {"model": b"x"},
        {"parent": 5},
        {"sort": None},
        {"outcome": 5},
        {"outcome": ["failed"]},
    ],
    ids=str,
)
def test_values_of_another_kind_are_refused(tmp_path, asked):
    with TapeStore.open(tmp_path / "runs.db") as store, pytest.raises(BadFilter):
        store.search(**asked)


def test_what_a_run_tells_at_length_is_kept_short_and_can_be_listed(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with suppress(ValueError), tracefork.record(tmp_path / "runs.db", agent_name="a" * 10_000):
        raise ValueError("word " * 200_000)

    with TapeStore.open(tmp_path / "runs.db") as store:
        [found] = store.search().runs
        size = sum(file.stat().st_size for file in (tmp_path / "cache").rglob("*") if file.is_file())

    assert found.outcome == "failed"
    assert found.error.startswith("ValueError: word word")
    assert found.error.endswith("…") and len(found.error) <= 2_100
    assert len(found.agent) == 200
    assert size < 500_000
