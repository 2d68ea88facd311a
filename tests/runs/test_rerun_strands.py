"""Reruns of agents of several strands: some are gone, some wait, and some trade places."""

from __future__ import annotations

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import httpx
import pytest
from chats import URL, chat, recorded

import tracefork
from tracefork.errors import Stalled

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


@pytest.mark.slow
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


def test_before_at_a_strand_that_is_gone_is_told_soon_and_so_is_how_long_it_was_waited_for(aask):
    tape = recorded(lambda: crowd(aask, ["a", "b"], ["c", "d"], ["e", "f"]))

    began = time.perf_counter()
    with pytest.raises(Stalled) as caught, tracefork.rerun(tape, at=7):
        crowd(aask, ["a", "b"], ["c", "d"])

    assert time.perf_counter() - began < 5
    assert caught.value.patience < 5
