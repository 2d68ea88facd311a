"""A sub-agent's call is a span: it runs in each replay, and what it asks are steps in a lane of their own."""

from __future__ import annotations

import asyncio
import gc
import os
import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import attrs
import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from labs import KINDS, Lab, died_at, record

import tracefork
from tracefork.backends.directory import DirectoryBackend
from tracefork.backends.memory import MemoryBackend
from tracefork.backends.sqlite import SQLiteBackend
from tracefork.core.doubt import find_doubts
from tracefork.core.values import CANCELLED, Call, Effect, Exchange, Reply, Response
from tracefork.errors import Divergence, InDoubt, Stalled, ToolRefused, Unfinished
from tracefork.report.page.embedded_tape import tape_in
from tracefork.report.page.page import html
from tracefork.report.text import step_table
from tracefork.report.text.summary import text
from tracefork.runs.api import cut
from tracefork.storage.store import TapeStore
from tracefork.storage.tape_file import load, save
from tracefork.transports.httpx import Transport

kinds = pytest.mark.parametrize("kind", KINDS)
OTHERWISE = Response(200, (), (b"otherwise",))


@pytest.fixture(scope="module")
def tapes():
    return {kind: record(kind) for kind in KINDS}


def list_texts(tape):
    return sorted(exchange.request.body.decode() for exchange in tape)


# -- laws --------------------------------------------------------------------------------


@kinds
def test_a_replay_runs_it_and_asks_nobody(kind, tapes):
    said = getattr(Lab(), kind)()
    for _ in range(3):
        lab = Lab()
        with tracefork.replay(tapes[kind], patience=5) as run:
            again = getattr(lab, kind)()

        assert again == said
        assert (lab.asked, lab.ran, run.forwarded) == ([], [], 0)
        assert run.tape.digest() == tapes[kind].digest()
        assert [step.lane for step in run.tape.steps] == [step.lane for step in tapes[kind].steps]


@kinds
def test_its_steps_lie_within_its_span_in_a_lane_of_its_own(kind, tapes):
    tape = tapes[kind]
    agents = [effect for effect in tape.effects if effect.is_agent]
    inner = [effect.lane + "/" + effect.call.inside for effect in agents]

    assert len(agents) >= 1
    assert len(set(inner)) == len(inner)
    for agent in agents:
        held = [step for step in tape.steps if agent.holds(step)]
        assert any(isinstance(step, Exchange) for step in held)
        assert all(agent.span.began < s.span.began and s.span.ended < agent.span.ended for s in held)
        assert not agent.holds(agent)


@pytest.mark.parametrize("kind", ["alone", "nested", "threads", "tasks"])
@given(data=st.data())
@settings(max_examples=12)
def test_after_a_crash_at_any_tick_it_goes_on_and_is_never_in_doubt(kind, tapes, data):
    tape, said = tapes[kind], getattr(Lab(), kind)()
    tick = data.draw(st.integers(-1, max(step.span.ended for step in tape.steps)))
    dead, lab = died_at(tape, tick), Lab()
    pending = [left.asked for left in dead.pending if isinstance(left.asked, Call)]
    with tracefork.resume(dead, patience=5, on_doubt="rerun") as run:
        again = getattr(lab, kind)()

    assert again == said
    assert sorted(lab.asked) == sorted(set(list_texts(tape)) - set(list_texts(dead)))
    assert {call.name for call in find_doubts(dead)} == {c.name for c in pending if not c.inside}
    assert find_doubts(run.tape) == ()
    assert tracefork.verify(run.tape, lambda: getattr(Lab(), kind)(), patience=5).ok


@pytest.mark.parametrize("kind", ["alone", "nested", "threads", "tasks"])
@given(data=st.data())
@settings(max_examples=8)
def test_a_tape_that_died_is_followed_to_where_it_ends(kind, tapes, data):
    tape = tapes[kind]
    tick = data.draw(st.integers(-1, max(step.span.ended for step in tape.steps) - 1))
    lab = Lab()
    with pytest.raises(Divergence) as caught, tracefork.replay(died_at(tape, tick), patience=2) as run:
        getattr(lab, kind)()

    assert not isinstance(caught.value, Stalled)
    assert lab.asked == []
    assert len(run.tape) <= len(tape)


