"""One probe: the prefix costs nothing, the rest is live, and only what the agent itself did is graded."""

from __future__ import annotations

import asyncio
import pickle
import time
from concurrent.futures import ProcessPoolExecutor

import httpx
import pytest

import tracefork
from tracefork import Fault, Response, TapeStore
from tracefork.attribution.forks.arms import Arms
from tracefork.attribution.forks.budget import Spent, cost_at_worst
from tracefork.attribution.forks.jobs import Job
from tracefork.attribution.search.state import Grade
from tracefork.attribution.study.probe import afind_baseline, aperform, find_baseline, perform
from tracefork.attribution.study.setting import PackedTape, Setting, StoredTape
from tracefork.providers import anthropic
from tracefork.runs.naming import resolve
from tracefork.testing.scripted import Script, by_rule, transport
from tracefork.testing.server import LoopbackServer
from tracefork.validation.planted import PlantedAgent, PlantedRun, model, recorded, succeeded


def unless(at):
    return lambda flags: 0.0 if flags[at] else 1.0


CULPRIT = PlantedRun("culprit", 6, frozenset({2}), unless(2), (0.0,) * 6)


@pytest.fixture(scope="module")
def planted():
    tape, server = recorded(CULPRIT)
    with server:
        yield tape, PlantedAgent(server.url, CULPRIT.steps), server


def setting(tape, agent, **more):
    return Setting(tape, agent, succeeded, **more)


def job(upto, **more):
    return Job(upto, 20, name="test", **more)


def asked(server, before=0):
    return len(server.requests) - before


@pytest.mark.parametrize("upto", range(7))
def test_a_prefix_is_served_and_the_rest_is_asked(planted, upto):
    tape, agent, server = planted
    before = len(server.requests)
    done = perform(setting(tape, agent), job(upto))

    assert len(server.requests) - before == 6 - upto == done.spent.calls
    assert done.grade is (Grade.SUCCESS if upto <= 2 else Grade.FAILURE)
    assert (done.run_id, done.note, done.given) == ("", "", 0)


def test_a_fork_is_kept_as_a_branch_with_its_probe(planted, tmp_path):
    tape, agent, _ = planted
    with TapeStore.open(tmp_path / "runs.db") as store:
        store.save(tape)
        done = perform(setting(tape, agent, store=store), Job(3, 20, name="arm 3, draw 0", seed=77))
        branch = store.load(done.run_id)
        assert [b.branch_id for b in store.branches(tape.run_id)] == [done.run_id]

    assert branch.parent.step == 3
    assert branch.parent.name == "arm 3, draw 0"
    assert branch.meta["blame.seed"] == "77"
    for kept, step in zip(branch.exchanges[:3], tape.exchanges[:3], strict=True):  # headers say who asked
        assert (kept.request.body, kept.answer, kept.span) == (step.request.body, step.answer, step.span)
    assert tracefork.verify(branch, agent).ok


def test_the_same_seed_draws_the_same_in_any_process(planted):
    tape, agent, server = planted
    noisy = PlantedRun("noisy", 6, frozenset({2}), lambda flags: 0.5, (0.5,) * 6)
    tape, server = recorded(noisy)
    with server, ProcessPoolExecutor(2) as pool:
        here = setting(tape, PlantedAgent(server.url, 6))
        there = setting(PackedTape(tracefork.dumps(tape)), PlantedAgent(server.url, 6))
        jobs = [job(1, seed=seed) for seed in range(12)]
        grades = [perform(here, j).grade for j in jobs]
        assert list(map(_grade, pool.map(perform, [there] * 12, jobs))) == grades
    assert set(grades) == {Grade.SUCCESS, Grade.FAILURE}


def _grade(done):
    return done.grade


def test_everything_may_be_named(planted, tmp_path):
    tape, agent, _ = planted
    path = str(tmp_path / "runs.db")
    with TapeStore.open(path) as store:
        store.save(tape)
    how = Setting(StoredTape(path, tape.run_id), agent, "tracefork.validation.planted:succeeded")
    assert perform(pickle.loads(pickle.dumps(how)), job(0)).grade is Grade.SUCCESS


