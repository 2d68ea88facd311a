"""Asyncio programs whose prompts are made of the order in which answers came replay in that order."""

from __future__ import annotations

import asyncio
import gc
import random
import time

import httpx
import pytest
from worlds import TIMES

import tracefork
from tracefork import Response
from tracefork.errors import Unfinished
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer


def program(seed, post):
    """A program drawn by `seed`: tasks that ask, stream, spend awaits, and tell each other what they saw."""
    chance = random.Random(seed)
    plans = [
        [(chance.randrange(6), chance.choice(["post", "stream"])) for _ in range(chance.randint(1, 3))]
        for _ in range(chance.randint(3, 7))
    ]

    async def main():
        seen = []

        async def one(name, plan):
            for hops, how in plan:
                said = await post(f"{name} after {len(seen)}: {' '.join(seen[-3:])}", how)
                for _ in range(hops):
                    await asyncio.sleep(0)
                seen.append(f"{name}{said}")

        async with asyncio.TaskGroup() as group:
            for n, plan in enumerate(plans):
                group.create_task(one("abcdefg"[n], plan))
        return await post(" ".join(seen), "post")

    return main


async def ask(client, url, text, how):
    if how == "post":
        return (await client.post(url, content=text)).text
    async with client.stream("POST", url, content=text) as response:
        return "".join([chunk async for chunk in response.aiter_text()])


def over(transport, url, seed):
    async def agent():
        async with httpx.AsyncClient(transport=transport()) as client:
            return await program(seed, lambda text, how: ask(client, url, text, how))()

    return agent


def model(*delays):
    """Answers after a moment, now and then several at once; without one in the breath of the question."""
    calls = []

    def at_once(request):
        calls.append(request)
        return httpx.Response(200, content=b"%d" % len(calls))

    async def after_a_moment(request):
        delay = random.choice(delays)
        if delay is not None:
            await asyncio.sleep(delay)
        return at_once(request)

    return lambda: httpx.MockTransport(after_a_moment if delays else at_once)


@pytest.mark.parametrize("delays", [(), (0,), (0.001,), (0.001, 0.002, 0.002), (None, 0, 0.002)], ids=str)
@pytest.mark.parametrize("seed", range(4))
def test_over_a_mock_transport(seed, delays):
    agent = over(model(*delays), "http://model/", seed)
    with tracefork.record() as run:
        live = asyncio.run(agent())
    for _ in range(TIMES // 5):
        with tracefork.replay(run.tape, patience=5) as again:
            assert asyncio.run(agent()) == live
        assert again.tape.digest() == run.tape.digest()


class Turning(httpx.AsyncByteStream):
    """A body that takes so many turns of the loop to come."""

    def __init__(self, turns, body):
        self.turns, self.body = turns, body

    async def __aiter__(self):
        for _ in range(self.turns):
            await asyncio.sleep(0)
        yield self.body


@pytest.mark.parametrize("seed", range(15))
def test_over_answers_that_come_a_few_turns_after_others(seed):
    """Heads and ends fall into the very turns in which others ask."""
    calls, chance = [], random.Random(seed)

    async def answer(request):
        for _ in range(chance.randrange(6)):
            await asyncio.sleep(0)
        calls.append(request)
        return httpx.Response(200, stream=Turning(chance.randrange(4), b"%d" % len(calls)))

    agent = over(lambda: httpx.MockTransport(answer), "http://model/", seed)
    with tracefork.record() as run:
        live = asyncio.run(agent())
    with tracefork.replay(run.tape, patience=5) as again:
        assert asyncio.run(agent()) == live
    assert again.tape.digest() == run.tape.digest()


@pytest.mark.parametrize("seed", range(4))
def test_over_real_sockets(seed):
    calls = []

    def answer(request):
        calls.append(request)
        return Response(200, (("content-type", "text/plain"),), (b"%d" % len(calls), b"!"))

    with LoopbackServer(by_rule(answer)) as server:
        agent = over(lambda: None, server.url, seed)
        with tracefork.record() as run:
            live = asyncio.run(agent())
    for _ in range(TIMES // 5):
        with tracefork.replay(run.tape, patience=5) as again:
            assert asyncio.run(agent()) == live
        assert again.tape.digest() == run.tape.digest()


def test_beside_a_thousand_busy_tasks():
    async def main(agent):
        async def noise():
            while True:
                await asyncio.sleep(0)

        others = [asyncio.create_task(noise()) for _ in range(1000)]
        try:
            return await agent()
        finally:
            for other in others:
                other.cancel()

    agent = over(model(0.001, 0.002), "http://model/", seed=3)
    with tracefork.record() as run:
        live = asyncio.run(main(agent))
    for _ in range(3):
        with tracefork.replay(run.tape, patience=20) as again:
            assert asyncio.run(main(agent)) == live
        assert again.tape.digest() == run.tape.digest()


# -- what a pacer must not do -----------------------------------------------------------


def test_a_replay_that_is_left_while_a_task_waits_for_its_turn_leaves_nobody_waiting():
    async def ask(client, text):
        return (await client.post("http://model/", content=text)).text

    async def later(client):  # another strand than any on the tape
        return await ask(client, "second")

    async def both():
        async with httpx.AsyncClient(transport=model(0.001)()) as client:
            first = asyncio.create_task(ask(client, "first"))
            await first
            await ask(client, "second")

    async def leaves():
        async with httpx.AsyncClient() as client:
            with pytest.raises(Unfinished), tracefork.replay(run.tape, patience=2):
                waits = asyncio.create_task(later(client))
                await asyncio.sleep(0.05)
            await asyncio.wait_for(asyncio.gather(waits, return_exceptions=True), 5)

    with tracefork.record() as run:
        asyncio.run(both())
    asyncio.run(leaves())


def test_a_run_keeps_none_of_the_loops_that_it_has_seen_end():
    def loops():
        gc.collect()
        return sum(isinstance(thing, asyncio.BaseEventLoop) for thing in gc.get_objects())

    async def ask(run):
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
            async with client.stream("POST", "http://model/") as response:
                if run is None:
                    return response
            return None

    with tracefork.record() as run:
        before = loops()
        for _ in range(20):
            asyncio.run(ask(run))
        assert loops() <= before + 1
    assert loops() <= before


def test_recording_does_not_wait_for_turns_that_take_long():
    """A loop is crowded by the time that its turns take, and not only by their number of callbacks."""

    async def noise():
        while True:
            time.sleep(0.001)  # noqa: ASYNC251  somebody's own computing, on the loop
            await asyncio.sleep(0)

    async def turns(count):
        """How many turns of the loop `count` answers take, beside the noise."""
        seen, made = 0, asyncio.create_task(noise())
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:

            async def ask():
                for _ in range(count):
                    await client.post("http://model/")

            asking = asyncio.create_task(ask())
            while not asking.done():
                seen += 1
                await asyncio.sleep(0)
        made.cancel()
        return seen

    bare = asyncio.run(turns(100))
    with tracefork.record():
        recorded = asyncio.run(turns(100))

    assert recorded - bare <= 40, "some until it is known, then none"
