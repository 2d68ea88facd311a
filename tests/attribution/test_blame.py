"""Blame of runs whose cause is known, over sockets and stores: right, within budget, never paid twice."""

from __future__ import annotations

import asyncio
import json
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest
from attribution.planting import CULPRIT, STEPS, slips, world

import tracefork
from tracefork import Budget, Response, TapeStore
from tracefork.attribution.findings.tables import summary
from tracefork.attribution.study.blame import ablame, blame
from tracefork.errors import Conflict
from tracefork.testing.scripted import by_rule, transport
from tracefork.testing.server import LoopbackServer
from tracefork.validation.planted import PlantedAgent, PlantedRun, recorded, succeeded


@pytest.mark.slow
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


@pytest.mark.slow
def test_a_success_is_traced_like_a_failure(planted):
    tape, agent, _ = planted
    report = blame(tape, agent, lambda result: not succeeded(result))
    assert report.recorded
    assert [entry.step for entry in report.named] == [CULPRIT]
    assert "of the runs end in failure" in summary(report)


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


# -- who makes the forks -------------------------------------------------------------------------


@pytest.mark.slow
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
            run.tape,
            agent,
            lambda result: result != "01234",
            workers=8,
            budget=Budget(forks=60),
            repeats="drawn",
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


@pytest.mark.slow
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


@pytest.mark.slow
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
def test_where_only_what_comes_after_the_last_answer_is_noisy_no_answer_is_named():
    noisy = PlantedRun("noisy", STEPS, frozenset(), lambda flags: 0.5, slips(), after=True)
    tape, server = recorded(noisy)
    with server:
        report = blame(tape, PlantedAgent(server.url, STEPS, after=True), succeeded, tools="live")
    assert [entry.what for entry in report.named] == [f"after step {STEPS - 1}, the result of `outcome`"]
    assert report.values[-2].forks > 0, "the end of the answers is not known, and has to be tried"


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
    report = blame(run.tape, agent, lambda result: False, budget=Budget(forks=100), repeats="drawn")
    assert booked == ["plan"]
    assert (report.verdict, report.broken) == ("NOT_IDENTIFIED_WITHIN_BUDGET", 0)
    assert report.held == (("book", 1),)


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
    budget = Budget(forks=80)
    report = blame(
        run.tape, agent, lambda result: result != "failed at poll 1", budget=budget, repeats="drawn"
    )
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