@pytest.mark.parametrize("name", ["", "os", ":x", "os:", "os:nothing", "os:path.sep"])
def test_a_name_that_leads_nowhere_is_refused(name):
    if name == "":
        with pytest.raises(ValueError, match="no import path"):
            resolve(name)
    else:
        with pytest.raises(ValueError, match=r"no import path|names nothing|cannot be imported"):
            resolve(name)


def test_a_step_asked_anew_while_all_others_are_forced_costs_one_call(planted):
    world = PlantedRun("direct", 6, frozenset({2}), unless(2), (0.0,) * 6, after=True)
    tape, server = recorded(world)
    with server:
        how = setting(tape, PlantedAgent(server.url, 6, after=True), tools="live")
        done = [perform(how, Job(at, 1, forced=True, seed=1)) for at in range(6)]
    assert [d.grade for d in done] == [Grade.SUCCESS if at == 2 else Grade.FAILURE for at in range(6)]
    assert [d.spent.calls for d in done] == [1] * 6
    assert [d.given for d in done] == [5 - at for at in range(6)]


# -- what is no evidence -------------------------------------------------------------------------


def chatting(texts, *, script, returns="Outcome: success"):
    def agent():
        with httpx.Client(transport=transport(script, httpx)) as client:
            for text in texts():
                client.post("http://model/", content=text).raise_for_status()
        return returns

    return agent


def echo():
    return by_rule(lambda request: Response(200, (), (request.body,)))


def made(agent):
    with tracefork.record() as run:
        agent()
    return run.tape


def test_an_agent_that_changed_is_never_evidence():
    asked = ["a", "b", "c"]
    agent = chatting(lambda: asked, script=echo())
    tape = made(agent)
    asked[1] = "B"
    done = perform(setting(tape, agent), job(3))
    assert done.grade is Grade.DIVERGED
    assert done.note.startswith("Divergence: step 1")
    assert done.spent.calls == 0


def test_an_agent_that_stops_early_is_never_evidence():
    asked = ["a", "b", "c"]
    agent = chatting(lambda: asked, script=echo())
    tape = made(agent)
    del asked[1:]
    assert perform(setting(tape, agent), job(2)).grade is Grade.DIVERGED


@pytest.mark.parametrize("trouble", [Response(529, (), (b"busy",)), Fault("ConnectError", "no route")])
@pytest.mark.parametrize("on_raise", ["as_recorded", "failure", "error"])
def test_a_network_that_gives_a_fork_no_answer_at_all_is_never_evidence(trouble, on_raise):
    answers = [Response(200), Response(200), Response(200), trouble, trouble, trouble]
    agent = chatting(lambda: "abc", script=Script(*answers))
    tape = made(agent)
    done = perform(setting(tape, agent, on_raise=on_raise, raised=True, backoff=0), job(2))
    assert (done.grade, done.tries, done.spent.calls) == (Grade.ERROR, 3, 3)
    assert "529" in done.note or "no route" in done.note


@pytest.mark.parametrize(
    ("on_raise", "raised", "grade"),
    [
        ("as_recorded", True, Grade.FAILURE),
        ("as_recorded", False, Grade.CENSORED),
        ("failure", False, Grade.FAILURE),
        ("error", True, Grade.CENSORED),
    ],
)
def test_an_exception_of_the_agents_own_is_graded_as_the_caller_says(on_raise, raised, grade):
    def agent():
        with httpx.Client(transport=transport(echo(), httpx)) as client:
            client.post("http://model/", content=b"a")
        raise LookupError("no seat is left")

    with pytest.raises(LookupError), tracefork.record() as run:
        agent()
    done = perform(setting(run.tape, agent, on_raise=on_raise, raised=raised), job(0))
    assert done.grade is grade
    assert ("no seat is left" in done.note) is (grade is Grade.CENSORED)


