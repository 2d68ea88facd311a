"""What a list tells of a run's tokens, cost and task is what its page tells, whatever the answers claim."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from attrs import evolve
from storage.catalogue.runs import OPENAI, chat, exchange, of, run

from tracefork import TapeStore, report
from tracefork.core.notes import make_notes
from tracefork.core.values import UNFINISHED, Escape, Fault
from tracefork.providers.prices import cost
from tracefork.storage.catalogue.frame import record_calls
from tracefork.storage.catalogue.reading import MOST, MOST_COST

GROQ = "https://api.groq.com/openai/v1/chat/completions"


@pytest.fixture(params=["file", ":memory:"])
def store(request, tmp_path):
    with TapeStore.open(tmp_path / "runs.db" if request.param == "file" else ":memory:") as store:
        store.save(run("fine"))
        yield store


@pytest.fixture
def kept():
    with TapeStore.open(":memory:") as store:
        yield store


def row(store, run_id):
    return next(one for one in store.search().runs if one.run_id == run_id)


# -- numbers that nobody has --------------------------------------------------------------


CLAIMS = [10**12, 10**13, 6 * 10**18, 2**63 - 1, 2**63, 10**30, "9" * 4500, "1e400", "-5", "1.5", "true"]


@pytest.mark.parametrize("tokens", list(map(str, CLAIMS)), ids=lambda text: text[:20])
@pytest.mark.parametrize("model", ["gpt-4o", "nobodys-model"])
def test_an_answer_may_claim_any_number_of_tokens(store, tokens, model):
    call = chat(model, 7777)
    body = call.response.body.replace(b"7777", tokens.encode())
    for name in ("a", "b", "c"):
        store.save(of(name, evolve(call, answer=evolve(call.response, chunks=(body,)))))
    found = store.search(sort="cost")

    assert sorted(one.run_id for one in found.runs) == ["a", "b", "c", "fine"]
    assert {one.outcome for one in found.runs} == {"finished"}
    assert found.sums.runs == 4
    assert found.sums.unread == 0
    assert all((one.input or 0) <= MOST and (one.cost or 0) <= MOST_COST for one in found.runs)
    assert found.sums.input == sum(one.input or 0 for one in found.runs)
    assert found.sums.cost == sum((one.cost or Decimal(0)) for one in found.runs)
    assert len(store.search(sort="tokens")) == len(store.search(sort="-cost")) == 4


def test_a_run_that_cost_more_than_a_table_of_small_coins_holds_is_found_by_its_cost(kept):
    for name, tokens in (("dear", 10**12), ("dearer", 10**13), ("cheap", 10)):
        kept.save(of(name, chat("gpt-4o", tokens)))
    exact = cost(report.view(kept.load("dear")).steps[0].completion)

    assert row(kept, "dear").cost == exact > 9_223_372
    assert [one.run_id for one in kept.search(cost_above="10000000").runs] == ["dear", "dearer"]
    assert [one.run_id for one in kept.search(cost_above=exact).runs] == ["dearer"]
    assert [one.run_id for one in kept.search(cost_above=exact - Decimal("1e-12")).runs] == ["dear", "dearer"]
    assert [one.run_id for one in kept.search(sort="cost").runs] == ["dearer", "dear", "cheap"]
    assert [one.run_id for one in kept.search(sort="-cost").runs] == ["cheap", "dear", "dearer"]
    assert kept.search(cost_above=1_000_000_000).sums.runs == 0


def test_escapes_and_times_may_be_any_numbers(store):
    escaped = make_notes(escaped=[Escape("process", "curl", "a.py:3", 10**30)])
    store.save(run("leaky", meta=escaped))
    for number, at in enumerate((1e300, -1e300, -0.0, 1e-300)):
        store.save(run(f"when {number}", created_at=at))
    found = store.search()

    assert len(found) == 6
    assert row(store, "leaky").escapes == MOST
    assert json.loads(json.dumps([one.created_at for one in found.runs], allow_nan=False))


def test_a_run_of_which_reading_fails_is_damaged_and_says_why_and_the_others_are_listed(store, monkeypatch):
    """Whatever the reason: here each reading of one run's calls raises what no reader should."""
    from tracefork.storage.catalogue import reading

    store.save(of("odd", chat("gpt-4o", 1, url="https://odd.example/v1/chat/completions")))
    store.save(run("last"))
    whole = reading.read.api

    def fail(request):
        if "odd.example" in request.url:
            raise OverflowError("too large")
        return whole(request)

    monkeypatch.setattr(reading.read, "api", fail)
    found = {one.run_id: one for one in store.search().runs}

    assert {name: one.outcome for name, one in found.items()} == {
        "fine": "finished",
        "last": "finished",
        "odd": "damaged",
    }
    assert found["odd"].error == "it cannot be read: OverflowError: too large"


# -- the list and the page ----------------------------------------------------------------