@pytest.mark.parametrize("kind", ["alone", "nested", "threads", "tasks"])
@given(data=st.data())
@settings(max_examples=12)
def test_a_fork_within_one_keeps_what_came_before_and_verifies(kind, tapes, data):
    tape = tapes[kind]
    at = data.draw(st.integers(0, len(tape) - 1))
    answer = data.draw(st.sampled_from([None, OTHERWISE]))
    before = [x for x in tape if x.span.began < tape[at].span.headed and x is not tape[at]]
    lab = Lab()
    with tracefork.fork(tape, at, answer, patience=5) as run:
        getattr(lab, kind)()

    assert not {x.request.body.decode() for x in before} & set(lab.asked)
    assert tracefork.verify(run.tape, lambda: getattr(Lab(), kind)(), patience=5).ok
    if answer:
        assert [x.answer for x in run.tape if x.request == tape[at].request] == [OTHERWISE]


@kinds
def test_blame_cuts_within_it(kind, tapes):
    tape = tapes[kind]
    for upto in range(len(tape) + 1):
        lab = Lab()
        with cut(tape, upto, patience=5) as run:
            getattr(lab, kind)()

        assert run.tape.exchanges and len(lab.asked) <= len(tape) - upto


# -- what a tape says ---------------------------------------------------------------------


def test_its_result_is_kept_and_a_changed_one_is_seen(tapes):
    tape = tapes["alone"]
    agent = tape.effects[0]

    class Changed(Lab):
        @tracefork.tool(agent=True, name="Lab.research")
        def research(self, topic):
            return super().research.__wrapped__(self, topic) + "!"

        def alone(self):
            self.research("bees")
            return self.ask("so re sum up saw bees after re plan bees")

    assert agent.reply == Reply("returned", '"re sum up saw bees after re plan bees"')
    assert (agent.call.inside, agent.call.code) == ("Lab.research.0", "")
    verdict = tracefork.verify(tape, lambda: Changed().alone())
    assert not verdict.ok
    assert "reply" in str(verdict.divergence)


def test_code_of_the_tools_in_it_is_known(tapes):
    calls = [effect.call for effect in tapes["nested"].effects]

    assert {call.name: bool(call.code) for call in calls} == {
        "Lab.lead": False,
        "Lab.research": False,
        "Lab.look": True,
    }


@pytest.mark.parametrize("store", ["memory", "sqlite", "directory", "file"])
def test_stores_and_files_keep_what_makes_it_one(store, tmp_path):
    backends = {
        "memory": MemoryBackend,
        "sqlite": lambda: SQLiteBackend(tmp_path / "runs.db"),
        "directory": lambda: DirectoryBackend(tmp_path / "runs"),
    }
    if store == "file":
        save(record("nested"), tmp_path / "a.tape")
        tape = load(tmp_path / "a.tape")
    else:
        with TapeStore(backends[store]()) as opened:
            record("nested", store=opened, run_id="r")
            tape = opened.load("r")
            with tracefork.fork(tape, 3, OTHERWISE, store=opened, run_id="branch"):
                Lab().nested()
            branch = opened.load("branch")
        assert tracefork.verify(branch, lambda: Lab().nested()).ok
        assert [e.call.inside for e in branch.effects] == [e.call.inside for e in tape.effects]

    assert [bool(e.call.inside) == e.is_agent != bool(e.call.code) for e in tape.effects]
    assert tracefork.verify(tape, lambda: Lab().nested()).ok


def test_a_result_that_has_no_form_is_no_loss():
    class Answer:
        def __init__(self, text):
            self.text, self.held = text, object()

    lab = Lab()

    @tracefork.tool(agent=True)
    def think(topic):
        return Answer(lab.ask(topic))

    with tracefork.record() as run:
        said = think("bees").text
    with tracefork.replay(run.tape) as again:
        assert think("bees").text == said

    assert run.tape.effects[0].reply.kind == "opaque"
    assert again.tape.digest() == run.tape.digest()


def test_what_it_does_to_its_arguments_it_does_again():
    lab = Lab()

    @tracefork.tool(agent=True)
    def collect(found):
        found.append(lab.ask("more"))
        return found

    with tracefork.record() as run:
        one = ["first"]
        assert collect(one) is one
    with tracefork.replay(run.tape):
        two = ["first"]
        assert collect(two) is two

    assert one == two == ["first", "re more"]


def test_exceptions_pass_through_and_are_kept():
    lab = Lab()

    class Odd(Exception):
        def __init__(self, text, held):
            super().__init__(text)
            self.held = held

    @tracefork.tool(agent=True)
    def fail(topic):
        raise Odd(lab.ask(topic), object())

    def agent():
        try:
            fail("bees")
        except Odd as exc:
            return lab.ask(f"it failed: {exc}"), type(exc.held)

    with tracefork.record() as run:
        said = agent()

    assert run.tape.effects[0].reply.kind == "raised"
    assert tracefork.verify(run.tape, agent).ok
    assert said == ("re it failed: re bees", object)


