"""What ran side by side replays in its recorded order, ticks and digests equal."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue

import anyio
import httpx
import pytest
from worlds import URL, World, asay, jitter, proves, say

import tracefork
from tracefork.core.values import is_abandoned
from tracefork.runtime import spawning
from tracefork.transports.httpx import AsyncTransport, Transport


async def achain(client, name, n=4):
    await asyncio.sleep(jitter())
    said = name
    for _ in range(n):
        said = await asay(client, said)
        await asyncio.sleep(jitter(0.002))
    return said


def chain(client, name, n=5):
    time.sleep(jitter())
    said = name
    for _ in range(n):
        said = say(client, said)
        time.sleep(jitter(0.002))
    return said


def asynchronous(body):
    """Turn `async body(client)` into an agent."""

    def agent(run):
        async def main():
            async with World().async_client(run) as client:
                return await body(client)

        return asyncio.run(main())

    return agent


def test_six_tasks_of_four_calls():
    proves(asynchronous(lambda c: asyncio.gather(*(achain(c, f"c{i}") for i in range(6)))))


def test_six_identical_chains():
    async def body(client):
        return await asyncio.gather(*(achain(client, "same") for _ in range(6)))

    proves(asynchronous(body))


@pytest.mark.slow
def test_eight_threads_of_five_calls():
    def agent(run):
        client, out = World().client(run), {}

        def work(i):
            out[i] = chain(client, f"t{i}")

        threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return out

    proves(agent)


def test_eight_identical_prompts_in_a_pool():
    def agent(run):
        client = World().client(run)

        def one(_):
            time.sleep(jitter())
            return say(client, "same")

        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, range(8)))

    proves(agent)


def test_gather_then_a_prompt_made_of_the_order_of_completion():
    async def body(client):
        done = []

        async def one(name):
            done.append(await asay(client, name))

        await asyncio.gather(*map(one, "abcdef"))
        return await asay(client, " ".join(done))

    proves(asynchronous(body))


@pytest.mark.parametrize("hops", [0, 5])
def test_as_completed(hops):
    async def body(client):
        async def one(name, hops):
            said = await asay(client, name)
            for _ in range(hops):  # the agent's own work between an answer and what shows of it
                await asyncio.sleep(0)
            return said

        out = []
        names = "abcdef"
        for done in asyncio.as_completed([one(n, hops * (i % 2)) for i, n in enumerate(names)]):
            out.append(await done)
        return await asay(client, " ".join(out))

    proves(asynchronous(body), lanes=False)  # as_completed starts its tasks in the order of a set


def test_a_race_whose_loser_is_cancelled_before_its_head():
    async def world(request):
        await asyncio.sleep(0.002 if request.content in (b"a", b"after a") else 1)
        return httpx.Response(200, content=request.content)

    def agent(run):
        async def main():
            async with httpx.AsyncClient(transport=AsyncTransport(run, httpx.MockTransport(world))) as client:
                racers = [asyncio.create_task(asay(client, name)) for name in "abc"]
                done, lost = await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
                for racer in lost:
                    racer.cancel()
                await asyncio.gather(*lost, return_exceptions=True)
                return await asay(client, "after " + min(task.result() for task in done))

        return asyncio.run(main())

    tape = proves(agent)
    assert sum(is_abandoned(x.answer) for x in tape.exchanges) == 2


class Drip(httpx.AsyncByteStream, httpx.SyncByteStream):
    def __init__(self, pause):
        self.pause = pause

    async def __aiter__(self):
        for i in range(5):
            yield b"%d" % i
            await asyncio.sleep(self.pause)

    def __iter__(self):
        for i in range(5):
            yield b"%d" % i
            time.sleep(self.pause)


def streaming(run, pause=0.002):
    def world(request):
        if request.method == "GET":
            return httpx.Response(200, text="tool " + request.url.path)
        return httpx.Response(200, stream=Drip(pause))

    return (
        httpx.Client(transport=Transport(run, httpx.MockTransport(world))),
        httpx.AsyncClient(transport=AsyncTransport(run, httpx.MockTransport(world))),
    )


def test_a_stream_cancelled_in_mid_body():
    def agent(run):
        async def read(client):
            async with client.stream("POST", URL) as r:
                async for _ in r.aiter_raw():
                    pass

        async def main():
            client = streaming(run, pause=0.01)[1]
            loser = asyncio.create_task(read(client))
            await asyncio.sleep(0.015)
            first = await client.get(URL + "winner")
            loser.cancel()
            await asyncio.gather(loser, return_exceptions=True)
            return first.text, (await client.get(URL + "after")).text

        return asyncio.run(main())

    tape = proves(agent)
    assert [x.answer.end for x in tape.exchanges] == ["cancelled", "eof", "eof"]


def tools_inside(run):
    client = streaming(run, pause=0)[0]
    got = []
    with client.stream("POST", URL) as r:
        for chunk in r.iter_raw():
            got += [chunk, client.get(URL + f"tool{chunk.decode()}").text]
    return got


def test_tool_calls_inside_an_open_stream():
    proves(tools_inside)


def test_a_generator_left_by_break():
    def tokens(client):
        with client.stream("POST", URL) as r:
            yield from r.iter_raw()

    def agent(run):
        client, got = streaming(run, pause=0)[0], []
        for i in range(3):
            left = tokens(client)
            got.append(next(left))
            cycle = [left]
            cycle.append(cycle)  # only the collector closes it
            del left, cycle
            got.append(client.get(URL + f"{i}").text)
            if i % 2:
                gc.collect()
        return got

    proves(agent)


def test_a_collector_that_runs_in_the_middle_of_a_step():
    def tokens(client):
        with client.stream("POST", URL) as r:
            yield from r.iter_raw()

    def agent(run):
        client, got = streaming(run, pause=0)[0], []
        for i in range(20):
            left = tokens(client)
            got.append(next(left))
            cycle = [left]
            cycle.append(cycle)
            del left, cycle
            got.append(client.get(URL + f"{i}").text)
        return got

    before = gc.get_threshold()
    gc.set_threshold(3, 1, 1)
    try:
        proves(agent, times=10)
    finally:
        gc.set_threshold(*before)


def test_an_asynchronous_generator_left_by_break():
    def agent(run):
        async def tokens(client):
            async with client.stream("POST", URL) as r:
                async for chunk in r.aiter_raw():
                    yield chunk

        async def main():
            client, got = streaming(run, pause=0)[1], []
            for i in range(3):
                async for chunk in tokens(client):
                    got.append(chunk)
                    break
                got.append((await client.get(URL + f"{i}")).text)
                got += await asyncio.gather(*(asay(client, f"{i}{n}") for n in "ab"))
            return got

        return asyncio.run(main())

    proves(agent)


def test_to_thread():
    def agent(run):
        client = World().client(run)

        async def main():
            return await asyncio.gather(*(asyncio.to_thread(chain, client, "same", 3) for _ in range(4)))

        return asyncio.run(main())

    proves(agent)


@pytest.mark.slow
def test_anyio_to_thread_and_nested_task_groups():
    def agent(run):
        client, out = World().client(run), []

        async def leaf(name):
            out.append(await anyio.to_thread.run_sync(chain, client, name, 2))

        async def branch(name):
            async with anyio.create_task_group() as group:
                for i in range(3):
                    group.start_soon(leaf, f"{name}{i}")

        async def main():
            async with anyio.create_task_group() as group:
                for name in "ab":
                    group.start_soon(branch, name)

        anyio.run(main)
        return sorted(out)

    proves(agent)


@pytest.mark.slow
def test_run_in_executor():
    def agent(run):
        client = World().client(run)

        async def main():
            loop = asyncio.get_running_loop()
            with ThreadPoolExecutor(3) as pool:
                own = [loop.run_in_executor(pool, chain, client, "same", 2) for _ in range(4)]
                default = [loop.run_in_executor(None, partial(chain, client, "same", 2)) for _ in range(4)]
                return await asyncio.gather(*own, *default)

        return asyncio.run(main())

    proves(agent)


def test_nested_task_groups():
    async def body(client):
        async def branch(name):
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(achain(client, "same", 2)) for _ in range(3)]
            return [t.result() for t in tasks]

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(branch(n)) for n in "ab"]
        return [t.result() for t in tasks]

    proves(asynchronous(body))


@pytest.mark.slow
def test_timeouts_that_wrap_each_call_in_a_task():
    async def body(client):
        async def one(name):
            said = name
            for _ in range(3):
                await asyncio.sleep(jitter())
                said = await asyncio.wait_for(asay(client, said), 5)
            return said

        return await asyncio.gather(*map(one, "abcd"))

    proves(asynchronous(body))


@pytest.mark.slow
def test_workers_on_one_queue_trade_places():
    def agent(run):
        client, out, jobs = World().client(run), {}, SimpleQueue()
        together = threading.Barrier(4)  # one that begins before the others live is held to its own lane
        for i in range(16):
            jobs.put(f"job{i}")

        def work():
            together.wait()
            while not jobs.empty():
                try:
                    job = jobs.get_nowait()
                except Exception:
                    return
                time.sleep(jitter())
                out[job] = say(client, job)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        return out

    proves(agent, lanes=False)


def test_asynchronous_workers_on_one_queue():
    async def body(client):
        out, jobs = {}, list(range(16))

        async def work():
            while jobs:
                job = jobs.pop(0)
                await asyncio.sleep(jitter())
                out[job] = await asay(client, f"job{job}")

        await asyncio.gather(*(work() for _ in range(4)))
        return out

    proves(asynchronous(body), lanes=False)


def test_a_synchronous_client_inside_an_event_loop():
    def agent(run):
        world = World()
        sync, tasks = world.client(run), world.async_client(run)

        async def mixed(name):
            said = await asay(tasks, name)
            said = say(sync, said)
            return await asay(tasks, said)

        async def main():
            return await asyncio.gather(*map(mixed, "abcd"))

        return asyncio.run(main())

    proves(agent)


def test_draws_are_steps_too():
    def agent(run):
        async def one(client, name):
            await asyncio.sleep(jitter())
            return await asay(client, name + run.uuid4().hex), run.now()

        async def main():
            async with World().async_client(run) as client:
                return await asyncio.gather(*(one(client, n) for n in "abcd"))

        return asyncio.run(main())

    proves(agent)


@pytest.mark.slow
def test_two_runs_share_one_client():
    world = World()

    def agent(run):
        async def main():
            return await asyncio.gather(*(achain(CLIENT, f"{n}", 3) for n in "ab"))

        return main()

    async def both(start):
        async def one(run):
            with run:
                return await agent(run)

        runs = start()
        return runs, await asyncio.gather(*map(one, runs))

    CLIENT = world.async_client(None)
    runs, said = asyncio.run(both(lambda: [tracefork.record(), tracefork.record()]))
    for _ in range(50):
        CLIENT = world.async_client(None)
        again, heard = asyncio.run(both(lambda: [tracefork.replay(r.tape) for r in runs]))
        assert heard == said
        assert all(r.tape.digest() == a.tape.digest() for r, a in zip(runs, again))
    assert world.calls == 12


def test_a_stream_that_breaks_midway_breaks_again():
    class Broken(httpx.SyncByteStream):
        def __iter__(self):
            yield b"one"
            raise httpx.ReadError("reset")

    def agent(run):
        world = httpx.MockTransport(lambda _: httpx.Response(200, stream=Broken()))
        got = []
        with pytest.raises(httpx.ReadError, match="reset"):
            with httpx.Client(transport=Transport(run, world)).stream("GET", URL) as r:
                got += r.iter_raw()
        return got

    tape = proves(agent, times=3)
    assert tape[0].answer.end == tracefork.Fault("ReadError", "reset")


def test_reading_past_a_recorded_close_diverges():
    def agent(much):
        def body(run):
            with streaming(run, pause=0)[0].stream("POST", URL) as r:
                stream = r.iter_raw()
                return [next(stream) for _ in range(much)]

        return body

    with tracefork.record() as run:
        agent(2)(run)
    with pytest.raises(tracefork.Divergence), tracefork.replay(run.tape) as again:
        agent(3)(again)


@pytest.mark.parametrize("how", ["tasks", "threads"])
def test_without_lanes_only_equal_prompts_can_be_swapped(how, monkeypatch):
    monkeypatch.setattr(spawning, "watch", lambda *_: None)
    monkeypatch.setattr(spawning, "unwatch", lambda *_: None)
    if how == "tasks":
        agent = asynchronous(lambda c: asyncio.gather(*(achain(c, f"c{i}") for i in range(6))))
    else:

        def agent(run):
            client = World().client(run)
            with ThreadPoolExecutor(6) as pool:
                return list(pool.map(partial(chain, client), "abcdef"))

    proves(agent, lanes=False)


@pytest.mark.parametrize("how", ["run", "run_until_complete", "runner", "within"])
def test_how_an_agent_is_started_is_no_part_of_its_lanes(how):
    async def one(run):
        return [run.random() for _ in range(3)]

    async def agent(run):
        return await asyncio.gather(*(one(run) for _ in range(4)))

    def started(run, how):
        if how == "run":
            return asyncio.run(agent(run))
        if how == "runner":
            with asyncio.Runner() as runner:
                return runner.run(agent(run))
        loop = asyncio.new_event_loop()
        try:
            return loop.run_until_complete(agent(run))
        finally:
            loop.close()

    async def within():
        with tracefork.record() as run:
            return run, await agent(run)

    if how == "within":
        run, live = asyncio.run(within())
    else:
        with tracefork.record() as run:
            live = started(run, how)
    for other in ("run", "run_until_complete", "runner"):
        with tracefork.replay(run.tape) as again:
            assert started(again, other) == live
        assert again.tape.digest() == run.tape.digest()
    assert tracefork.verify(run.tape, agent).ok
    assert {draw.lane for draw in run.tape.draws} == {f"one.{n}" for n in range(4)}


def test_tasks_that_are_made_before_their_loop_runs_have_lanes_of_their_own():
    async def one(run):
        return [run.random() for _ in range(3)]

    def agent(run):
        loop = asyncio.new_event_loop()
        try:
            tasks = [loop.create_task(one(run)) for _ in range(3)]
            return loop.run_until_complete(asyncio.gather(*tasks))
        finally:
            loop.close()

    with tracefork.record() as run:
        live = agent(run)
    with tracefork.replay(run.tape) as again:
        assert agent(again) == live
    assert len({draw.lane for draw in run.tape.draws}) == 3
