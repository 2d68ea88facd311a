"""Jobs of executors: lanes of their own, whatever their context, and their recorded order when awaited."""

from __future__ import annotations

import asyncio
import random
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from functools import partial
from multiprocessing.pool import ThreadPool

import anyio
import anyio.to_thread
import httpx
import pytest

import tracefork
from tracefork.core.values import JOB


def fresh():
    """A model that answers each question otherwise, after a while of its own."""
    numbers = iter(range(10**6))

    def serve(_):
        time.sleep(random.random() / 300)
        return httpx.Response(200, text=f"answer {next(numbers)}")

    return httpx.Client(transport=httpx.MockTransport(serve))


client = fresh()


def ask(question):
    return client.post("https://m.example/", content=question).text


SAME = ["same", "same", "other", "same"]


def by_submit():
    with ThreadPoolExecutor(3) as pool:
        return [job.result() for job in [pool.submit(copy_context().run, ask, q) for q in SAME]]


def by_map_with_contexts():
    contexts = [copy_context() for _ in SAME]

    def one(question):
        return contexts.pop().run(ask, question)

    with ThreadPoolExecutor(3) as pool:
        return list(pool.map(one, SAME))


def by_partial():
    with ThreadPoolExecutor(3) as pool:
        return [job.result() for job in [pool.submit(partial(copy_context().run, ask, q)) for q in SAME]]