# -- generators ---------------------------------------------------------------------------


@pytest.mark.parametrize("stops", [False, True])
def test_a_generator_is_one_span_from_its_first_item_on(stops):
    lab = Lab()

    @tracefork.tool(agent=True)
    def tell(topic):
        for n in range(3):
            yield lab.ask(f"{topic} {n}")
            lab.look(f"{n}")
        return "end"

    def agent():
        heard = []
        for said in tell("bees"):
            heard.append(lab.ask(f"heard {said}"))
            if stops:
                break
        gc.collect()
        return [*heard, lab.ask("done")]

    with tracefork.record() as run:
        said = agent()
    ran, asked = len(lab.ran), len(lab.asked)
    assert tracefork.verify(run.tape, agent).ok
    with tracefork.fork(run.tape, 1, OTHERWISE) as branch:
        other = agent()

    span = run.tape.effects[0]
    assert [span.holds(x) for x in run.tape] == (
        [True, False, False] if stops else [True, False] * 3 + [False]
    )
    assert '"end":"' + ("closed" if stops else "returned") in span.reply.value
    assert (ran, asked) == (0 if stops else 3, 3 if stops else 7)
    assert other[0] == "otherwise" and other[1:] == said[1:]
    assert tracefork.verify(branch.tape, agent).ok


def test_asynchronous_generators_side_by_side():
    lab = Lab()

    @tracefork.tool(agent=True)
    async def tell(topic):
        for n in range(3):
            yield await lab.aask(f"{topic} {n}")

    async def listen(topic):
        return [await lab.aask(f"heard {said}") async for said in tell(topic)]

    async def agent():
        return await asyncio.gather(*(listen(topic) for topic in ("ants", "bees", "wasps")))

    with tracefork.record() as run:
        said = asyncio.run(agent())
    for _ in range(5):
        with tracefork.replay(run.tape, patience=5) as again:
            assert asyncio.run(agent()) == said
        assert again.tape.digest() == run.tape.digest()

    assert {e.call.inside for e in run.tape.effects} == {"tell.0"}
    assert all(sum(e.holds(x) for x in run.tape) == 3 for e in run.tape.effects)


# -- giving up, and going on --------------------------------------------------------------


def test_one_that_the_agent_gave_up_is_given_up_again():
    lab = Lab()

    @tracefork.tool(agent=True)
    async def dream(topic):
        await lab.aask(topic)
        await asyncio.sleep(60)

    async def agent():
        try:
            await asyncio.wait_for(dream("bees"), 0.05)
        except TimeoutError:
            return await lab.aask("awake")

    with tracefork.record() as run:
        asyncio.run(agent())

    assert run.tape.effects[0].reply == CANCELLED
    assert tracefork.verify(run.tape, agent).ok
    with tracefork.fork(run.tape, 1, OTHERWISE) as branch:
        assert asyncio.run(agent()) == "otherwise"
    assert tracefork.verify(branch.tape, agent).ok


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit])
def test_after_an_interrupt_it_is_gone_on_with(interrupt):
    lab = Lab()
    stops = [interrupt]

    @tracefork.tool(agent=True)
    def lead(topic):
        first = lab.ask(topic)
        if stops:
            raise stops.pop()
        return lab.ask(f"more of {first}")

    with pytest.raises(interrupt), tracefork.record() as run:
        lead("bees")
    lab.asked.clear()
    with tracefork.resume(run.tape) as again:
        said = lead("bees")

    assert run.tape.effects[0].reply == CANCELLED
    assert (said, lab.asked) == ("re more of re bees", ["more of re bees"])
    assert tracefork.verify(again.tape, lambda: lead("bees")).ok


def test_a_tool_in_it_that_may_have_run_is_in_doubt_and_it_is_not(tapes):
    tape = tapes["alone"]
    tool = next(effect for effect in tape.effects if effect.call.name == "Lab.look")
    dead, lab = died_at(tape, tool.span.began), Lab()
    with pytest.raises(InDoubt) as caught, tracefork.resume(dead) as run:
        lab.alone()
    assert caught.value.call.name == "Lab.look" and lab.ran == []
    assert [call.name for call in find_doubts(run.tape)] == ["Lab.look"]
    with tracefork.resume(run.tape, on_doubt=lambda _: "seen by hand") as again:
        said = lab.alone()

    assert said == "re so re sum up seen by hand after re plan bees"
    assert (lab.ran, find_doubts(again.tape)) == ([], ())
    assert tracefork.verify(again.tape, lambda: Lab().alone()).ok


