"""How a run ended, what went wrong on the way, and what it cost, as values and on the card."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import pytest
from attrs import evolve, frozen
from report import failures, stories

from tracefork import Effect, Exchange, Fault, Request, Response, Tape, report
from tracefork.core.values import CANCELLED, RETURNED, Call, Outcome, Reply, Span
from tracefork.providers import anthropic
from tracefork.report.model.costs import share_by, share_by_tool
from tracefork.report.model.verified import Replayed
from tracefork.report.page.ending import MOST_PROBLEMS, MOST_TEXT, make_card


@frozen
class Judged(stories.Report):
    """A report of blame that knows whether the recorded run passed."""

    recorded: bool = False


HEAD = "The model was to say it."


def ask(n, *said, status=200, lane="", body=None, stream=False, **more):
    messages = [{"role": "user", "content": text} for text in (HEAD, *said)]
    asked = stories.question(messages, stream=stream, **more)
    if status == 200:
        return stories.exchange(asked, anthropic.text(body or "Yes.")(asked), n, lane=lane)
    busy = anthropic.error("overloaded_error", "Overloaded")(asked)
    return stories.exchange(asked, busy, n, lane=lane, took=0.3, first=0.3)


def view(*steps, outcome=RETURNED, **told):
    return report.view(Tape(steps, outcome=outcome), **told)


def kinds(shown):
    return [(problem.step, problem.kind, problem.recovered) for problem in shown.problems]


# -- the end ------------------------------------------------------------------------------


def test_an_agent_that_returned_has_failed_if_somebody_says_so():
    assert view(ask(0)).ending.word == "finished"
    assert view(ask(0), failure="it is wrong").ending.word == "failed"
    assert view(ask(0), failure="it is wrong").ending.why == "it is wrong"


def test_an_oracle_that_failed_the_recorded_run_has_the_last_word():
    failed, passed = (Judged(stories.BLAME.ranking, recorded=passed) for passed in (False, True))

    assert view(ask(0), blame=failed).ending.word == "failed"
    assert view(ask(0), blame=passed).ending.word == "finished"
    assert view(ask(0), blame=stories.BLAME).ending.word == "finished"


def test_a_run_that_nobody_closed_is_cut_short_and_says_what_was_in_flight(tmp_path):
    ending = report.view(failures.is_killed(tmp_path).tape).ending

    assert (ending.word, ending.at) == ("cut short", 1)
    assert ending.why.startswith("nobody closed the recording")


def test_what_is_decided_by_blame_is_looked_at_first_and_then_the_last_error_that_was_not_mended():
    steps = [ask(0), ask(1, "a", status=529), ask(2, "b"), ask(3, "c")]

    assert view(*steps).ending.at == 1
    assert view(*steps, blame=evolve(stories.BLAME, ranking=stories.BLAME.ranking[:1])).ending.at == 3
    assert view(*steps[:1]).ending.at == 0
    assert view().ending.at is None


# -- problems -----------------------------------------------------------------------------


def test_a_refusal_that_was_asked_again_and_answered_is_mended():
    same = [ask(0, "x", status=529), ask(1, "x", status=529), ask(2, "x")]
    streamed = [ask(0, "x", status=529), ask(1, "x", stream=True)]
    other = [ask(0, "x", status=529), ask(1, "y")]

    assert kinds(view(*same)) == [(0, "refused", 2), (1, "refused", 2)]
    assert kinds(view(*streamed)) == [(0, "refused", 1)]
    assert kinds(view(*other)) == [(0, "refused", None)]


def test_another_strand_mends_nothing():
    assert kinds(view(ask(0, "x", status=529, lane="a.0"), ask(1, "x", lane="b.0"))) == [(0, "refused", None)]


def test_a_fault_and_a_stream_that_broke_off_are_told_apart():
    asked = ask(0).request
    broken = Response(200, (), (b"{",), Fault("ReadError", "reset"))
    steps = [
        Exchange(asked, Fault("ConnectError", "refused"), "", Span(0, 1, 1)),
        Exchange(asked, broken, "", Span(2, 3, 4)),
    ]

    assert [(step, kind) for step, kind, _ in kinds(view(*steps))] == [(0, "no response"), (1, "broken off")]


def test_what_the_agent_gave_up_itself_is_no_error():
    asked = ask(0).request
    steps = [
        Exchange(asked, Response(200, (), (b"{}",), "closed"), "", Span(0, 1, 2)),
        Effect(Call("look", "{}"), CANCELLED, "", Span(3, 4, 4)),
    ]

    assert kinds(view(*steps)) == []


def test_a_tool_that_raised_is_told_once_where_its_result_was_told_too():
    result = {"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}
    asked = stories.question([{"role": "user", "content": [result]}], stream=False)
    steps = [
        ask(0),
        Effect(Call("look", "{}"), Reply("raised", '["no"]', "OSError"), "", Span(3, 4, 4)),
        evolve(stories.exchange(asked, anthropic.text("Well.")(asked), 2), span=Span(6, 7, 8)),
    ]

    assert [(step, kind) for step, kind, _ in kinds(view(*steps))] == [(1, "tool error"), (1, "tool error")]
    assert {problem.what for problem in view(*steps).problems} == {'look raised OSError: ["no"]', "no"}


@pytest.mark.parametrize(("times", "found"), [(2, []), (3, [0]), (7, [0])])
def test_the_same_call_three_times_in_a_row_is_a_loop(times, found):
    def call(n):
        asked = stories.question([{"role": "user", "content": f"{n}"}], stream=False)
        return stories.exchange(asked, anthropic.tool_use("look", {"at": 1})(asked), n)

    shown = view(*map(call, range(times)))

    assert [problem.step for problem in shown.problems if problem.kind == "loop"] == found


@pytest.mark.slow
def test_thousands_of_retries_are_told_quickly():
    steps = [ask(n, "x", status=529) for n in range(10_000)]
    shown = view(*steps, ask(10_000, "x"))
    start = time.process_time()

    assert len(shown.ending.open) == 0
    assert time.process_time() - start < 5  # 116 s, once: each looked at all behind it


# -- the card -----------------------------------------------------------------------------


def test_the_card_cuts_what_is_long_and_says_so():
    long = "word " * 10_000
    card = make_card(view(ask(0, long, body=long), outcome=Outcome("raised", "ValueError", long, "Trace\n")))

    assert len(card.task) < MOST_TEXT + 100
    assert "more characters" in card.task
    assert "more characters" in card.error
    assert card.answered == "last words"
    assert len(card.title) <= 200


def test_of_many_problems_the_card_lists_the_first_that_are_open():
    steps = [ask(n, str(n), status=529) for n in range(MOST_PROBLEMS + 5)]
    card = make_card(view(ask(99, "x", status=529), ask(100, "x"), *steps))

    assert (len(card.problems), card.more) == (MOST_PROBLEMS, 6)
    assert card.counted == f"{MOST_PROBLEMS + 6} errors, 1 of them mended by asking again"
    assert all(spot.note == "" for spot in card.problems)


def test_costs_are_summed_by_model_strand_and_tool():
    tape = stories.release()
    shown = report.view(tape)
    [model] = share_by(shown.steps, lambda step: step.model)
    tools = {tool.name: tool for tool in share_by_tool(shown.steps, shown.asides, shown.pieces)}

    assert (model.name, model.calls, model.answered, model.priced) == ("claude-sonnet-4-5", 10, 9, 9)
    assert model.cost == shown.totals.cost
    assert (model.input, model.output) == (shown.totals.input, shown.totals.output)
    assert {name: tool.calls for name, tool in tools.items()} == {
        "deploy": 3,
        "run_tests": 2,
        "query_metrics": 2,
        "get_ticket": 1,
    }
    assert tools["run_tests"].tokens == sum(
        step.usage.input - before.usage.input - before.usage.output
        for before, step in ((shown.steps[1], shown.steps[2]), (shown.steps[2], shown.steps[3]))
    )
    assert tools["run_tests"].size > len("1842 passed, 3 skipped in 41.20s")


def test_errors_are_counted_by_strand_as_they_are_listed():
    with ThreadPoolExecutor() as pool:
        tape = pool.submit(failures.has_a_failing_sub_agent).result().tape
    shown = report.view(tape)
    shares = {share.name: share for share in share_by(shown.steps, lambda step: step.lane, shown.problems)}

    assert {s.lane: s.errors for s in shown.strands} == {lane: shares[lane].errors for lane in shares}
    assert sum(share.errors for share in shares.values()) == len(shown.problems)


def test_an_answer_that_is_fetched_twice_is_counted_once():
    usage = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
    whole = {"id": "resp_1", "object": "response", "status": "completed", "model": "gpt-4o", "usage": usage}
    answer = Response(
        200, (("content-type", "application/json"),), (json.dumps({**whole, "output": []}).encode(),)
    )
    url = "https://api.openai.com/v1/responses"
    first = Request(
        "POST", url, (), json.dumps({"model": "gpt-4o", "input": "Hi.", "background": True}).encode()
    )
    asked = [first, Request("GET", f"{url}/resp_1"), Request("GET", f"{url}/resp_1")]
    steps = [Exchange(one, answer, "", Span(3 * n, 3 * n + 1, 3 * n + 2)) for n, one in enumerate(asked)]
    shown = view(*steps)
    [share] = share_by(shown.steps, lambda step: step.model)

    assert (share.input, share.cost) == (shown.totals.input, shown.totals.cost) == (10, share.cost)


def test_a_run_that_left_its_tape_has_that_as_an_error():
    left = Outcome("raised", "tracefork.Divergence", "step 1: the agent asked something else")
    [problem] = view(ask(0), ask(1, "a"), outcome=left).problems
    told = Replayed.of(stories.Verdict(False, 1, 2), 2)
    replayed = evolve(told, step=0, parted="step 0: it asked otherwise")
    [other] = evolve(view(ask(0), ask(1, "a")), verified=replayed).problems

    assert (problem.step, problem.kind) == (1, "replay")
    assert (other.step, other.kind, other.what) == (0, "replay", "step 0: it asked otherwise")


def test_what_the_cache_saved_is_told():
    asked = stories.question([{"role": "user", "content": "x"}], stream=False)
    answer = anthropic.text("Yes.")(asked)
    body = json.loads(answer.body)
    body["usage"] |= {
        "input_tokens": 0,
        "cache_read_input_tokens": 100_000,
        "cache_creation_input_tokens": 0,
    }
    told = stories.exchange(asked, Response(200, answer.headers[:1], (json.dumps(body).encode(),)), 0)
    shown = view(told)
    [row] = next(table for table in make_card(shown).tables if table.name == "model").rows

    assert shown.steps[0].saved == Decimal("0.27")
    assert "$0.27" in row
