"""`rerun`: what a changed agent still asks is served, the rest is asked live."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest

import tracefork
from tracefork.core.values import Call, Departure, Fault, Outcome, Request, Response
from tracefork.edits import Model as Model_
from tracefork.edits import Set
from tracefork.errors import Divergence, EditUnused, InDoubt, Unfinished

URL = "https://model.example/v1/messages"


class Model:
    """A model that answers every question with its last words, and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, request):
        self.asked.append(request.read())
        return httpx.Response(200, json=self.answer(json.loads(request.content)))

    def answer(self, question):
        text = f"so {question['messages'][-1]['content']}"
        return {
            "id": "m",
            "type": "message",
            "role": "assistant",
            "model": question["model"],
            "content": [{"type": "text", "text": text}],
            "stop_reason": "end_turn",
            "usage": {"input_tokens": 10, "output_tokens": 2},
        }

    async def later(self, request):
        await asyncio.sleep(0.001)
        return self(request)


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def ask(model):
    client = httpx.Client(transport=httpx.MockTransport(model))

    def ask(*texts, model="small", url=URL):
        body = {"model": model, "max_tokens": 9, "messages": [{"role": "user", "content": t} for t in texts]}
        return client.post(url, json=body).json()["content"][0]["text"]

    return ask


@pytest.fixture
def aask(model):
    client = httpx.AsyncClient(transport=httpx.MockTransport(model.later))

    async def ask(*texts):
        body = {
            "model": "small",
            "max_tokens": 9,
            "messages": [{"role": "user", "content": t} for t in texts],
        }
        return (await client.post(URL, json=body)).json()["content"][0]["text"]

    return ask


def chat(ask, *prompts):
    said = []
    for prompt in prompts:
        said += [prompt, ask(*said, prompt)]
    return said[-1]


def recorded(agent, **options):
    with tracefork.record(**options) as run:
        agent()
    return run.tape