def test_a_loop_is_cut_and_censored():
    rounds = [2]

    def texts():
        for i in range(rounds[0]):
            yield str(i).encode()

    agent = chatting(texts, script=echo())
    tape = made(agent)
    rounds[0] = 10_000
    done = perform(setting(tape, agent), Job(2, 5))
    assert done.grade is Grade.CENSORED
    assert done.spent.calls == 5


def test_nothing_leaves_after_the_time_that_is_left(planted):
    tape, agent, server = planted
    before = len(server.requests)
    done = perform(setting(tape, agent, until=time.time() - 1), job(2))
    assert (done.grade, done.spent) == (Grade.CENSORED, Spent())
    assert len(server.requests) == before


def test_a_fork_that_cannot_pay_its_next_call_is_cut_before_it(planted):
    tape, agent, server = planted
    before = len(server.requests)
    first = cost_at_worst(tape[3].request).tokens
    done = perform(setting(tape, agent), job(3, most=Spent(9, first + 150, None)))

    assert done.grade is Grade.CENSORED
    assert "tokens" in done.note
    assert len(server.requests) - before == done.spent.calls == 1
    assert done.spent.tokens < first


@pytest.mark.parametrize(
    ("said", "grade"), [(True, Grade.SUCCESS), (False, Grade.FAILURE), (None, Grade.AMBIGUOUS)]
)
@pytest.mark.parametrize("recorded_", [False, True])
def test_to_the_planner_a_success_is_another_outcome_than_the_recorded_one(planted, said, grade, recorded_):
    tape, agent, _ = planted
    other = {Grade.SUCCESS: Grade.FAILURE, Grade.FAILURE: Grade.SUCCESS}.get(grade, grade)
    how = Setting(tape, agent, lambda result: said, recorded=recorded_)
    assert perform(how, job(6)).grade is (other if recorded_ else grade)


@pytest.mark.parametrize("oracle", [lambda result: "good", lambda result: 1 / 0])
def test_an_oracle_that_fails_in_a_fork_cannot_say(planted, oracle):
    tape, agent, _ = planted
    done = perform(Setting(tape, agent, oracle), job(6))
    assert done.grade is Grade.AMBIGUOUS
    assert "the oracle raised" in done.note
    with pytest.raises((TypeError, ZeroDivisionError)):
        find_baseline(Setting(tape, agent, oracle))


@pytest.mark.parametrize("status", [401, 403, 429, 500, 529])
def test_a_vendor_in_trouble_is_never_evidence_even_if_the_agent_makes_the_best_of_it(status):
    up = [True]

    def rule(request):
        return anthropic.text("hello")(request) if up[0] else Response(status, (), (b"no",))

    def agent():
        with httpx.Client(transport=transport(by_rule(rule), httpx)) as client:
            answers = [client.post("http://model/v1/messages", content=b"{}").status_code for _ in range(2)]
        return "sorry" if max(answers) > 200 else "hello"

    tape = made(agent)
    up[0] = False
    done = perform(Setting(tape, agent, lambda result: result == "hello", recorded=True, backoff=0), job(0))
    assert done.grade is Grade.CENSORED
    assert done.tries == (1 if status in (401, 403) else 3)
    assert str(status) in done.note


def test_what_was_answered_in_the_end_was_no_trouble():
    script = Script(Response(200), Response(529), Response(200, (), (b"fine",)))

    def agent():
        with httpx.Client(transport=transport(script, httpx)) as client:
            while (answer := client.post("http://model/", content=b"a")).status_code == 529:
                pass
        return answer.text

    tape = made(agent)
    assert perform(Setting(tape, agent, lambda result: result == "fine"), job(0)).grade is Grade.SUCCESS


def test_no_secret_is_in_a_note(planted, monkeypatch):
    monkeypatch.setenv("SOME_API_KEY", "sk-0123456789abcdef")
    tape, inner, _ = planted

    def agent():
        inner()
        if tracefork.current().forwarded:
            raise RuntimeError("my key is sk-0123456789abcdef")

    done = perform(setting(tape, agent), job(5))
    assert done.note == "RuntimeError: my key is [secret:SOME_API_KEY]"