@pytest.mark.parametrize("tools", ["recorded", "refuse", lambda call: f"{call.name} in its stead"])
def test_the_policy_of_tools_is_for_the_tools_in_it(tools, tapes):
    lab = Lab()
    with (
        pytest.raises(ToolRefused) if tools == "refuse" else nullcontext(),
        tracefork.fork(tapes["alone"], 0, OTHERWISE, tools=tools) as run,
    ):
        if tools == "refuse":
            with pytest.raises(ToolRefused) as caught:
                lab.alone()
            assert caught.value.call.name == "Lab.look"
        else:
            lab.alone()

    assert lab.ran == []
    assert [e.is_agent for e in run.tape.effects] == [True, False]


# -- the span itself as a step ------------------------------------------------------------


@kinds
def test_a_fork_that_gives_its_answer_does_not_run_it(kind, tapes):
    tape = tapes[kind]
    agent = [effect for effect in tape.effects if effect.is_agent][-1]
    inner, lab = {x.request.body.decode() for x in tape if agent.holds(x)}, Lab()
    answer = '["ants","bees"]' if "lead" in agent.call.name else '"nothing"'
    with tracefork.fork(tape, agent, Reply("returned", answer), patience=5) as run:
        getattr(lab, kind)()
    kept = [e for e in run.tape.effects if e.call == agent.call and e.reply.value == answer]

    assert not inner & {*lab.asked, *list_texts(run.tape)}
    assert [e.is_agent for e in kept] == [False]
    assert tracefork.verify(run.tape, lambda: getattr(Lab(), kind)(), patience=5).ok


@kinds
def test_a_fork_that_asks_it_again_runs_all_of_it_anew(kind, tapes):
    tape = tapes[kind]
    agent = next(effect for effect in tape.effects if effect.is_agent)
    lab = Lab()
    with tracefork.fork(tape, agent, patience=5) as run:
        getattr(lab, kind)()

    assert {x.request.body.decode() for x in tape if agent.holds(x)} <= set(lab.asked)
    assert tracefork.verify(run.tape, lambda: getattr(Lab(), kind)(), patience=5).ok


# -- a tool that becomes one, and one that was one ----------------------------------------


def make(agent, lab):
    @tracefork.tool(agent=agent, name="think")
    def think(topic):
        return lab.ask(topic)

    return lambda: (think("bees"), lab.ask("done"))


def test_a_tape_on_which_it_was_a_tool_is_served_as_it_was():
    lab = Lab()
    before, after = make(False, lab), make(True, lab)
    with tracefork.record() as run:
        said = before()
    lab.asked.clear()

    assert tracefork.verify(run.tape, after).ok
    assert lab.asked == []
    with tracefork.fork(run.tape, 0) as branch:
        assert after() == said
    assert [e.is_agent for e in branch.tape.effects] == [False]
    dead = died_at(run.tape, run.tape.effects[0].span.began)
    with pytest.raises(InDoubt), tracefork.resume(dead):
        after()
    with tracefork.resume(dead, on_doubt="rerun") as again:
        after()
    assert [e.is_agent for e in again.tape.effects] == [True]
    assert tracefork.verify(again.tape, after).ok


@pytest.mark.parametrize("begin", [tracefork.replay, tracefork.resume, lambda tape: tracefork.fork(tape, 0)])
def test_a_sub_agent_that_is_none_any_more_is_a_divergence_and_no_stall(begin):
    lab = Lab()
    with tracefork.record() as run:
        make(True, lab)()
    lab.asked.clear()
    with pytest.raises(Divergence, match="a sub-agent, with steps of its own"), begin(run.tape):
        make(False, lab)()

    assert lab.asked == []


def test_one_that_asks_less_or_more_diverges_in_its_lane(tapes):
    class Brief(Lab):
        @tracefork.tool(agent=True, name="Lab.research")
        def research(self, topic):
            return self.ask(f"plan {topic}")

    class Long(Lab):
        @tracefork.tool(agent=True, name="Lab.research")
        def research(self, topic):
            self.ask(f"plan {topic}")
            return self.ask("something else")

    with pytest.raises((Divergence, Unfinished)), tracefork.replay(tapes["alone"], patience=0.3):
        Brief().alone()
    with pytest.raises(Divergence) as caught, tracefork.replay(tapes["alone"]):
        Long().alone()

    assert caught.value.lane == "Lab.research.0"


# -- where it stands ----------------------------------------------------------------------