def test_the_same_agent_is_replayed(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b", "c")

    assert (model.asked, run.parted, run.forwarded) == ([], None, 0)
    assert run.tape.digest() == tape.digest()
    assert run.tape.parent.step is None


def test_an_edited_prompt_is_asked_with_what_depends_on_it(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c", "d"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert chat(ask, "a", "B", "c", "d") == "so d"

    assert len(model.asked) == 3
    assert run.parted == Departure(1, "differs", "$.messages[2].content", "'b'", "'B'")
    assert str(run.parted) == "step 1: at $.messages[2].content the tape has 'b', the agent 'B'"
    assert run.tape.parent.step == 1
    assert run.tape.parent.departure == run.parted
    assert [step.origin for step in run.tape] == [0, None, None, None]


def test_what_does_not_depend_on_the_edit_is_served_after_it(model, ask):
    tape = recorded(lambda: [ask("a"), ask("b"), ask("c")])
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert [ask("c"), ask("new"), ask("a"), ask("b")] == ["so c", "so new", "so a", "so b"]

    assert len(model.asked) == 1
    assert [run.tape[n].origin for n in (0, 2, 3)] == [tape[n].span.began for n in (2, 0, 1)]
    assert tracefork.verify(run.tape, lambda: [ask("c"), ask("new"), ask("a"), ask("b")])


def test_it_says_what_it_saved(ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b", "C", "d")

    assert (run.savings.served, run.savings.live, run.savings.unasked) == (2, 2, 1)
    assert str(run.savings).startswith("2 served, 2 live; ")


def test_each_recorded_answer_is_given_once(model, ask):
    tape = recorded(lambda: [ask("roll") for _ in range(5)])
    model.asked.clear()

    with tracefork.rerun(tape):
        ask("other")
        for _ in range(6):
            ask("roll")

    assert len(model.asked) == 2


def test_an_agent_that_ends_early_is_no_error(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        chat(ask, "a")

    assert (model.asked, run.parted, len(run.tape)) == ([], None, 1)


def test_a_question_past_the_last_one_is_live(model, ask):
    tape = recorded(lambda: chat(ask, "a"))

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b")

    assert run.parted.reason == "over"
    assert str(run.parted).startswith("step 1: the tape has no more questions, the agent asks POST https://")


def test_before_at_the_agent_has_to_match(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with pytest.raises(Divergence) as caught, tracefork.rerun(tape, at=2):
        chat(ask, "a", "B", "c")
    with tracefork.rerun(tape, at=2) as run:
        chat(ask, "a", "b", "C")

    assert caught.value.step == 1
    assert (len(model.asked), run.parted.step) == (1, 2)


def test_before_at_the_agent_may_not_end(ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))

    with pytest.raises(Unfinished), tracefork.rerun(tape, at=2):
        chat(ask, "a")


@pytest.mark.parametrize("at", [-1, 3])
def test_at_is_an_exchange_of_the_tape_or_its_end(ask, at):
    tape = recorded(lambda: chat(ask, "a", "b"))

    with pytest.raises(IndexError, match="from 0 to 2"):
        tracefork.rerun(tape, at=at)


# -- what may be served -----------------------------------------------------------------


def test_only_what_asks_a_model_is_served_again(model, ask):
    def agent(first):
        ask(first)
        ask("x", url="https://shop.example/orders")
        ask("y")

    tape = recorded(lambda: agent("a"))
    model.asked.clear()
    with tracefork.rerun(tape):
        agent("A")
    by_default = len(model.asked)
    model.asked.clear()
    with tracefork.rerun(tape, reuse="all"):
        agent("A")
    with tracefork.rerun(tape, reuse=lambda request: "shop" in request.url):
        agent("A")

    assert by_default == 2
    assert len(model.asked) == 1 + 2


def test_with_reuse_none_it_is_a_fork(model, ask):
    tape = recorded(lambda: [ask("a"), ask("b"), ask("c")])
    model.asked.clear()

    with tracefork.rerun(tape, reuse="none") as run:
        [ask("a"), ask("B"), ask("c")]

    assert len(model.asked) == 2
    assert [step.origin for step in run.tape] == [0, None, None]


@pytest.mark.parametrize("bad", [{"reuse": "some"}, {"faults": "never"}, {"fresh": "gone"}])
def test_unknown_words_are_refused(ask, bad):
    tape = recorded(lambda: ask("a"))

    with pytest.raises(ValueError, match=next(iter(bad))):
        tracefork.rerun(tape, **bad)


def test_a_recorded_failure_is_served_until_the_agent_parts_and_asked_after(ask):
    answers = [httpx.Response(500), httpx.Response(200, json={"content": [{"text": "fine"}]})]
    client = httpx.Client(transport=httpx.MockTransport(lambda _: answers.pop(0)))

    def agent(*prompts):
        return [client.post(URL, json={"messages": [], "model": p}).status_code for p in prompts]

    tape = recorded(lambda: agent("a"))

    with tracefork.rerun(tape) as same:
        assert agent("a") == [500]
    with tracefork.rerun(tape, faults="again") as again:
        assert agent("a") == [200]

    assert same.forwarded == 0
    assert again.parted.reason == "fault"
    assert "asked again: the recorded answer is a failure" in str(again.parted)


# -- strands ----------------------------------------------------------------------------


def crowd(aask, *chains):
    async def chain(prompts):
        said = []
        for prompt in prompts:
            said += [prompt, await aask(*said, prompt)]
        return said[-1]

    async def main():
        return await aask("join", *await asyncio.gather(*map(chain, chains)))

    return asyncio.run(main())


def test_a_strand_that_is_gone_holds_up_nobody(model, aask):
    tape = recorded(lambda: crowd(aask, ["a", "b"], ["c", "d"], ["e", "f"]))
    took = []
    for _ in range(3):  # the machine may be busy once
        model.asked.clear()
        began = time.perf_counter()
        with tracefork.rerun(tape) as run:
            crowd(aask, ["c", "d"], ["e", "f"])
        took.append(time.perf_counter() - began)

    assert len(model.asked) == 1
    assert min(took) < 0.25, "a loop at rest need not wait for the patience to end"
    assert run.parted is not None


def test_a_thread_that_is_gone_holds_up_nobody(model, ask):
    def agent(chains):
        with ThreadPoolExecutor(4) as pool:
            return ask("join", *pool.map(lambda prompts: chat(ask, *prompts), chains))

    tape = recorded(lambda: agent([["a", "b"], ["c"], ["d", "e"]]))
    model.asked.clear()

    with tracefork.rerun(tape):
        agent([["a", "b"], ["d", "e"]])

    assert len(model.asked) == 1


@pytest.mark.parametrize("how", ["tasks", "threads"])
def test_an_agent_that_thinks_between_its_questions_is_replayed(model, ask, aask, how):
    async def slow(prompts):
        for prompt in prompts:
            await aask(prompt)
            await asyncio.sleep(0.35)

    def think(prompts):
        for prompt in prompts:
            ask(prompt)
            time.sleep(0.35)

    def agent():
        if how == "tasks":

            async def main():
                await asyncio.gather(slow("ab"), slow("cd"))

            asyncio.run(main())
        else:
            threads = [threading.Thread(target=think, args=(prompts,)) for prompts in ("ab", "cd")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    tape = recorded(agent)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        agent()

    assert (model.asked, run.parted) == ([], None)
    assert run.tape.digest() == tape.digest()


def test_many_threads_that_wait_for_one_are_as_quick_as_in_a_replay(model):
    def answer(request):
        time.sleep(0.05 if b"first" in request.read() else 0.4)
        return model(request)

    client = httpx.Client(transport=httpx.MockTransport(answer))

    def ask(text):
        body = {"model": "small", "max_tokens": 9, "messages": [{"role": "user", "content": text}]}
        client.post(URL, json=body).read()

    def think():
        ask("first")
        time.sleep(0.2)
        ask("second")

    def agent():
        jobs = [think, *(partial(ask, f"other {n}") for n in range(80))]
        threads = [threading.Thread(target=job) for job in jobs]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def measure(session):
        began = time.monotonic()
        with session as run:
            agent()
        return time.monotonic() - began, run

    tape = recorded(agent)
    replayed, _ = measure(tracefork.replay(tape))
    took, run = measure(tracefork.rerun(tape))

    assert run.parted is None
    assert took < 3 * replayed + 0.5


@pytest.mark.parametrize("last", [[], ["d"]], ids=["three items", "four items"])
def test_workers_on_one_queue_may_trade_places(model, ask, last):
    waits = {"recorded": (0.0, {"b": 0.03, "c": 0.06, "d": 0.1}), "again": (0.05, {"a": 0.1})}

    def agent(how):
        first, thinks = waits[how]
        items = ["a", "b", "c", *last]

        def work(late):
            time.sleep(late)
            while items:
                item = items.pop(0)
                time.sleep(thinks.get(item, 0))
                ask(item)

        lates = (first, 0.01)
        threads = [threading.Thread(target=work, args=(late,)) for late in lates]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ask("end")

    tape = recorded(lambda: agent("recorded"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        agent("again")

    assert (model.asked, run.parted) == ([], None)
    assert run.tape.digest() == tape.digest()


# -- chance -----------------------------------------------------------------------------


def test_draws_go_on_as_recorded(model, ask):
    def agent(first):
        run = tracefork.current()
        ask(first)
        return [ask(str(run.now())), ask(str(run.uuid4()))]

    with tracefork.record() as run:
        before = agent("a")
    model.asked.clear()

    with tracefork.rerun(run.tape):
        again = agent("A")

    assert again == before
    assert len(model.asked) == 1


def test_a_clock_that_goes_live_is_the_real_one_and_the_jump_is_said(ask, monkeypatch):
    def agent(*prompts):
        for prompt in prompts:
            ask(prompt)
            tracefork.current().now()

    with monkeypatch.context() as then:
        real = time.time
        then.setattr(time, "time", lambda: real() - 90_000)
        tape = recorded(lambda: agent("a", "b"))

    with tracefork.rerun(tape) as run:
        agent("A", "b", "c")

    assert any("the clock jumped by 1 days and 01:00:00" in text for text in run.remarks)


# -- tools ------------------------------------------------------------------------------


class Shop:
    def __init__(self):
        self.done = []

    def book(self, what):
        self.done.append(what)
        return f"booked {what}"


def test_an_equal_call_of_a_tool_is_served_and_another_runs(ask):
    shop = Shop()

    def agent(first, *whats):
        ask(first)
        return [tracefork.current().call("book", shop.book, what) for what in whats]

    tape = recorded(lambda: agent("a", "flight", "flight", "hotel"))
    shop.done.clear()

    with tracefork.rerun(tape) as run:
        agent("A", "hotel", "flight", "train", "flight", "flight")

    assert shop.done == ["train", "flight"]
    assert [effect.origin is None for effect in run.tape.effects] == [False, False, True, False, True]
    assert run.remarks == ["served after `book` ran anew: book"]


def test_a_tool_that_was_mended_runs(ask):
    ran = []

    def book(what):
        ran.append(what)
        return what

    def agent(fn):
        tracefork.current().call("book", fn, "flight")
        return ask("done")

    tape = recorded(lambda: agent(lambda what: what))

    with tracefork.rerun(tape) as run:
        agent(book)

    assert ran == ["flight"]
    assert run.parted == Departure(0, "code", "", "", "the tool book")
    assert "is not the function that was recorded" in str(run.parted)


def test_tools_that_are_to_be_fresh_run_again(ask):
    ran = []

    def agent():
        run = tracefork.current()
        run.call("read", ran.append, "read")
        run.call("parse", ran.append, "parse")
        return ask("done")

    tape = recorded(agent)
    ran.clear()

    with tracefork.rerun(tape, fresh=("parse",)) as run:
        agent()

    assert ran == ["parse"]
    assert run.parted.reason == "fresh"


def test_what_only_reads_runs_again_once_something_was_written(ask):
    world = {"n": 1}

    @tracefork.tool(repeatable=True)
    def read():
        return world["n"]

    @tracefork.tool
    def write(n):
        world["n"] = n

    def agent(n):
        before = read()
        write(n)
        return before, read(), ask("done")[:2]

    tape = recorded(lambda: agent(2))
    world["n"] = 1

    with tracefork.rerun(tape):
        assert agent(3) == (1, 3, "so")


def test_a_tool_that_raised_is_served_before_the_parting_only(ask):
    calls = []

    def fail():
        calls.append(1)
        raise LookupError("no flight")

    def agent(first):
        ask(first)
        with pytest.raises(LookupError):
            tracefork.current().call("fail", fail)

    tape = recorded(lambda: agent("a"))
    calls.clear()

    with tracefork.rerun(tape):
        agent("a")
    served = len(calls)
    with tracefork.rerun(tape):
        agent("A")

    assert (served, len(calls)) == (0, 1)


@pytest.mark.parametrize("verb", ["fork", "resume"])
def test_forks_and_resumed_runs_serve_equal_calls_if_they_are_told_to(ask, verb):
    shop = Shop()

    def agent():
        ask("a")
        tracefork.current().call("book", shop.book, "flight")
        return ask("b")

    tape = recorded(agent)
    shop.done.clear()
    options = {"at": 0} if verb == "fork" else {}

    with getattr(tracefork, verb)(tape, **options, tools="reuse"):
        agent()

    assert shop.done == []


# -- an unfinished tape -----------------------------------------------------------------


def cut_off(tape, upto, *, pending=True):
    """`tape` as a crash had left it in the middle of its exchange of number `upto`."""
    from attrs import evolve

    from tracefork.core.values import UNFINISHED, Pending

    last = tape[upto]
    steps = tuple(step for step in tape.steps if step.span.began < last.span.began)
    open_ = (Pending(last.request, last.lane, last.span.began),) if pending else ()
    return evolve(tape, steps=steps, pending=open_, outcome=UNFINISHED)


def test_an_unfinished_tape_is_followed_and_what_was_in_flight_asked_again(model, ask):
    tape = cut_off(recorded(lambda: chat(ask, "a", "b", "c")), 1)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        chat(ask, "a", "b", "c")

    assert len(model.asked) == 2
    assert run.parted.reason == "unfinished"
    assert run.tape.outcome == Outcome("returned")


def test_a_tool_that_was_in_flight_is_in_doubt(ask):
    from attrs import evolve

    from tracefork.core.values import UNFINISHED, Pending

    def agent():
        tracefork.current().call("pay", lambda: 1)
        return ask("done")

    tape = recorded(agent)
    pay = tape.effects[0]
    died = evolve(tape, steps=(), pending=(Pending(pay.call, pay.lane, pay.span.began),), outcome=UNFINISHED)

    with pytest.raises(InDoubt), tracefork.rerun(died):
        agent()
    with tracefork.rerun(died, on_doubt="rerun") as run:
        agent()

    assert run.tape.effects[0].call == Call("pay", pay.call.arguments)


# -- calls that the agent had given up --------------------------------------------------


def given_up(ask):
    """A tape on which the agent gave its only question up after a while."""
    from attrs import evolve

    from tracefork.core.values import CANCELLED, Span

    tape = recorded(lambda: ask("a"))
    step = evolve(tape[0], answer=CANCELLED, span=Span(0, 1, 1))
    return evolve(tape, steps=(step,))


def test_a_call_that_is_not_given_up_any_more_is_asked(model, ask):
    tape = given_up(ask)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert ask("a") == "so a"

    assert (len(model.asked), run.parted.reason) == (1, "unanswered")


def test_a_task_that_does_not_give_its_call_up_any_more_asks_it(model, ask, aask):
    tape = given_up(ask)
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        assert asyncio.run(aask("a")) == "so a"

    assert (len(model.asked), run.parted.reason) == (1, "unanswered")


# -- what is kept -----------------------------------------------------------------------


@pytest.mark.parametrize("form", ["store.db", "folder"])
def test_the_parting_is_in_the_journal_and_in_the_sealed_head(tmp_path, model, ask, form):
    place = tmp_path / form
    if form == "folder":
        place.mkdir()
    with tracefork.record(str(place), run_id="first"):
        chat(ask, "a", "b", "c")
    with tracefork.TapeStore.open(str(place)) as store:
        with tracefork.rerun(store.load("first"), store, run_id="second") as run:
            chat(ask, "a")
            [before] = store.branches("first")
            chat_on = ask("a", "so a", "B")
            run.flush()
            early = store.load("second")
        sealed = store.load("second")
        [info] = store.branches("first")

    assert chat_on == "so B"
    assert (before.step, info.step) == (None, 1)
    assert early.parent == sealed.parent == info.info.parent == run.tape.parent
    assert sealed.parent.step == 1
    assert [step.origin for step in sealed] == [0, None]
    assert sealed.parent.departure.asked == "'B'"


def test_a_branch_verifies_resumes_and_is_rerun_itself(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    with tracefork.rerun(tape) as run:
        chat(ask, "a", "B", "c")
    model.asked.clear()

    verdict = tracefork.verify(run.tape, lambda: chat(ask, "a", "B", "c"))
    with tracefork.rerun(run.tape) as again:
        chat(ask, "a", "B", "C")

    assert verdict.ok
    assert len(model.asked) == 1
    assert again.parted.step == 2


def test_a_fault_of_a_served_step_is_a_fault_again():
    def fail(request):
        raise httpx.ConnectError("nobody there")

    client = httpx.Client(transport=httpx.MockTransport(fail))

    def agent():
        with pytest.raises(httpx.ConnectError):
            client.post(URL, json={})

    tape = recorded(agent)

    with tracefork.rerun(tape) as run:
        agent()

    assert isinstance(tape[0].answer, Fault)
    assert (run.forwarded, run.tape[0].origin) == (0, 0)


def test_a_recorded_body_that_was_cut_is_asked_live_after_the_parting(ask):
    from attrs import evolve

    tape = recorded(lambda: [ask("a"), ask("b")])
    half = evolve(tape[1], answer=evolve(tape[1].response, end="closed", chunks=(b"{",)))
    cut = evolve(tape, steps=(tape[0], half))

    with tracefork.rerun(cut) as run:
        assert [ask("A"), ask("b")] == ["so A", "so b"]

    assert [step.origin for step in run.tape] == [None, None]
    assert isinstance(run.tape[1].request, Request)
    assert isinstance(run.tape[1].answer, Response)


# -- edits ------------------------------------------------------------------------------


def test_edited_requests_are_asked_and_the_branch_keeps_its_edits(model, ask):
    def agent():
        return chat(ask, "a", "b")

    tape = recorded(agent)
    model.asked.clear()

    with tracefork.rerun(tape, edits=[Model_("large"), Set("$.temperature", 0)]) as run:
        agent()
    asked = [json.loads(body) for body in model.asked]
    model.asked.clear()
    with tracefork.rerun(run.tape) as again:
        agent()

    assert [(body["model"], body["temperature"]) for body in asked] == [("large", 0)] * 2
    assert (run.parted.step, run.parted.path) == (0, "$.model")
    assert (model.asked, again.parted) == ([], None)
    assert tracefork.verify(run.tape, agent)


def test_edits_from_a_step_on(model, ask):
    tape = recorded(lambda: chat(ask, "a", "b", "c"))
    model.asked.clear()

    with tracefork.rerun(tape, edits=[Model_("large", first=1)]) as run:
        chat(ask, "a", "b", "c")

    assert [json.loads(body)["model"] for body in model.asked] == ["large", "large"]
    assert run.parted.step == 1


@pytest.mark.parametrize("side_by_side", [False, True])
def test_an_answer_to_the_unedited_question_is_none_to_the_edited_one(model, ask, side_by_side):
    def agent():
        return [ask("a"), ask("b"), ask("c")] if side_by_side else chat(ask, "a", "b")

    tape = recorded(agent, ignore="$.model")
    model.asked.clear()

    with tracefork.rerun(tape, edits=[Model_("large")]) as run:
        agent()

    assert len(model.asked) == len(tape)
    assert all(step.origin is None for step in run.tape)


def test_an_edit_that_meets_nothing_is_said(ask):
    tape = recorded(lambda: ask("a"))

    with pytest.raises(EditUnused), tracefork.rerun(tape, edits=[Set("$.gone.there", 1)]):
        ask("a")


# -- sub-agents -------------------------------------------------------------------------


@tracefork.tool(agent=True, ignore="ask")
def research(ask, topic, *, depth=2):
    return chat(ask, *[f"{topic} {n}" for n in range(depth)])


def crew(ask, topics, *, depth=2):
    found = [research(ask, topic, depth=depth) for topic in topics]
    return ask("sum up", *found)


def test_a_sub_agent_runs_and_what_it_asks_is_served(model, ask):
    tape = recorded(lambda: crew(ask, ["bees", "ants"]))
    model.asked.clear()

    with tracefork.rerun(tape) as same:
        crew(ask, ["bees", "ants"])
    with tracefork.rerun(tape) as other:
        crew(ask, ["bees", "wasps"])

    assert same.tape.digest() == tape.digest()
    assert len(model.asked) == 3
    assert [step.origin is None for step in other.tape] == [False, False, True, True, True]
    assert tracefork.verify(other.tape, lambda: crew(ask, ["bees", "wasps"]))


def test_a_tool_that_has_become_a_sub_agent_runs(model, ask):
    def look(topic):
        return chat(ask, topic)

    plain, agent = tracefork.tool(look), tracefork.tool(agent=True)(look)
    tape = recorded(lambda: [plain("bees"), ask("end")])
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        agent("bees")
        ask("end")

    assert len(model.asked) == 1
    assert run.parted.reason == "code"


def test_a_long_run_in_memory_is_kept_whole_when_it_parts_late(model, ask):
    def agent(last):
        return [ask(f"{n}") for n in range(60)] + [ask(last)]

    tape = recorded(lambda: agent("end"))
    model.asked.clear()

    with tracefork.rerun(tape) as run:
        agent("another end")
        early = len(run.tape)

    assert (len(model.asked), early, len(run.tape)) == (1, 61, 61)
    assert run.tape.steps[:60] == tape.steps[:60]


def test_a_tool_that_only_reads_is_kept_as_one(tmp_path, ask):
    @tracefork.tool(repeatable=True)
    def read():
        return 1

    path = str(tmp_path / "runs.db")
    with tracefork.record(path, run_id="first"):
        read()

    with tracefork.TapeStore.open(path) as store:
        assert store.load("first").effects[0].call.repeatable
        with tracefork.rerun(store.load("first"), store) as run:
            ask("new")
            read()

    assert run.tape.effects[0].origin == 0
