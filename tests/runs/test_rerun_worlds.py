"""What `rerun` promises in more worlds: trio, nested sub-agents, streams, retries, deadlines, samples.

Every model here is a function of its question, unless it is to give samples. So there is a *minimal set*:
what the changed agent asks, less what is on the tape, counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tracefork
from tracefork.core.values import CANCELLED
from tracefork.errors import Divergence
from tracefork.providers import anthropic as anthropic_says
from tracefork.providers import openai as openai_says
from tracefork.testing.scripted import Script, by_rule
from tracefork.testing.server import LoopbackServer

URL = "https://model.example/v1/messages"


class Model:
    """A model that says a hash of its question, and counts what it is asked."""

    def __init__(self):
        self.asked = []

    def __call__(self, request):
        self.asked.append(request.content)
        return httpx.Response(200, json=answer(hashlib.sha256(request.content).hexdigest()[:6]))

    async def soon(self, request):
        await asyncio.sleep((request.content[-3] % 4) / 1000)
        return self(request)

    def take(self):
        taken = Counter(self.asked)
        self.asked.clear()
        return taken


def answer(text):
    message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": text}]}
    return {**message, "model": "m", "stop_reason": "end_turn"}


def body(*said):
    return {"model": "m", "max_tokens": 9, "messages": [{"role": "user", "content": text} for text in said]}


def text_of(response):
    return response.json()["content"][0]["text"]


@pytest.fixture
def model():
    return Model()


@pytest.fixture
def ask(model):
    with httpx.Client(transport=httpx.MockTransport(model)) as client:
        yield lambda *said: text_of(client.post(URL, json=body(*said)))


def recorded(agent, **options):
    with tracefork.record(**options) as run:
        agent()
    return run.tape


def assert_minimal(model, tape, before, other):
    """`other` comes to what it comes to live, asks no more than it has to, and its branch verifies."""
    wanted = other()
    minimal = model.take() - before

    with tracefork.rerun(tape) as run:
        came = other()
    live = model.take()

    assert came == wanted
    assert live == minimal
    origins = [step.origin for step in run.tape.steps if step.origin is not None]
    recorded_at = {step.span.began: step for step in tape.steps}
    assert all(recorded_at[s.origin].asked == s.asked for s in run.tape.steps if s.origin is not None)
    assert len(set(origins)) == len(origins)
    assert tracefork.verify(run.tape, other).ok
    return run


# -- trio -------------------------------------------------------------------------------

programs = st.lists(st.text("abc", max_size=3), min_size=1, max_size=4)


@pytest.mark.slow
@settings(max_examples=30)
@given(programs, programs)
def test_a_changed_agent_under_trio_asks_the_minimal_set(program, other):
    trio = pytest.importorskip("trio")
    model = Model()

    async def later(request):
        await trio.sleep((request.content[-3] % 4) / 1000)
        return model(request)

    async def chain(client, letters, put):
        said = []
        for letter in letters:
            said += [letter, text_of(await client.post(URL, json=body(*said, letter)))]
        put("".join(said[-1:]))

    async def main(chains):
        ends = [""] * len(chains)
        async with httpx.AsyncClient(transport=httpx.MockTransport(later)) as client:
            async with trio.open_nursery() as nursery:
                for n, letters in enumerate(chains):  # each its own: trio begins tasks in any order
                    words = [f"{n}{letter}" for letter in letters]
                    nursery.start_soon(chain, client, words, lambda end, n=n: ends.__setitem__(n, end))
            return text_of(await client.post(URL, json=body("join", *ends)))

    def agent():
        return trio.run(main, program)

    def changed():
        return trio.run(main, other)

    tape = recorded(agent)
    before = model.take()

    assert_minimal(model, tape, before, changed)


# -- sub-agents within sub-agents ---------------------------------------------------------

trees = st.recursive(
    st.text("abc", min_size=1, max_size=2),
    lambda inner: st.tuples(st.sampled_from("xy"), st.lists(inner, max_size=2).map(tuple)),
    max_leaves=5,
)


@settings(max_examples=30)
@given(st.lists(trees, min_size=1, max_size=3), st.lists(trees, min_size=1, max_size=3))
@pytest.mark.parametrize("how", ["tasks", "threads"])
def test_changed_sub_agents_of_sub_agents_ask_the_minimal_set(how, before, after):
    model = Model()
    agent = _nested_tasks(model) if how == "tasks" else _nested_threads(model)
    tape = recorded(lambda: agent(before))
    asked = model.take()

    run = assert_minimal(model, tape, asked, lambda: agent(after))

    assert before != after or (run.parted is None and run.tape.digest() == tape.digest())


def _nested_tasks(model):
    async def ask(client, *said):
        return text_of(await client.post(URL, json=body(*said)))

    @tracefork.tool(agent=True, ignore="client")
    async def research(client, tree):
        name, parts = tree
        plan = await ask(client, "plan", name)
        found = await asyncio.gather(*(visit(client, part) for part in parts))
        return await ask(client, plan, *found)

    async def visit(client, tree):
        return await (ask(client, tree) if isinstance(tree, str) else research(client, tree))

    async def main(trees):
        async with httpx.AsyncClient(transport=httpx.MockTransport(model.soon)) as client:
            return await ask(client, *await asyncio.gather(*(visit(client, tree) for tree in trees)))

    return lambda trees: asyncio.run(main(trees))


def _nested_threads(model):
    client = httpx.Client(transport=httpx.MockTransport(model))

    def ask(*said):
        return text_of(client.post(URL, json=body(*said)))

    @tracefork.tool(agent=True)
    def research(tree):
        name, parts = tree
        plan = ask("plan", name)
        return ask(plan, *map(visit, parts))

    def visit(tree):
        return ask(tree) if isinstance(tree, str) else research(tree)

    def agent(trees):
        with ThreadPoolExecutor(3) as pool:
            return ask(*pool.map(visit, trees))

    return agent


# -- streams that the client closes ---------------------------------------------------------


@pytest.fixture
def openai():
    return pytest.importorskip("openai")


def chat(request):
    return openai_says.text(hashlib.sha256(request.body).hexdigest()[:30])(request)


def streamed(client, text, most=None):
    events = client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": text}], stream=True
    )
    with events:
        found = [e.choices[0].delta.content or "" for e in itertools.islice(events, most) if e.choices]
    return "".join(found)


@pytest.mark.sdk
def test_streams_that_openais_client_closed_after_their_end_serve_a_changed_agent(openai):
    with (
        LoopbackServer(by_rule(chat)) as server,
        openai.OpenAI(api_key="none", base_url=f"{server.url}/v1") as client,
    ):
        tape = recorded(lambda: [streamed(client, text) for text in "abc"])
        asked = len(server.requests)
        with tracefork.rerun(tape) as run:
            came = [streamed(client, text) for text in "Acbd"]
        live = len(server.requests) - asked
        wanted = [streamed(client, text) for text in "Acbd"]

    assert {step.response.end for step in tape} == {"closed"}
    assert came == wanted
    assert live == 2
    assert [step.origin is None for step in run.tape] == [True, False, False, True]


@pytest.mark.sdk
def test_a_stream_that_was_broken_off_is_served_in_the_replay_and_asked_after_the_parting(openai):
    with (
        LoopbackServer(by_rule(chat)) as server,
        openai.OpenAI(api_key="none", base_url=f"{server.url}/v1") as client,
    ):
        tape = recorded(lambda: [streamed(client, "a", 1), streamed(client, "b", 1), streamed(client, "c")])
        asked = len(server.requests)
        with tracefork.rerun(tape) as run:
            came = [
                streamed(client, "a", 1),
                streamed(client, "B", 1),
                streamed(client, "b"),
                streamed(client, "c"),
            ]
        live = len(server.requests) - asked
        wanted = [
            streamed(client, "a", 1),
            streamed(client, "B", 1),
            streamed(client, "b"),
            streamed(client, "c"),
        ]

    assert came == wanted
    assert live == 2
    assert [step.origin is None for step in run.tape] == [False, True, True, False]


@pytest.mark.sdk
def test_who_reads_on_where_a_stream_was_broken_off_before_the_parting_is_told(openai):
    with (
        LoopbackServer(by_rule(chat)) as server,
        openai.OpenAI(api_key="none", base_url=f"{server.url}/v1") as client,
    ):
        tape = recorded(lambda: [streamed(client, "a", 1), streamed(client, "b")])
        with pytest.raises(Divergence), tracefork.rerun(tape):
            streamed(client, "a")


# -- retries --------------------------------------------------------------------------------


def _claude(sdk, url):
    return sdk.Anthropic(api_key="none", base_url=url)


def _say(client, text):
    messages = [{"role": "user", "content": text}]
    return client.messages.create(model="m", max_tokens=9, messages=messages).content[0].text


@pytest.mark.sdk
def test_an_answer_that_came_at_the_second_try_serves_the_first_try_of_a_changed_agent():
    sdk = pytest.importorskip("anthropic")
    busy = anthropic_says.error("rate_limit_error", "slower", retry_after=0.01)
    script = Script(
        anthropic_says.text("one"), busy, anthropic_says.text("two"), *[anthropic_says.text("new")] * 2
    )
    with LoopbackServer(script) as server, _claude(sdk, server.url) as client:
        tape = recorded(lambda: [_say(client, "a"), _say(client, "b")])
        with tracefork.rerun(tape) as same:
            assert [_say(client, "a"), _say(client, "b")] == ["one", "two"]
        before = len(server.requests)
        with tracefork.rerun(tape) as run:
            came = [_say(client, "A"), _say(client, "b")]

    assert [step.response.status for step in tape] == [200, 429, 200]
    assert same.tape.digest() == tape.digest()
    assert came == ["new", "two"]
    assert len(script.requests) - before == 1
    assert [(step.response.status, step.origin is None) for step in run.tape] == [(200, True), (200, False)]


@pytest.mark.sdk
@pytest.mark.parametrize("faults", ["recorded", "again"])
def test_an_outage_that_nothing_made_up_for_is_asked_again_if_that_is_said(faults):
    sdk = pytest.importorskip("anthropic")
    busy = anthropic_says.error("overloaded_error", "busy", retry_after=0.01)
    script = Script(anthropic_says.text("one"), busy, anthropic_says.text("two"))
    with LoopbackServer(script) as server:
        client = sdk.Anthropic(api_key="none", base_url=server.url, max_retries=0)
        with client:

            def agent():
                said = [_say(client, "a")]
                try:
                    said.append(_say(client, "b"))
                except sdk.APIStatusError as error:
                    said.append(error.status_code)
                return said

            tape = recorded(agent)
            with tracefork.rerun(tape, faults=faults) as run:
                came = agent()

    assert came == (["one", 529] if faults == "recorded" else ["one", "two"])
    assert (run.parted is None) is (faults == "recorded")


# -- a deadline that is no more ---------------------------------------------------------------


def test_a_call_whose_deadline_is_gone_is_asked_and_all_else_served(model):
    async def slow(request):
        await asyncio.sleep(0.1 if b"slow" in request.content else 0)
        return model(request)

    async def main(seconds):
        async with httpx.AsyncClient(transport=httpx.MockTransport(slow)) as client:

            async def ask(*said):
                return text_of(await client.post(URL, json=body(*said)))

            async def hasty():
                try:
                    async with asyncio.timeout(seconds):
                        return await ask("slow")
                except TimeoutError:
                    return "late"

            found = await asyncio.gather(hasty(), ask("b"), ask("c"))
            return found, await ask("join", *found)

    tape = recorded(lambda: asyncio.run(main(0.03)))
    model.take()
    with tracefork.rerun(tape) as same:
        asyncio.run(main(0.03))
    replayed = model.take()
    wanted = asyncio.run(main(None))
    model.take()
    with tracefork.rerun(tape) as run:
        came = asyncio.run(main(None))

    assert CANCELLED in {step.answer for step in tape}
    assert not replayed and same.tape.digest() == tape.digest()
    assert came == wanted
    assert model.take().total() == 2
    assert run.parted.reason == "unanswered"


# -- draws ------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["tasks", "threads"])
def test_readings_of_the_clock_in_prompts_are_not_new_where_another_strand_changed(model, ask, how):
    def prompts(name):
        run = tracefork.current()
        return [f"{name} at {run.now()}", f"then {name}, {run.uuid4()}"]

    async def chain(client, name):
        return [text_of(await client.post(URL, json=body(text))) for text in prompts(name)]

    async def main(names):
        async with httpx.AsyncClient(transport=httpx.MockTransport(model.soon)) as client:
            return await asyncio.gather(*(chain(client, name) for name in names))

    def agent(names):
        if how == "tasks":
            return asyncio.run(main(names))
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(lambda name: [ask(text) for text in prompts(name)], names))

    with tracefork.record() as run:
        before = agent("abcd")
    model.take()
    with tracefork.rerun(run.tape) as other:
        after = agent("aBcd")

    assert [after[n] == before[n] for n in range(4)] == [True, False, True, True]
    assert model.take().total() == 2
    assert not [step for step in other.tape.draws if step.origin is None]


# -- what may be served -----------------------------------------------------------------------


@pytest.mark.parametrize(("reuse", "live"), [("models", 3), ("all", 1), ("none", 4)])
def test_pages_are_fetched_again_unless_all_may_be_served(model, reuse, live):
    with httpx.Client(transport=httpx.MockTransport(model)) as client:

        def agent(first):
            text_of(client.post(URL, json=body(first)))
            pages = [client.get(f"https://pages.example/{n}").status_code for n in range(2)]
            return pages, text_of(client.post(URL, json=body("last")))

        tape = recorded(lambda: agent("a"))
        model.take()
        with tracefork.rerun(tape, reuse=reuse):
            agent("A")

    assert model.take().total() == live


@pytest.mark.parametrize("how", ["one by one", "tasks", "threads"])
def test_five_samples_stay_five_samples_and_the_sixth_is_live(how):
    count = itertools.count()
    lock = threading.Lock()

    def sample(request):
        with lock:
            return httpx.Response(200, json=answer(f"sample {next(count)}"))

    async def soon(request):
        await asyncio.sleep(0.001)
        return sample(request)

    async def main(first, times):
        async with httpx.AsyncClient(transport=httpx.MockTransport(soon)) as client:
            await client.post(URL, json=body(first))
            asked = (client.post(URL, json=body("roll")) for _ in range(times))
            return [text_of(response) for response in await asyncio.gather(*asked)]

    def agent(first, times):
        if how == "tasks":
            return asyncio.run(main(first, times))
        with httpx.Client(transport=httpx.MockTransport(sample)) as client, ThreadPoolExecutor(3) as pool:
            client.post(URL, json=body(first))
            run = pool.map if how == "threads" else map
            return list(run(lambda _: text_of(client.post(URL, json=body("roll"))), range(times)))

    with tracefork.record() as run:
        before = agent("a", 5)
    with tracefork.rerun(run.tape) as other:
        after = agent("A", 6)
    more = Counter(after) - Counter(before)

    assert len(set(before)) == 5
    assert Counter(before) <= Counter(after)
    assert more.total() == 1
    assert other.forwarded == 2
    assert json.loads(other.tape[0].request.body)["messages"][0]["content"] == "A"