@pytest.mark.parametrize("model", ["openai/gpt-oss-120b", "llama-3.3-70b-versatile"])
def test_a_cost_is_that_of_the_host_that_was_asked(kept, model):
    tape = of("hosted", chat(model, 1000, url=GROQ))
    kept.save(tape)
    (step,) = report.view(tape).steps

    assert step.cost is not None
    assert row(kept, "hosted").cost == step.cost
    assert [one["cost"] for one in record_calls(tape)] == [float(step.cost)]


def polled(*statuses):
    """A response that is made in the background, and fetched until it is there, and once more."""

    def tell(status):
        done = status == "completed"
        words = {"type": "output_text", "text": "done", "annotations": []}
        item = {"type": "message", "id": "m", "role": "assistant", "status": status, "content": [words]}
        usage = {"usage": {"input_tokens": 1000, "output_tokens": 1000, "total_tokens": 2000}} if done else {}
        output = [item] if done else []
        told = {"id": "resp_1", "object": "response", "status": status, "model": "gpt-4o", "output": output}
        return told | usage

    asked = {"model": "gpt-4o", "input": "do it", "background": True}
    first, *others = statuses
    yield exchange(0, tell(first), asked=asked, url=f"{OPENAI}/responses")
    for number, status in enumerate(others, start=1):
        yield exchange(number, tell(status), url=f"{OPENAI}/responses/resp_1", method="GET")


@pytest.mark.parametrize(
    "statuses",
    [
        ("in_progress", "completed", "completed"),
        ("in_progress", "in_progress", "completed"),
        ("completed", "completed"),
    ],
)
def test_an_answer_that_is_fetched_again_counts_once(kept, statuses):
    tape = of("polled", *polled(*statuses))
    kept.save(tape)
    totals = report.view(tape).totals
    (one,) = kept.search().runs

    assert (one.input, one.output, one.cost) == (totals.input, totals.output, totals.cost)
    assert (one.tokens, one.calls) == (2000, len(statuses))
    assert (one.read.priced, one.read.asked) == (1, 1)
    records = list(record_calls(tape))
    assert sum(record["input_tokens"] or 0 for record in records) == one.input
    assert [record["cost"] for record in records if record["cost"]] == [float(one.cost)]


def test_what_was_refused_has_no_price_to_know(kept):
    refused = {"error": {"type": "rate_limit_error", "message": "slow down", "code": "429"}}
    asked = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Rain?"}]}
    broken = evolve(chat("gpt-4o", 1, number=3), answer=Fault("ConnectError", "refused"))
    kept.save(
        of(
            "tried",
            exchange(0, refused, asked=asked, status=429),
            chat("gpt-4o", 10, number=1),
            chat("nobodys-model", 10, number=2),
            broken,
        )
    )
    sums = kept.search().sums

    assert (sums.priced, sums.asked, sums.calls) == (1, 2, 4)


TURNS = {
    "context in front": [("user", "context: blah"), ("user", "REAL TASK do it")],
    "an example in front": [("user", "2+2?"), ("assistant", "4"), ("user", "3+3?")],
    "a developer behind": [("user", "Sum up."), ("developer", "Be brief.")],
    "a model's words behind": [("user", "Go on."), ("assistant", "Once upon")],
    "blank behind": [("user", "Write."), ("user", "  ")],
    "nobody": [("system", "Be good.")],
    "a tool behind": [("user", "Look."), ("tool", "found")],
}


@pytest.mark.parametrize("turns", TURNS.values(), ids=TURNS)
def test_the_task_is_that_of_the_page(kept, turns):
    messages = [{"role": role, "content": text, "tool_call_id": "t"} for role, text in turns]
    later = {"role": "user", "content": "Later."}
    tape = of("r", chat("gpt-4o", 1, *messages), chat("gpt-4o", 1, *messages, later, number=1))
    kept.save(tape)
    expected = {"context in front": "REAL TASK do it", "an example in front": "3+3?", "nobody": "Later."}

    assert row(kept, "r").task == " ".join(report.view(tape).ending.task.split())
    assert row(kept, "r").task == next(
        (text for name, text in expected.items() if TURNS[name] is turns), turns[0][1]
    )


def test_a_question_that_began_first_and_was_read_last_has_the_task(kept):
    from tracefork.providers.prices import listed
    from tracefork.storage.catalogue.reading import Reading

    context = {"role": "user", "content": "context"}
    first = chat("gpt-4o", 1, context, {"role": "user", "content": "Do it."})
    second = chat("gpt-4o", 1, context, {"role": "user", "content": "A part."}, number=1)
    reading = Reading(listed())
    for step in (second, first):
        reading.add(step)

    assert reading.read().task == "Do it."
    kept.save(of("cut", first, second, outcome=UNFINISHED))
    assert row(kept, "cut").task == "Do it."
