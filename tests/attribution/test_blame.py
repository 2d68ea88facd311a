"""Blame of runs whose cause is known, over sockets and stores: right, within budget, never paid twice."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracefork
from tracefork import Budget, Response, TapeStore
from tracefork.attribution.findings import saved
from tracefork.attribution.findings.tables import spending, summary, table
from tracefork.attribution.forks.arms import Arms
from tracefork.attribution.mutations import Poison, Text
from tracefork.attribution.search import direct
from tracefork.attribution.search.state import Grade, Tally
from tracefork.attribution.study.blame import ablame, blame
from tracefork.attribution.study.methods import FLOOR, ByDirectEffect
from tracefork.errors import Conflict, CorruptTape
from tracefork.testing.scripted import by_rule, transport
from tracefork.testing.server import LoopbackServer
from tracefork.validation.planted import PlantedAgent, PlantedRun, recorded, succeeded

STEPS, CULPRIT = 8, 3


def unless(*at):
    return lambda flags: 0.05 if any(flags[i] for i in at) else 0.95


def slips(*at, often=0.1):
    return tuple(often if i in at else 0.0 for i in range(STEPS))


def world(**more):
    return PlantedRun("one", STEPS, frozenset({CULPRIT}), unless(CULPRIT), slips(CULPRIT), **more)


@pytest.fixture(scope="module")
def planted():
    tape, server = recorded(world())
    with server:
        yield tape, PlantedAgent(server.url, STEPS), server


def test_the_planted_step_is_certified_and_every_fork_is_kept(planted, tmp_path):
    tape, agent, server = planted
    before = len(server.requests)
    path = tmp_path / "runs.db"
    report = tracefork.blame(tape, agent, oracle=succeeded, store=path)

    assert report.verdict == "STEP"
    assert [entry.step for entry in report.named] == [CULPRIT]
    top = report.top()
    assert top.low > 0.1
    assert top.low < world().value(CULPRIT) - world().value(CULPRIT + 1) < top.high
    assert len(server.requests) - before == report.spent.calls
    with TapeStore.open(path) as store:
        branches = {branch.branch_id for branch in store.branches(tape.run_id)}
        assert len(branches) == report.forks
        assert set(top.branches) <= branches
        assert store.load(tape.run_id).digest() == tape.digest()
        assert not list(store.check())


@pytest.mark.slow
def test_each_value_is_within_its_interval(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, succeeded, find="all", seed=4)
    truth = world()
    assert all(p.low <= truth.value(p.served) <= p.high for p in report.values)
    assert report.values[-1].value == 0.0
    assert [p.served for p in report.values] == list(range(STEPS + 1))


def test_a_success_is_traced_like_a_failure(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, lambda result: not succeeded(result))
    assert report.recorded
    assert [entry.step for entry in report.named] == [CULPRIT]
    assert "do not end in success" in summary(report)


# -- budgets -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "budget", [Budget(forks=5), Budget(tokens=12_000), Budget(usd=0.02), Budget(usd=0.009, tokens=9_000)]
)
@pytest.mark.parametrize("workers", [1, 4])
def test_no_budget_is_exceeded_and_what_is_open_is_said(planted, budget, workers):
    tape, agent, server = planted
    before = len(server.requests)
    with ThreadPoolExecutor(workers) as pool:
        report = blame(tape, agent, succeeded, budget=budget, executor=pool)

    assert report.forks <= budget.forks
    assert report.spent.tokens <= (budget.tokens or 10**9)
    assert report.spent.usd <= Decimal(str(budget.usd or 10**9))
    assert len(server.requests) - before == report.spent.calls
    assert report.verdict == "NOT_IDENTIFIED_WITHIN_BUDGET"
    assert "not identified" in summary(report)
    assert f"About {report.more} more forks" in summary(report)
    assert 0 < report.more < 400


def test_the_time_is_a_budget_too(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, succeeded, budget=Budget(seconds=0.05))
    assert report.forks < 30
    assert report.verdict == "NOT_IDENTIFIED_WITHIN_BUDGET"


def test_a_budget_in_usd_needs_prices(planted):
    tape, agent, server = planted
    unknown = tracefork.loads(tracefork.dumps(tape))
    from datetime import date

    from tracefork.providers.prices import Prices

    before = len(server.requests)
    with pytest.raises(ValueError, match="the price of claude-haiku-4-5 is not known"):
        blame(unknown, agent, succeeded, budget=Budget(usd=1), prices=Prices(date(2026, 1, 1), {}))
    assert len(server.requests) == before


# -- the ledger ----------------------------------------------------------------------------------


def test_what_was_paid_is_not_paid_again(planted, tmp_path):
    tape, agent, server = planted
    file = tmp_path / "study.jsonl"
    first = blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=7))
    before = len(server.requests)
    second = blame(tape, agent, succeeded, ledger=file)
    whole = blame(tape, agent, succeeded)

    assert first.forks == 7
    assert second == whole
    assert len(server.requests) - before == 2 * whole.spent.calls - first.spent.calls


@pytest.mark.parametrize("workers", [1, 4])
def test_an_interrupted_study_goes_on(planted, tmp_path, workers):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def interrupt(how):
        if how.forks == 11:
            raise KeyboardInterrupt

    how = {"barrier": True, "batch": 4}
    with ThreadPoolExecutor(workers) as pool:
        with pytest.raises(KeyboardInterrupt):
            blame(tape, agent, succeeded, ledger=file, watch=interrupt, executor=pool, **how)
        report = blame(tape, agent, succeeded, ledger=file, executor=pool, **how)
    whole = blame(tape, agent, succeeded, **how)
    assert (report.verdict, report.ranking, report.values) == (whole.verdict, whole.ranking, whole.values)


@pytest.mark.parametrize("cut", [1, 20])
def test_a_torn_last_line_is_dropped(planted, tmp_path, cut):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"
    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=4))
    file.write_bytes(file.read_bytes()[:-cut])
    assert blame(tape, agent, succeeded, ledger=file).ranking == blame(tape, agent, succeeded).ranking


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"probe": 1}', b"null", b'{"begun": {"arm": "x"}}'])
def test_a_damaged_line_in_the_middle_is_named(planted, tmp_path, line):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"
    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=4))
    lines = file.read_bytes().splitlines(keepends=True)
    file.write_bytes(b"".join([*lines[:2], line + b"\n", *lines[3:]]))
    with pytest.raises(CorruptTape, match="line 3"):
        blame(tape, agent, succeeded, ledger=file)


def test_a_ledger_is_of_one_study(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"
    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=2))
    with pytest.raises(Conflict, match=r"another study: margin, seed differ"):
        blame(tape, agent, succeeded, ledger=file, seed=1, margin=0.05)
    (tmp_path / "other").write_text("{}\n")
    with pytest.raises(Conflict, match="no ledger"):
        blame(tape, agent, succeeded, ledger=tmp_path / "other")


def test_two_studies_do_not_write_one_ledger(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def again(how):
        with pytest.raises(Conflict, match="being written"):
            blame(tape, agent, succeeded, ledger=file)

    blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=2), watch=again)


KILLED = """
import sys
sys.path[:0] = {path!r}
import tracefork
from tracefork.testing.planted import PlantedAgent, succeeded
from tracefork.attribution.study.blame import blame
tape = tracefork.load({tape!r})
blame(tape, PlantedAgent({url!r}, {steps}), succeeded, ledger={ledger!r}, store={store!r})
"""


@pytest.mark.slow
@pytest.mark.parametrize("times", [6, pytest.param(30, marks=pytest.mark.nightly)])
def test_a_study_killed_at_many_moments_ends_as_if_it_had_never_stopped(tmp_path, times):
    slow = world()
    tape, server = recorded(slow)
    agent = PlantedAgent(server.url, STEPS)
    with server:
        whole = blame(tape, agent, succeeded)
        ledger, store, file = (str(tmp_path / name) for name in ("study.jsonl", "runs.db", "tape"))
        tracefork.save(tape, file)
        code = KILLED.format(
            path=sys.path, tape=file, url=server.url, steps=STEPS, ledger=ledger, store=store
        )
        before = len(server.requests)
        kills = 0
        for round_ in range(times):
            child = subprocess.Popen([sys.executable, "-c", code])
            began, lines = time.monotonic(), _lines(ledger)
            while (
                _lines(ledger) < lines + 2 + round_ % 3
                and time.monotonic() < began + 20
                and child.poll() is None
            ):
                time.sleep(0.002 * (1 + round_ % 4))
            kills += child.poll() is None
            child.kill()
            child.wait()
            if child.returncode == 0:
                break
        report = blame(tape, agent, succeeded, ledger=ledger, store=store)
        paid = len(server.requests) - before

    assert kills >= times // 3
    assert (report.verdict, report.ranking[0].step) == (whole.verdict, whole.ranking[0].step)
    assert [(e.step, e.value_drop, e.low, e.high) for e in report.ranking] == [
        (e.step, e.value_drop, e.low, e.high) for e in whole.ranking
    ]
    twice = paid - whole.spent.calls
    assert 0 <= twice <= kills * STEPS, "more was paid twice than what was in flight"
    begun = [json.loads(line) for line in Path(ledger).read_text().splitlines()[1:]]
    ended = [(line["probe"]["arm"], line["probe"]["draw"]) for line in begun if "probe" in line]
    assert len(ended) == len(set(ended))


def _lines(path):
    file = Path(path)
    return file.read_bytes().count(b"\n") if file.exists() else 0


def test_a_smaller_budget_goes_on_from_a_larger_ones_ledger(planted, tmp_path):
    tape, agent, server = planted
    file = tmp_path / "study.jsonl"
    first = blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=12))
    before = len(server.requests)
    again = blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=5))
    assert (again.forks, again.ranking, len(server.requests)) == (12, first.ranking, before)


def test_an_oracle_that_says_something_else_is_another_study(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def having(word):
        return lambda result: word in result

    blame(tape, agent, having("success"), ledger=file, budget=Budget(forks=2))
    blame(tape, agent, having("success"), ledger=file, budget=Budget(forks=3))
    with pytest.raises(Conflict, match="oracle"):
        blame(tape, agent, having("Outcome: success"), ledger=file, budget=Budget(forks=4))


def test_forks_lost_in_several_kills_stay_paid(planted, tmp_path):
    tape, agent, _ = planted
    file = tmp_path / "study.jsonl"

    def killed(how):
        raise KeyboardInterrupt

    spent = []
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            blame(tape, agent, succeeded, ledger=file, watch=killed, budget=Budget(forks=40))
        lines = file.read_bytes().splitlines(keepends=True)
        file.write_bytes(b"".join(lines[:-1]))  # as if it had died before it could tell
        spent.append(blame(tape, agent, succeeded, ledger=file, budget=Budget(forks=1)).spent.calls)
    assert spent == sorted(spent)
    assert spent[-1] > 0


# -- who makes the forks -------------------------------------------------------------------------


def test_the_conclusion_does_not_depend_on_who_makes_the_forks(planted, tmp_path):
    tape, agent, _ = planted
    how = {"barrier": True, "batch": 6}
    reports = [blame(tape, agent, succeeded, **how)]
    with ThreadPoolExecutor(3) as pool:
        reports.append(blame(tape, agent, succeeded, executor=pool, **how))
    with ProcessPoolExecutor(3) as pool:
        reports.append(blame(tape, agent, "tracefork.validation.planted:succeeded", executor=pool, **how))
    reports.append(asyncio.run(ablame(tape, agent, succeeded, workers=6, **how)))
    assert reports[1:] == reports[:1] * 3


def test_other_processes_keep_their_forks_in_the_store_by_its_path(planted, tmp_path):
    tape, agent, _ = planted
    path = tmp_path / "runs.db"
    with ProcessPoolExecutor(2) as pool:
        report = blame(tape, agent, succeeded, executor=pool, store=path, budget=Budget(forks=6))
        with TapeStore.open(path) as store:
            assert len(list(store.branches(tape.run_id))) == report.forks == 6
            with pytest.raises(TypeError, match="pass its path"):
                blame(tape, agent, succeeded, executor=pool, store=store)


def test_tasks_of_one_loop_do_not_mix_their_forks():
    script = by_rule(lambda request: Response(200, (), (request.body[-1:],)))
    import random

    from tracefork.testing.scripted import async_transport

    async def agent():
        async with httpx.AsyncClient(transport=async_transport(script, httpx)) as client:
            texts = [(await client.post("http://model/", content=f"{i}".encode())).text for i in range(5)]
            await asyncio.sleep(random.random() / 200)
            return "".join(texts)

    async def study():
        async with tracefork.record() as run:
            assert await agent() == "01234"
        return await ablame(
            run.tape, agent, lambda result: result != "01234", workers=8, budget=Budget(forks=60)
        )

    report = asyncio.run(study())
    assert (report.verdict, report.broken, report.undefined) == ("SYSTEMIC", 0, 0)


# -- agents of other shapes ----------------------------------------------------------------------


def parallel_model(culprit):
    def rule(request):
        asked = json.loads(request.body)
        seed = dict(request.headers).get("x-seed", "recorded")
        if asked["ask"] == "join":
            bad = "bad" in asked["told"][culprit]
            lucky = hash_share(seed, "join") < 0.05
            return Response(200, (), (b"good" if (not bad or lucky) and seed != "recorded" else b"failed",))
        bad = asked["ask"] == culprit and (seed == "recorded" or hash_share(seed, culprit) < 0.1)
        return Response(200, (), (f"{asked['ask']} is {'bad' if bad else 'fine'}".encode(),))

    return by_rule(rule)


def hash_share(*what):
    from hashlib import sha256

    return int.from_bytes(sha256(repr(what).encode()).digest()[:6], "big") / 2**48


@pytest.mark.parametrize("culprit", ["a", "b", "c"])
def test_a_culprit_among_three_steps_side_by_side_is_found(culprit):
    def agent():
        run = tracefork.current()
        seed = run.meta.get("blame.seed", "recorded") if run else "recorded"
        told = {}
        with httpx.Client(base_url=server.url, headers={"x-seed": seed}) as client:

            def ask(name):
                told[name] = client.post("/", json={"ask": name}).text

            threads = [threading.Thread(target=ask, args=(name,), name=name) for name in "abc"]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            return client.post("/", json={"ask": "join", "told": dict(sorted(told.items()))}).text

    with LoopbackServer(parallel_model(culprit)) as server:
        with tracefork.record() as run:
            assert agent() == "failed"
        report = blame(run.tape, agent, lambda result: result == "good")

    step = next(i for i, x in enumerate(run.tape) if json.loads(x.request.body)["ask"] == culprit)
    assert report.verdict == "STEP"
    assert [entry.step for entry in report.named] == [step]


def test_an_agent_that_fails_by_raising_is_blamed_like_others(planted):
    tape, inner, server = planted

    def agent():
        if not succeeded(said := inner()):
            raise LookupError(said)
        return said

    with pytest.raises(LookupError), tracefork.record() as run:
        agent()
    report = blame(run.tape, agent, lambda result: True)
    assert report.verdict == "STEP"
    assert [entry.step for entry in report.named] == [CULPRIT]
    assert report.broken == 0


def test_where_nothing_ever_helps_no_step_is_named():
    hopeless = PlantedRun("hopeless", STEPS, frozenset(), lambda flags: 0.01, slips())
    tape, server = recorded(hopeless)
    with server:
        report = blame(tape, PlantedAgent(server.url, STEPS), succeeded)
    assert (report.verdict, report.named) == ("SYSTEMIC", ())


@pytest.mark.slow
def test_where_only_the_grader_is_noisy_no_step_is_named():
    noisy = PlantedRun("noisy", STEPS, frozenset(), lambda flags: 0.5, slips(), after=True)
    tape, server = recorded(noisy)
    with server:
        report = blame(tape, PlantedAgent(server.url, STEPS, after=True), succeeded, tools="live")
    assert report.verdict in ("NO_DROP", "NOT_IDENTIFIED_WITHIN_BUDGET")
    assert not report.named
    assert report.values[-1].forks > 0, "the end is not known, and has to be tried"


def test_a_tool_with_a_side_effect_runs_once_however_many_forks_there_are():
    booked = []
    script = by_rule(lambda request: Response(200, (), (request.body,)))

    def agent(run):
        with httpx.Client(transport=transport(script, httpx)) as client:
            said = client.post("http://model/", content=b"plan").text
            run.call("book", lambda what: booked.append(what) or "ok", said)
            return client.post("http://model/", content=b"thanks").text

    with tracefork.record() as run:
        agent(run)
    report = blame(run.tape, agent, lambda result: False, budget=Budget(forks=100))
    assert booked == ["plan"]
    assert (report.verdict, report.broken) == ("SYSTEMIC", 0)


def test_a_run_that_asked_nobody_has_no_step_to_blame():
    with tracefork.record() as run:
        pass
    with pytest.raises(ValueError, match="no step to blame"):
        blame(run.tape, lambda: None, lambda result: False)


def test_what_cannot_work_says_so_before_anything_is_spent(planted, tmp_path):
    tape, agent, server = planted
    before = len(server.requests)
    with pytest.raises(ValueError, match="workers= is for an executor"):
        blame(tape, agent, succeeded, workers=8)
    with ProcessPoolExecutor(1) as pool, pytest.raises(TypeError, match="name it by import path"):
        blame(tape, lambda: agent(), succeeded, executor=pool, ledger=tmp_path / "study.jsonl")
    with ThreadPoolExecutor(2) as pool, pytest.raises(ValueError, match="would mix"):
        blame(tape, agent, succeeded, executor=pool, scope="process")

    async def asynchronous():
        return agent()

    async def notebook():
        blame(tape, asynchronous, succeeded)

    with pytest.raises(RuntimeError, match="ablame"):
        asyncio.run(notebook())
    assert len(server.requests) == before


def test_what_watches_or_fails_in_a_task_is_raised_as_it_is(planted):
    tape, agent, _ = planted

    def watch(how):
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        asyncio.run(ablame(tape, agent, succeeded, watch=watch))


def test_another_run_of_the_same_name_is_no_parent(planted, tmp_path):
    tape, agent, _ = planted
    with tracefork.record(tmp_path / "runs.db", run_id=tape.run_id):
        pass
    with pytest.raises(Conflict, match="another run that is called"):
        blame(tape, agent, succeeded, store=tmp_path / "runs.db")


def test_a_tool_that_is_polled_after_the_last_answer_leaves_the_end_to_be_measured():
    script = by_rule(lambda request: Response(200, (), (b"go",)))
    states = iter(["pending", "failed"])

    def agent(run):
        with httpx.Client(transport=transport(script, httpx)) as client:
            client.post("http://model/", content=b"plan")
        for at in range(2):
            if run.call("poll", lambda: next(states)) == "failed":
                return f"failed at poll {at}"
        return "pending"

    with tracefork.record() as run:
        assert agent(run) == "failed at poll 1"
    report = blame(run.tape, agent, lambda result: result != "failed at poll 1", budget=Budget(forks=80))
    assert not report.named
    assert report.values[-1].value == 1.0


def test_an_option_that_there_is_not_is_refused_before_anything_is_spent(planted):
    tape, agent, server = planted
    before = len(server.requests)
    with pytest.raises(TypeError, match="no option marginn"):
        blame(tape, agent, succeeded, marginn=0.2)
    with pytest.raises(ValueError, match="method"):
        blame(tape, agent, succeeded, method="shap")
    with pytest.raises(ValueError, match="margin"):
        blame(tape, agent, succeeded, margin=0.4)
    assert len(server.requests) == before


# -- other methods -------------------------------------------------------------------------------


@pytest.mark.slow
def test_flip_rates_have_the_no_op_rate_beside_them(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, succeeded, method="flip", k=12, budget=Budget(forks=1000))
    assert report.forks == 2 * 12 * STEPS
    top = report.top()
    assert top.step == CULPRIT
    assert top.trials == 12
    assert top.excess > 0.4
    assert top.excess_low < top.excess < top.excess_high
    before = [entry for entry in report.ranking if entry.step < CULPRIT]
    assert all(entry.flip_rate > 0.5 and entry.noop_rate > 0.5 for entry in before), (
        "every earlier step flips"
    )
    assert not [entry for entry in report.named if entry.step != CULPRIT]


@pytest.mark.slow
def test_a_mutation_is_put_in_the_place_of_the_answer(planted):
    tape, agent, _ = planted
    text = Text(f"Step {CULPRIT} is sound.")
    report = blame(tape, agent, succeeded, method="flip", k=8, mutation=text, budget=Budget(forks=1000))
    of = {entry.step: entry for entry in report.ranking}
    assert of[CULPRIT].flip_rate > 0.5
    assert of[CULPRIT].noop_rate < 0.5
    assert all(of[step].flip_rate < 0.6 for step in range(CULPRIT + 1, STEPS))


def test_a_mutation_that_changes_nothing_leaves_the_step_out(planted):
    tape, agent, _ = planted
    report = blame(
        tape, agent, succeeded, method="flip", k=1, mutation=Poison("seat", 1), budget=Budget(forks=99)
    )
    assert report.untrusted == tuple(range(STEPS))
    assert report.notes == (("the mutation changes nothing here", STEPS),)


@settings(max_examples=40, deadline=None)
@given(st.randoms(use_true_random=False), st.integers(1, 8))
def test_no_draw_is_made_twice_whichever_ends_first(random, batch):
    arms = Arms((0, 1, 2), (0, 1, 2), 3)
    method = ByDirectEffect(direct.init(direct.Screen(3, batch=batch)), arms, Tally())
    flying, seen = [], []
    while True:
        begun = method.plan(tuple(flying))
        flying += begun
        seen += begun
        if not flying:
            break
        probe = flying.pop(random.randrange(len(flying)))
        method = method.observe(probe, random.choice([Grade.SUCCESS, Grade.FAILURE, Grade.ERROR]), 1.0)
    assert len(seen) == len(set(seen))
    assert sum(probe.arm == 3 for probe in seen) == FLOOR


@pytest.mark.slow
def test_both_halves_of_a_conjunction_are_found_by_their_direct_effect():
    both = PlantedRun(
        "conjunction",
        STEPS,
        frozenset({1, 5}),
        lambda flags: 0.05 if flags[1] and flags[5] else 0.95,
        slips(1, 5),
        after=True,
    )
    tape, server = recorded(both)
    with server:
        agent = PlantedAgent(server.url, STEPS, after=True)
        report = blame(tape, agent, succeeded, method="direct", tools="live", budget=Budget(forks=400))
    assert {entry.step for entry in report.named} == {1, 5}
    assert report.spent.calls < report.forks, "the forks that find the floor ask no model"
    assert report.given > 0


# -- told and kept -------------------------------------------------------------------------------


def test_a_report_is_told_kept_and_read_again(planted, tmp_path):
    tape, agent, _ = planted
    report = blame(tape, agent, succeeded)
    assert saved.loads(saved.dumps(report)) == report
    assert json.loads(saved.dumps(report))["top"] == CULPRIT
    assert f"step {CULPRIT} is decisive" in report.summary
    assert "caused" not in report.summary
    lines = list(table(report))
    assert lines[1].split()[0] == str(CULPRIT)
    assert "certified" in lines[1]
    assert f"{report.forks} forks" in spending(report)
    for text in ("", "{}", "[]", '{"verdict": "MAYBE", "ranking": []}'):
        with pytest.raises(CorruptTape, match="no report of blame"):
            saved.loads(text)