def by_threads():
    said = [None] * len(SAME)

    def one(n):
        said[n] = ask(SAME[n])

    threads = [threading.Thread(target=copy_context().run, args=(one, n)) for n in range(len(SAME))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return said


def by_nested_pools():
    def group(question):
        with ThreadPoolExecutor(2) as inner:
            return [
                job.result() for job in [inner.submit(copy_context().run, ask, question) for _ in range(2)]
            ]

    with ThreadPoolExecutor(2) as pool:
        return [job.result() for job in [pool.submit(copy_context().run, group, q) for q in SAME]]


def by_run_in_executor():
    async def main():
        loop = asyncio.get_running_loop()
        with ThreadPoolExecutor(3) as pool:
            jobs = [loop.run_in_executor(pool, copy_context().run, ask, q) for q in SAME]
            return await asyncio.gather(*jobs)

    return asyncio.run(main())


def by_to_thread():
    async def main():
        return await asyncio.gather(*(asyncio.to_thread(ask, q) for q in SAME))

    return asyncio.run(main())


def by_pool_of_threads():
    with ThreadPool(3) as pool:
        jobs = [pool.apply_async(copy_context().run, (ask, q)) for q in SAME]
        return [job.get() for job in jobs]


def by_its_map():
    with ThreadPool(3) as pool:
        return pool.map(ask, SAME)


def by_its_starmap():
    with ThreadPool(3) as pool:
        return pool.starmap(ask, [(q,) for q in SAME])


def by_its_imap():
    with ThreadPool(3) as pool:
        return list(pool.imap(ask, SAME))


WAYS = [
    by_submit,
    by_map_with_contexts,
    by_partial,
    by_threads,
    by_nested_pools,
    by_run_in_executor,
    by_to_thread,
    by_pool_of_threads,
    by_its_map,
    by_its_starmap,
    by_its_imap,
]


@pytest.mark.parametrize("agent", WAYS, ids=lambda agent: agent.__name__)
def test_equal_questions_side_by_side_keep_their_answers(agent):
    with tracefork.record() as run:
        live = agent()
    for _ in range(4):
        with tracefork.replay(run.tape, patience=5):
            assert agent() == live
    assert len({exchange.lane for exchange in run.tape}) == len(run.tape)


def test_a_job_that_is_handed_a_context_of_another_run_stays_in_that():
    with tracefork.record() as other:
        context = copy_context()
        with tracefork.record() as run, ThreadPoolExecutor(1) as pool:
            pool.submit(context.run, ask, "q").result()
    assert (len(other.tape), len(run.tape)) == (1, 0)


# -- the order in which they end -------------------------------------------------------------

aclient = httpx.AsyncClient(transport=httpx.MockTransport(lambda r: httpx.Response(200, content=r.content)))


def slow(n):
    time.sleep(random.random() / 60)
    return n


def fails(n):
    time.sleep(random.random() / 60)
    raise KeyError(n)


async def told(done):
    await aclient.post("https://m.example/", json=done)


def as_they_end(start, awaits=lambda n: 0):
    async def agent():
        done = []

        async def one(n):
            try:
                got = await start(n)
            except KeyError as exc:
                got = exc.args[0]
            for _ in range(awaits(n)):
                await asyncio.sleep(0)
            done.append(got)

        await asyncio.gather(*(one(n) for n in range(5)))
        await told(done)

    return agent


async def by_loop(n):
    return await asyncio.get_running_loop().run_in_executor(None, slow, n)


async def with_an_exchange_before(n):
    await aclient.post("https://m.example/", json=n)
    return await asyncio.to_thread(slow, n)


async def with_an_exchange_behind(n):
    await asyncio.to_thread(slow, n)
    await aclient.post("https://m.example/", json=n)
    return n


async def by_anyio(n):
    return await anyio.to_thread.run_sync(slow, n)


AWAITED = {
    "anyio": as_they_end(by_anyio),
    "to_thread": as_they_end(lambda n: asyncio.to_thread(slow, n)),
    "run_in_executor": as_they_end(by_loop),
    "failing": as_they_end(lambda n: asyncio.to_thread(fails, n)),
    "more awaits behind some": as_they_end(lambda n: asyncio.to_thread(slow, n), lambda n: 3 * (n % 2)),
    "an exchange before": as_they_end(with_an_exchange_before),
    "an exchange behind": as_they_end(with_an_exchange_behind),
}


@pytest.mark.parametrize("agent", AWAITED.values(), ids=AWAITED)
def test_tasks_that_await_jobs_come_back_in_their_recorded_order(agent):
    for _ in range(5):
        with tracefork.record() as run:
            asyncio.run(agent())
        verdict = tracefork.verify(run.tape, agent, patience=5)
        assert verdict.ok, verdict
        assert verdict.replayed == run.tape.digest()


@pytest.mark.parametrize("start", [asyncio.to_thread, anyio.to_thread.run_sync])
def test_a_job_that_leaves_by_an_exit_can_be_caught_as_ever(start):
    async def agent():
        try:
            await start(sys.exit, 3)
        except SystemExit as exc:
            await told(exc.code)

    with tracefork.record() as run:
        asyncio.run(agent())
    assert tracefork.verify(run.tape, agent, patience=5).ok


def test_as_completed_over_jobs_too():
    async def agent():
        jobs = [asyncio.create_task(asyncio.to_thread(slow, n)) for n in range(5)]
        await told([await job for job in asyncio.as_completed(jobs)])

    for _ in range(5):
        with tracefork.record() as run:
            asyncio.run(agent())
        assert tracefork.verify(run.tape, agent, patience=5).ok


def test_the_ends_of_jobs_are_no_draws_and_no_part_of_the_digest():
    async def agent(off_the_loop):
        said = await asyncio.to_thread(slow, 1) if off_the_loop else slow(1)
        await told(said)

    with tracefork.record() as run:
        asyncio.run(agent(True))
    tape = run.tape

    assert tape.draws == () and [step.source.kind for step in tape.steps[:1]] == [JOB]
    assert tracefork.diff(tape, tracefork.loads(tracefork.dumps(tape))) is None


@pytest.mark.parametrize("recorded", [True, False], ids=["recorded so", "replayed so"])
def test_an_agent_that_moves_a_tool_to_a_thread_or_back_has_not_changed(recorded):
    async def agent(off_the_loop):
        done = [await asyncio.to_thread(slow, n) if off_the_loop else slow(n) for n in range(3)]
        await told(done)

    with tracefork.record() as run:
        asyncio.run(agent(recorded))
    began = time.monotonic()
    verdict = tracefork.verify(run.tape, lambda: asyncio.run(agent(not recorded)), patience=20)

    assert verdict.ok, verdict
    assert time.monotonic() - began < 5


def test_a_job_that_nobody_waits_for_any_more_holds_up_nobody():
    async def agent():
        try:
            await asyncio.wait_for(asyncio.to_thread(time.sleep, 0.2), 0.02)
        except TimeoutError:
            await told("late")

    with tracefork.record() as run:
        asyncio.run(agent())
    assert tracefork.verify(run.tape, agent, patience=5).ok


def test_a_job_that_is_over_after_the_block_is_nobodys():
    async def agent():
        job = asyncio.create_task(asyncio.to_thread(time.sleep, 0.1))
        with tracefork.record() as run:
            late = asyncio.create_task(asyncio.to_thread(time.sleep, 0.1))
            await told("x")
        await asyncio.gather(job, late)
        return run.tape

    tape = asyncio.run(agent())
    with tracefork.replay(tape):
        asyncio.run(told("x"))


def test_a_store_keeps_them(tmp_path):
    agent = AWAITED["an exchange before"]
    with tracefork.record(tmp_path / "runs.db", run_id="r") as run:
        asyncio.run(agent())
    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        tape = store.load("r")
        assert not list(store.check())

    assert tape.steps == run.tape.steps and tracefork.verify(tape, agent, patience=5).ok


def test_a_fork_and_a_resumed_run_go_by_them(tmp_path):
    agent = AWAITED["an exchange behind"]
    with tracefork.record() as run:
        asyncio.run(agent())
    with tracefork.fork(run.tape, len(run.tape) - 1) as branch:
        asyncio.run(agent())
    with tracefork.resume(run.tape) as resumed:
        asyncio.run(agent())

    assert branch.forwarded == 1 and len(branch.tape) == len(run.tape)
    assert resumed.forwarded == 0 and resumed.tape.digest() == run.tape.digest()
