"""What `rerun` promises, for random programs of strands side by side, and random edits of them.

The model is a function of its question, and so are the tools. So there is a *minimal set*: what the edited
program asks, less what is on the tape, counted.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from attrs import field, frozen
from hypothesis import given, settings
from hypothesis import strategies as st

import tracefork

URL = "https://model.example/v1/messages"
EXAMPLES = max(200, settings().max_examples)
ASK, TOOL = "ask", "tool"


# -- programs ---------------------------------------------------------------------------


@frozen
class World:
    """Counts the questions of a model, and the calls of a tool, that came through to it."""

    questions: list = field(factory=list)
    calls: list = field(factory=list)

    def answer(self, request):
        self.questions.append(request.content)
        said = hashlib.sha256(request.content).hexdigest()[:6]
        message = {"type": "message", "role": "assistant", "content": [{"type": "text", "text": said}]}
        return httpx.Response(200, json={**message, "model": "m", "stop_reason": "end_turn"})

    async def answer_later(self, request):
        await asyncio.sleep((request.content[-3] % 4) / 1000)
        return self.answer(request)

    def work(self, text):
        self.calls.append(text)
        return text[::-1]

    def take(self):
        """What came so far, which is forgotten then."""
        taken = Counter(self.questions), Counter(self.calls)
        self.questions.clear()
        self.calls.clear()
        return taken


def body(said):
    messages = [{"role": "user", "content": text} for text in said]
    return {"model": "m", "max_tokens": 9, "messages": messages}


def read(response):
    return response.json()["content"][0]["text"]


@frozen
class Threads:
    """Chains on threads of a pool, and a last question about all of them."""

    width: int
    world: World = field(factory=World, repr=False)
    client: httpx.Client = field(init=False, repr=False)

    @client.default
    def _make(self):
        return httpx.Client(transport=httpx.MockTransport(self.world.answer))

    def run(self, chains):
        with ThreadPoolExecutor(self.width) as pool:
            ends = list(pool.map(self.chain, chains))
        return self.ask(["join", *ends])

    def chain(self, items):
        said = [""]
        for kind, text in items:
            said += [text, self.ask([*said, text]) if kind == ASK else self.use(f"{said[-1]}{text}")]
        return said[-1]

    def ask(self, said):
        return read(self.client.post(URL, json=body(said)))

    def use(self, text):
        run = tracefork.current()
        return run.call("work", self.world.work, text) if run else self.world.work(text)


@frozen
class Started(Threads):
    """The same on threads that are started one by one."""

    def run(self, chains):
        ends = {}

        def work(number, items):
            ends[number] = self.chain(items)

        threads = [threading.Thread(target=work, args=one) for one in enumerate(chains)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return self.ask(["join", *(ends[n] for n in range(len(chains)))])


@frozen
class Tasks:
    """Chains as tasks of one event loop, and a last question about all of them."""

    world: World = field(factory=World, repr=False)

    def run(self, chains):
        return asyncio.run(self.main(chains))

    async def main(self, chains):
        async with httpx.AsyncClient(transport=httpx.MockTransport(self.world.answer_later)) as client:
            ends = await asyncio.gather(*(self.chain(client, items) for items in chains))
            return await self.ask(client, ["join", *ends])

    async def chain(self, client, items):
        said = [""]
        for kind, text in items:
            come = self.ask(client, [*said, text]) if kind == ASK else self.use(f"{said[-1]}{text}")
            said += [text, await come]
        return said[-1]

    async def ask(self, client, said):
        return read(await client.post(URL, json=body(said)))

    async def use(self, text):
        run = tracefork.current()
        if run is None:
            return self.world.work(text)
        return await run.acall("work", self.world.work, text)


items = st.tuples(st.sampled_from([ASK, ASK, ASK, TOOL]), st.sampled_from("abc"))
chains = st.lists(st.lists(items, max_size=3).map(tuple), max_size=5).map(tuple)
machines = st.one_of(
    st.just(Tasks), st.just(lambda: Threads(4)), st.just(lambda: Threads(2)), st.just(lambda: Started(0))
)


@st.composite
def edited(draw, program):
    """`program` after one or two edits: another prompt, a step or strand more or less, another order."""
    made = [list(chain) for chain in program]
    for _ in range(draw(st.integers(1, 2))):
        at = draw(st.integers(0, len(made) - 1)) if made else None
        match draw(st.integers(0, 5)):
            case 0 if at is not None and made[at]:
                made[at][draw(st.integers(0, len(made[at]) - 1))] = (ASK, draw(st.sampled_from("aEF")))
            case 1:
                made.insert(draw(st.integers(0, len(made))), [(ASK, draw(st.sampled_from("bN")))])
            case 2 if len(made) > 1:
                made.pop(at)
            case 3 if at is not None:
                made[at].append(draw(items))
            case 4 if at is not None and made[at]:
                made[at].pop()
            case 5:
                made = draw(st.permutations(made))
    return tuple(map(tuple, made))


pairs = chains.flatmap(lambda program: st.tuples(st.just(program), edited(program)))


def record(machine, program):
    with tracefork.record() as run:
        machine.run(program)
    return run.tape, machine.world.take()


# -- laws -------------------------------------------------------------------------------


@given(machines, chains)
def test_a_rerun_of_the_same_agent_is_its_replay(make, program):
    machine = make()
    tape, _ = record(machine, program)

    with tracefork.rerun(tape) as run:
        machine.run(program)

    assert machine.world.take() == (Counter(), Counter())
    assert run.parted is None
    assert run.tape.digest() == tape.digest()


@pytest.mark.slow
@settings(max_examples=EXAMPLES)
@given(machines, pairs)
def test_an_edited_agent_comes_to_what_it_comes_to_live_and_asks_the_minimal_set(make, pair):
    machine = make()
    program, other = pair
    tape, before = record(machine, program)
    wanted = machine.run(other)
    after = machine.world.take()

    with tracefork.rerun(tape) as run:
        came = machine.run(other)
    live = machine.world.take()

    assert came == wanted
    assert live == tuple(now - then for now, then in zip(after, before, strict=True))
    assert_served_to_equals(tape, run.tape)
    assert tracefork.verify(run.tape, lambda: machine.run(other))


def assert_served_to_equals(tape, branch):
    """No answer was served to a question that differs from its own, and none twice."""
    given = {step.span.began: step for step in tape.steps}
    origins = [step.origin for step in branch.steps if step.origin is not None]
    for step in branch.steps:
        if step.origin is not None:
            assert given[step.origin].asked == step.asked
            assert given[step.origin].answer == step.answer
    assert len(set(origins)) == len(origins)


@given(st.lists(items, min_size=1, max_size=5), st.data())
def test_without_reuse_it_is_a_fork_where_the_agent_parts(chain, data):
    machine = Started(0)
    prompts = [text for _, text in chain]
    at = data.draw(st.integers(0, len(prompts) - 1))
    changed = [*prompts[:at], "NEW", *prompts[at + 1 :]]

    def ask_all(texts):
        return [machine.ask([text]) for text in texts]

    with tracefork.record() as run:
        ask_all(prompts)
    machine.world.take()

    with tracefork.rerun(run.tape, reuse="none") as again:
        ask_all(changed)
    asked, _ = machine.world.take()
    with tracefork.fork(run.tape, at) as fork:
        ask_all(prompts)
    forked, _ = machine.world.take()

    assert [step.origin is None for step in again.tape] == [step.origin is None for step in fork.tape]
    assert [step.origin for step in again.tape][:at] == [step.origin for step in fork.tape][:at]
    assert asked.total() == forked.total() == len(prompts) - at
    assert again.tape.parent.step == fork.tape.parent.step == at


@given(machines, pairs, st.integers(0, 30))
def test_of_an_unfinished_tape_nothing_that_ended_is_asked_again(make, pair, cut):
    machine = make()
    program, other = pair
    tape, _ = record(machine, program)
    died = tracefork.Tape(tuple(step for step in tape.steps if step.span.ended <= cut), run_id="died")
    kept = Counter(step.request.body for step in died)
    used = Counter(json.loads(step.call.arguments)["args"][0] for step in died.effects)
    wanted = machine.run(other)
    questions, calls = machine.world.take()

    with tracefork.rerun(died) as run:
        came = machine.run(other)

    assert came == wanted
    assert machine.world.take() == (questions - kept, calls - used)
    assert_served_to_equals(died, run.tape)