def test_outside_of_a_run_and_within_a_tool_it_is_a_function():
    lab = Lab()
    client = httpx.Client(transport=httpx.MockTransport(lab.answer))
    lab.ask = lambda text: client.post("http://model/", content=text).text

    @tracefork.tool
    def around(topic):
        return lab.research(topic)

    assert lab.research("ants") == "re sum up saw ants after re plan ants"
    with tracefork.record() as run:
        around("bees")
        run.call("called", lab.research, "wasps")
    assert [(e.call.name, e.is_agent) for e in run.tape.effects] == [("around", False), ("called", False)]


def test_a_name_with_a_slash_is_a_lane_all_the_same():
    lab = Lab()

    @tracefork.tool(agent=True, name="a/b")
    def think(topic):
        return lab.ask(topic)

    with tracefork.record() as run:
        think("bees")

    assert [step.lane for step in run.tape.steps] == ["", "a_b.0"]
    assert run.tape.effects[0].holds(run.tape[0])
    assert tracefork.verify(run.tape, lambda: think("bees")).ok


def test_secrets_in_its_arguments_and_its_result_are_taken_out_and_it_replays(monkeypatch):
    token = "ghp_" + "k3Jd82hGq0LsZx71PwYt" + "Vb5NcMe4RuAo9F"
    asked = []

    def answer(request):
        asked.append(request.content.decode())
        return httpx.Response(200, text=f"use {token}")

    client = httpx.Client(transport=Transport(None, httpx.MockTransport(answer)))

    @tracefork.tool(agent=True)
    def think(hint):
        return client.post("http://model/", content=f"with {hint}").text

    def agent():
        return think(think("nothing"))

    monkeypatch.setenv("MINE_TOKEN", token)
    with tracefork.record() as run:
        agent()

    assert token not in repr([attrs.asdict(e) for e in run.tape.effects])
    assert tracefork.verify(run.tape, agent).ok
    with tracefork.fork(run.tape, 1):
        agent()
    assert asked[-1] == f"with use {token}"


def test_lists_and_reports_name_it(tapes, tmp_path):
    tape = tapes["nested"]
    lines = list(step_table.lines(tape))

    assert sum(" agent " in line for line in lines) == 6
    assert "4 tool calls, 6 sub-agents" in step_table.heading(tape)
    page = html(tape)
    assert "ran Lab.research" in page
    assert "ran Lab.lead" in text(tape)
    assert tracefork.diff(tape, tapes["nested"]) is None


def test_a_tape_in_a_report_is_the_tape(tapes):
    tape = tapes["nested"]
    back = tape_in(html(tape))

    assert back.digest() == tape.digest()
    assert [(e.call.inside, e.call.code) for e in back.effects] == [
        (e.call.inside, e.call.code) for e in tape.effects
    ]


def test_an_effect_without_a_strand_holds_nothing():
    effect = Effect(Call("look"), Reply("returned"))

    assert not effect.is_agent
    assert not effect.holds(effect)


def test_blame_names_a_step_within_it(tapes):
    class Better(Lab):
        def answer(self, request):
            is_plan = request.content.startswith(b"plan")
            return httpx.Response(200, text="a good plan") if is_plan else super().answer(request)

    report = tracefork.blame(
        tapes["alone"],
        lambda: Better().alone(),
        oracle=lambda said, *_: "good" in str(said),
        budget=tracefork.Budget(forks=30),
        tools="recorded",
        repeats="drawn",
    )

    assert report.verdict == "STEP"
    assert (report.top().step, report.top().certified) == (0, True)


CRASH = """
import os, sys
from labs import Lab
import tracefork

class Dying(Lab):
    def answer(self, request):
        if len(self.asked) == 4:
            os._exit(9)
        return super().answer(request)

with tracefork.record(sys.argv[1], run_id="r"):
    Dying().nested()
"""


def test_a_process_that_died_in_the_midst_of_one_is_gone_on_with(tmp_path):
    here = Path(__file__).parents[2]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here), str(here.parent)])}
    ended = subprocess.run([sys.executable, "-c", CRASH, str(tmp_path / "runs.db")], env=env, check=False)
    lab = Lab()
    with TapeStore(SQLiteBackend(tmp_path / "runs.db")) as store:
        dead = store.load("r")
        with tracefork.resume(dead, store, run_id="again"):
            lab.nested()
        again = store.load("again")

    left = [(one.asked.name, one.asked.inside) for one in dead.pending if isinstance(one.asked, Call)]
    assert ended.returncode == 9
    assert left == [("Lab.lead", "Lab.lead.0"), ("Lab.research", "Lab.research.1")]
    assert (len(dead), len(lab.asked), len(again)) == (4, 8, 12)
    assert tracefork.verify(again, lambda: Lab().nested()).ok
