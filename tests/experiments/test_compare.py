"""Comparisons of agents over recorded runs: right, within budget, paid once, from where the change begins."""

from __future__ import annotations

import asyncio
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal

import pytest
from experiments import booths

import tracefork
from tracefork import Budget, TapeStore
from tracefork.edits import Model, Replace
from tracefork.errors import Conflict


@pytest.fixture(scope="module")
def tapes():
    return [booths.record(run_id=f"run-{n}") for n in range(3)]


def asked(what):
    return sum(one["messages"][-1]["content"] == what for one in booths.ASKED)


def compare(tapes, after=booths.good, **more):
    return tracefork.compare(tapes, booths.agent, after, oracle=booths.booked, **more)


def test_a_better_agent_is_found_and_what_it_does_not_touch_is_served(tapes):
    booths.ASKED.clear()
    found = compare(tapes)

    assert found.verdict == "BETTER"
    assert found.interval.low > 0
    assert found.difference <= found.interval.high
    assert asked("Plan.") == 0
    assert asked("Book.") == found.runs == found.spent.calls
    assert found.runs <= 60
    assert found.before.runs == found.after.runs == found.evidence.pairs
    assert found.summary().startswith("BETTER: good succeeds more often (+0.")


def test_edits_are_a_change_and_what_they_cost_is_compared(tapes):
    found = compare(tapes, [Replace("0.2", "0.9"), Model("claude-sonnet-4-5")])

    assert found.verdict == "BETTER"
    assert found.after.usd > found.before.usd > 0
    assert found.after.tokens == found.before.tokens == 220  # the model changes the first question too


def test_a_worse_agent_is_found(tapes):
    assert compare(tapes, [Replace("0.2", "0.9")], seed=1).verdict == "BETTER"
    assert (
        tracefork.compare(tapes, booths.agent, booths.good, lambda r: not booths.booked(r)).verdict == "WORSE"
    )


def test_a_change_that_touches_nothing_costs_nothing(tapes):
    booths.ASKED.clear()
    found = compare(tapes, booths.agent)

    assert found.verdict == "SAME"
    assert found.touched == found.runs == 0
    assert booths.ASKED == []
    assert "changes nothing that any of the runs asks" in found.summary()


def test_scores_are_weighed_as_they_are(tapes):
    found = tracefork.compare(
        tapes, booths.agent, booths.good, lambda r: 0.75 if r == "booked" else 0.5, margin=0.4
    )

    assert found.verdict in {"BETTER", "SAME"}
    assert 0 < found.difference <= 0.25


def test_who_cannot_say_decides_nothing(tapes):
    found = tracefork.compare(tapes, booths.agent, booths.good, lambda _: None)

    assert found.verdict == "NOT_DECIDED"
    assert found.runs < 30  # it is given up
    assert found.notes == (("the oracle cannot say", found.runs),)
    assert "have no known score" in found.summary()


@pytest.mark.parametrize(
    "budget", [Budget(forks=6), Budget(tokens=4_000), Budget(usd=0.004), Budget(seconds=1e-6)]
)
def test_no_budget_is_exceeded(tapes, budget):
    found = compare(tapes, [Model("claude-sonnet-4-5")], budget=budget)

    assert found.verdict == "NOT_DECIDED"
    assert found.runs <= budget.forks
    assert found.spent.tokens <= (budget.tokens or 10**9)
    assert found.spent.usd <= Decimal(str(budget.usd or 10**9))


def test_an_experiment_goes_on_where_it_was_killed_and_pays_nothing_twice(tapes, tmp_path):
    path = tmp_path / "c.jsonl"
    whole = compare(tapes)

    def stop(progress):
        if progress.forks == 6:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compare(tapes, ledger=path, watch=stop)
    booths.ASKED.clear()
    found = compare(tapes, ledger=path)

    assert len(booths.ASKED) == whole.runs - 6
    assert (found.evidence, found.spent) == (whole.evidence, whole.spent)


def test_a_pair_that_was_in_flight_is_paid_at_worst_and_made_again(tapes, tmp_path):
    path = tmp_path / "c.jsonl"
    compare(tapes, ledger=path, budget=Budget(forks=4))
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-1]))  # the last pair has begun, and not ended
    found = compare(tapes, ledger=path, budget=Budget(forks=6))

    assert found.runs == 6
    assert found.evidence.pairs == 2
    assert found.spent.calls > 4
    with pytest.raises(Conflict, match="margin"):
        compare(tapes, ledger=path, margin=0.2)


def test_threads_and_tasks_find_the_same(tapes):
    alone = compare(tapes)
    with ThreadPoolExecutor(3) as pool:
        beside = compare(tapes, executor=pool)
    within = asyncio.run(
        tracefork.acompare(tapes, booths.agent, booths.good, oracle=booths.booked, workers=3)
    )

    assert alone.evidence == beside.evidence == within.evidence


def test_runs_are_kept_as_branches_of_their_tapes(tapes, tmp_path):
    found = compare(tapes, store=tmp_path / "runs.db", budget=Budget(forks=8))
    with TapeStore.open(tmp_path / "runs.db") as store:
        kept = {branch.branch_id for tape in tapes for branch in store.branches(tape.run_id)}

    assert len(kept) == found.runs == 8
    assert {name for tape in found.tapes for pair in tape.branches for name in pair} == kept


def test_a_selection_is_named_with_what_it_leaves_open(tapes):
    text = compare(tapes, selection="--failed").markdown()

    assert text.startswith("### tracefork compare: BETTER\n")
    assert "chosen by --failed" in text
    assert "try those that passed too" in text
    assert "| before | " in text
    assert "`run-0`" in text


def test_what_cannot_be_compared_is_refused(tapes):
    with pytest.raises(ValueError, match="no tape to compare on"):
        compare([])
    with pytest.raises(ValueError, match="'run-0' is given twice"):
        compare([tapes[0], tapes[0]])
    with pytest.raises(TypeError, match="a change is edits"):
        compare(tapes, 3)
    with pytest.raises(ValueError, match="does not do again what run 'run-0' did"):
        tracefork.compare(tapes, booths.good, booths.agent, booths.booked)
    with pytest.raises(ValueError, match="margin= is within"):
        compare(tapes, margin=2)
    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="runs of one process would mix"):
        compare(tapes, executor=pool, scope="process")
    with pytest.raises(ValueError, match="a price is not known"):
        compare(tapes, [Model("nobody-1")], budget=Budget(usd=1))


@pytest.mark.slow
def test_other_processes_find_the_same(tapes, tmp_path):
    with ProcessPoolExecutor(2) as pool:
        beside = compare(tapes, executor=pool, store=tmp_path / "runs.db")

    assert beside.evidence == compare(tapes).evidence
    with TapeStore.open(tmp_path / "own.db") as store, ProcessPoolExecutor(1) as pool:
        with pytest.raises(TypeError, match="pass its path"):
            compare(tapes, executor=pool, store=store)


def test_what_cannot_be_sent_to_other_processes_is_said_before_anything_is_spent(tapes):
    with ProcessPoolExecutor(1) as pool, pytest.raises(TypeError, match="name it by import path"):
        tracefork.compare(tapes, booths.agent, booths.good, lambda result: True, executor=pool)