def test_a_forced_step_that_is_tried_again_takes_no_answer_of_another(planted):
    world = PlantedRun("forced", 6, frozenset({2}), unless(2), (0.0,) * 6, after=True)
    tape, server = recorded(world)
    answers = model(world)
    busy = [True]

    def rule(request):
        if busy[0] and not request.url.endswith("/outcome"):
            busy[0] = False
            return Response(529, (), (b"busy",))
        return answers(request)

    inner = PlantedAgent(server.url, 6, after=True)
    server.close()
    with LoopbackServer(by_rule(rule), port=int(inner.url.rpartition(":")[2])):

        def agent():
            client = httpx.Client.send

            def send(self, request, **how):
                answer = client(self, request, **how)
                return client(self, request, **how) if answer.status_code == 529 else answer

            with pytest.MonkeyPatch.context() as patched:
                patched.setattr(httpx.Client, "send", send)
                return inner()

        done = perform(setting(tape, agent, tools="live"), Job(2, 4, forced=True, seed=1))
    assert (done.grade, done.given, done.spent.calls) == (Grade.SUCCESS, 3, 2)


# -- the recorded run ----------------------------------------------------------------------------


def test_the_recorded_run_is_replayed_to_know_what_it_was(planted):
    tape, agent, server = planted
    before = len(server.requests)
    found = find_baseline(setting(tape, agent))
    assert (found.success, found.raised, len(server.requests)) == (False, False, before)


def test_the_recorded_run_raised():
    def agent():
        with httpx.Client(transport=transport(echo(), httpx)) as client:
            client.post("http://model/", content=b"a")
        raise LookupError("no seat is left")

    with pytest.raises(LookupError), tracefork.record() as run:
        agent()
    found = find_baseline(setting(run.tape, agent))
    assert (found.success, found.raised) == (False, True)
    with pytest.raises(ValueError, match="it has no grade"):
        find_baseline(setting(run.tape, agent, on_raise="error"))


def test_a_run_that_cannot_be_blamed_says_why_before_anything_is_spent(planted):
    tape, agent, _ = planted
    with pytest.raises(ValueError, match="cannot say"):
        find_baseline(Setting(tape, agent, lambda result: None))
    with pytest.raises(tracefork.Divergence):
        find_baseline(Setting(tape, PlantedAgent(agent.url, 5), succeeded))


def test_async_agents_and_oracles():
    script = by_rule(lambda request: anthropic.text("Outcome: success")(request))

    async def agent():
        from tracefork.testing.scripted import async_transport

        async with httpx.AsyncClient(transport=async_transport(script, httpx)) as client:
            answers = await asyncio.gather(*(client.post("http://m/v1/messages", content=t) for t in "abc"))
        await asyncio.sleep(0)
        return answers[-1].text

    async def oracle(result):
        await asyncio.sleep(0)
        return "success" in result

    async def record():
        async with tracefork.record() as run:
            await agent()
        return run.tape

    tape = asyncio.run(record())
    how = Setting(tape, agent, oracle)

    async def both():
        return await afind_baseline(how), [await aperform(how, job(upto)) for upto in range(4)]

    found, done = asyncio.run(both())
    assert found.success
    assert [d.spent.calls for d in done] == [3, 2, 1, 0]
    assert {d.grade for d in done} == {Grade.SUCCESS}
    assert perform(how, job(1)).grade is Grade.SUCCESS
    assert find_baseline(how).success


# -- arms ----------------------------------------------------------------------------------------


def test_what_was_only_asked_again_is_no_arm():
    answers = [Response(200), Response(529), Fault("ReadError", "gone"), Response(200), Response(500)]
    script = Script(*answers)

    def agent():
        with httpx.Client(transport=transport(script, httpx)) as client:
            client.post("http://model/", content=b"a")
            for _ in range(3):
                try:
                    if client.post("http://model/", content=b"b").status_code == 200:
                        break
                except httpx.ReadError:
                    pass
            client.post("http://model/", content=b"c")

    arms = Arms.of(made(agent))
    assert arms.steps == (0, 3, 4)
    assert [arms.upto(i) for i in range(arms.n + 1)] == [0, 3, 4, 5]
