"""An agent that has not changed is replayed by `rerun`, whatever takes its time; and streams that broke."""

from __future__ import annotations

import asyncio
import json
import tempfile
import threading
import time

import httpx
import pytest

import tracefork

URL = "https://model.example/v1/messages"
SHOP = "https://shop.example/page"


class World:
    """Answers after a while, and counts: a page is never served again, so that a live one would be seen."""

    def __init__(self):
        self.asked = []

    def answer(self, request):
        self.asked.append(str(request.url))
        return httpx.Response(200, json={"n": len(self.asked)})

    def sync(self, seconds):
        def serve(request):
            time.sleep(seconds)
            return self.answer(request)

        return httpx.Client(transport=httpx.MockTransport(serve))

    def tasks(self, seconds):
        async def serve(request):
            await asyncio.sleep(seconds)
            return self.answer(request)

        return httpx.AsyncClient(transport=httpx.MockTransport(serve))


@pytest.fixture
def world():
    return World()


def assert_replayed(world, agent):
    with tracefork.record() as run:
        came = agent()
    world.asked.clear()

    with tracefork.rerun(run.tape) as again:
        assert agent() == came

    assert (world.asked, again.parted, again.forwarded) == ([], None, 0)
    assert again.tape.digest() == run.tape.digest()


@pytest.mark.slow
def test_a_task_that_sleeps_beside_one_whose_answers_took_their_time(world):
    async def main():
        async with world.tasks(0.1) as client:

            async def work():
                for n in range(5):
                    await client.get(f"{SHOP}/{n}")

            async def sleep():
                await asyncio.sleep(0.48)
                await client.get(f"{SHOP}/beat")

            await asyncio.gather(work(), sleep())

    assert_replayed(world, lambda: asyncio.run(main()))


@pytest.mark.slow
def test_a_thread_that_sleeps_beside_one_whose_answers_took_their_time(world):
    client = world.sync(0.1)

    def work():
        for n in range(5):
            client.get(f"{SHOP}/{n}")

    def sleep():
        time.sleep(0.48)
        client.get(f"{SHOP}/beat")

    def agent():
        threads = [threading.Thread(target=one) for one in (work, sleep)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert_replayed(world, agent)


@pytest.mark.slow
def test_a_deadline_around_more_than_the_call_that_it_ends(world):
    async def main():
        async with world.tasks(0.12) as client:
            try:
                async with asyncio.timeout(0.55):
                    for n in range(9):
                        await client.get(f"{SHOP}/{n}")
            except TimeoutError:
                return "late"

    assert_replayed(world, lambda: asyncio.run(main()))


def test_a_loop_that_waits_for_a_thread_of_before_the_run(world):
    jobs, done = [], threading.Event()

    def serve():
        while not done.wait(0.02):
            if jobs:
                loop, future = jobs.pop()
                loop.call_soon_threadsafe(future.set_result, None)

    async def main():
        async with world.tasks(0.01) as client:

            async def fed(n):
                future = asyncio.get_running_loop().create_future()
                jobs.append((asyncio.get_running_loop(), future))
                await future
                await client.get(f"{SHOP}/fed/{n}")

            async def work():
                await client.get(f"{SHOP}/first")

            await asyncio.gather(fed(0), work())

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        assert_replayed(world, lambda: asyncio.run(main()))
    finally:
        done.set()
        thread.join()


def test_tools_that_hold_what_each_run_makes_anew_are_served_and_that_is_said():
    ran = []

    def agent():
        folder = tempfile.mkdtemp()

        def save(text):
            ran.append(text)
            return f"saved {len(text)} in {len(folder)}"

        return tracefork.current().call("save", save, "a text")

    with tracefork.record() as run:
        agent()
    ran.clear()

    with tracefork.rerun(run.tape) as again:
        agent()

    assert (ran, again.parted) == ([], None)
    assert again.remarks == [
        "served although values it holds (defaults, variables around it) are others now: save"
    ]


# -- streams amid which the agent failed ------------------------------------------------


def stream():
    start = {"type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    begun = {"type": "message_start", "message": start}
    yield f"event: message_start\ndata: {json.dumps(begun)}\n\n".encode()
    for n in range(3):
        delta = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"{n}"}}
        yield f"event: content_block_delta\ndata: {json.dumps(delta)}\n\n".encode()
    yield b'event: message_stop\ndata: {"type": "message_stop"}\n\n'


class Streamed(httpx.SyncByteStream):
    def __iter__(self):
        return stream()


def read(world, prompt, failure=None):
    def serve(request):
        world.asked.append(prompt)
        return httpx.Response(200, headers={"content-type": "text/event-stream"}, stream=Streamed())

    with httpx.Client(transport=httpx.MockTransport(serve)) as client:
        body = {"model": "m", "stream": True, "messages": [{"role": "user", "content": prompt}]}
        with client.stream("POST", URL, json=body) as response:
            for n, _ in enumerate(response.iter_raw()):
                if failure is not None and n == 2:
                    raise failure


@pytest.mark.parametrize("verb", ["rerun", "resume"])
def test_a_stream_that_was_interrupted_is_asked_again(world, verb):
    with pytest.raises(KeyboardInterrupt), tracefork.record() as run:
        read(world, "a")
        read(world, "b", KeyboardInterrupt())
    world.asked.clear()

    with getattr(tracefork, verb)(run.tape):
        read(world, "a")
        read(world, "b")

    assert world.asked == ["b"]


def test_a_stream_amid_which_the_agent_failed_is_asked_again_if_it_is_to(world):
    def agent(failure=None):
        read(world, "a")
        read(world, "b", failure)

    with pytest.raises(LookupError), tracefork.record() as run:
        agent(LookupError("a bug"))
    world.asked.clear()

    with pytest.raises(tracefork.Divergence) as caught, tracefork.rerun(run.tape):
        agent()
    with pytest.raises(LookupError), tracefork.rerun(run.tape) as same:
        agent(LookupError("a bug"))
    served = list(world.asked)
    with tracefork.rerun(run.tape, faults="again") as mended:
        agent()

    assert 'faults="again"' in str(caught.value)
    assert (served, same.parted) == ([], None)
    assert (world.asked, mended.parted.reason) == (["b"], "fault")
