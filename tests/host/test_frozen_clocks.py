"""An agent's test may freeze, move or mock its clocks: a run goes by the real ones all the same."""

import asyncio
import datetime as dt
import os
import subprocess
import sys
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from unittest import mock

import freezegun
import httpx
import pytest
import time_machine
import trio
from attrs import evolve

import tracefork
from tracefork import TapeStore
from tracefork.backends import MemoryBackend
from tracefork.core.values import Timing
from tracefork.errors import Divergence, Stalled, TraceforkError
from tracefork.host import clocks

PAST = dt.datetime(2000, 1, 1, tzinfo=dt.UTC)
REAL, MONOTONIC, SLEEP = time.time, time.monotonic, time.sleep
YEAR = 365 * 86_400


class REALLY:
    """Real functions, where no freezer looks for them."""

    time, monotonic, sleep = staticmethod(REAL), staticmethod(MONOTONIC), staticmethod(SLEEP)


@contextmanager
def mocked(**returns):
    with ExitStack() as stack:
        for name in ("time", "monotonic", "perf_counter", "sleep"):
            stack.enter_context(mock.patch(f"time.{name}", **returns))
        yield


LAZY = ["cohere"]
"""Modules whose parts are imported when freezegun looks at them, and cannot be under a frozen clock."""


def freeze(**how):
    return freezegun.freeze_time(PAST, ignore=LAZY, **how)


FREEZERS = {
    "freezegun": lambda: freeze(),
    "freezegun that leaves asyncio alone": lambda: freezegun.freeze_time(
        PAST, ignore=LAZY, real_asyncio=True
    ),
    "freezegun that ticks": lambda: freeze(auto_tick_seconds=15),
    "time-machine": lambda: time_machine.travel(PAST, tick=False),
    "time-machine that ticks": lambda: time_machine.travel(PAST),
    "mocks of one value": lambda: mocked(return_value=0.0),
}


@pytest.fixture(params=FREEZERS)
def frozen(request):
    return FREEZERS[request.param]


def served():
    return httpx.MockTransport(lambda request: httpx.Response(200, text="ok"))


def agent():
    with httpx.Client(transport=served()) as client:
        for n in range(3):
            client.post("https://m.example/", content=str(n))


async def aagent():
    async with httpx.AsyncClient(transport=served()) as client:
        await asyncio.gather(*(client.post("https://m.example/", content=str(n)) for n in range(3)))


@pytest.mark.parametrize("where", ["a.db", "runs", None])
def test_a_run_is_recorded_kept_and_replayed_while_the_clock_stands(frozen, tmp_path, where):
    before = REALLY.time()
    with frozen():
        with tracefork.record(where and tmp_path / where) as run:
            agent()
        verdict = tracefork.verify(run.tape, agent)
        if where:
            with TapeStore.open(tmp_path / where) as store:
                assert store.load(run.run_id) == run.tape
                assert not list(store.gc())
    after = REALLY.time()

    assert verdict.ok
    assert before - 1 <= run.tape.created_at <= after + 1
    assert run.run_id.startswith(str(dt.datetime.now(dt.UTC).year))
    for exchange in run.tape:
        assert before - 1 <= exchange.timing.began <= after + 1
        assert 0 <= exchange.timing.headed <= exchange.timing.ended <= after - before + 1


@pytest.mark.timeout(60)
def test_a_loop_whose_time_stands_records_and_replays(frozen):
    with frozen():
        with tracefork.record() as run:
            asyncio.run(aagent())
        verdict = tracefork.verify(run.tape, aagent)

    assert verdict.ok


async def asks(text):
    async with httpx.AsyncClient(transport=served()) as client:
        await client.post("https://m.example/", content=text)


async def twice_as_many():
    await asyncio.gather(asks("0"), asyncio.create_task(asks("0")))


async def half_as_many():
    await asyncio.gather(asks("0"), asyncio.create_task(asyncio.Event().wait()))


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_replay_that_cannot_go_on_stalls_in_real_time_in_a_loop(frozen):
    async def first():
        await asyncio.gather(asyncio.create_task(late()), asyncio.create_task(asks("1")))

    async def late():
        await asks("0")

    async def never():
        await asyncio.gather(asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asks("1")))

    with tracefork.record() as run:
        asyncio.run(first())
    began = REALLY.monotonic()
    with frozen():
        verdict = tracefork.verify(run.tape, never, patience=0.4)

    assert isinstance(verdict.divergence, Divergence | Stalled)
    assert 0.3 < REALLY.monotonic() - began < 20


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_a_replay_that_cannot_go_on_stalls_in_real_time_on_threads(frozen):
    def run_in(*texts):
        def ask(text):
            if text is not None:
                with httpx.Client(transport=served()) as client, _swallow():
                    client.post("https://m.example/", content=text)

        threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
            thread.join(0 if None in texts else None)
        for thread in threads:
            thread.join()

    with tracefork.record() as run:
        run_in("0", "1")
    began = REALLY.monotonic()
    with frozen():
        verdict = tracefork.verify(run.tape, lambda: run_in(None, "1"), patience=0.4)

    assert not verdict.ok
    assert REALLY.monotonic() - began < 20


@contextmanager
def _swallow():
    try:
        yield
    except TraceforkError:
        pass


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["freezegun", "time-machine", "time-machine that ticks"])
def test_trio_records_and_replays_and_stalls_in_real_time(name):
    async def both(*texts):
        async with trio.open_nursery() as nursery:
            for text in texts:
                nursery.start_soon(asks, text)

    async def each(*texts):
        for text in texts:
            await asks(text)

    with FREEZERS[name]():
        with tracefork.record() as run:
            trio.run(each, "0", "1")
        ok = tracefork.verify(run.tape, lambda: trio.run(each, "0", "1"))
        began = REALLY.monotonic()
        stalled = tracefork.verify(run.tape, lambda: trio.run(both, "1"), patience=0.4)

    assert ok.ok
    assert not stalled.ok
    assert REALLY.monotonic() - began < 20


def test_a_call_that_hung_when_it_was_recorded_hangs_for_its_patience_alone():
    def gives_up():
        async def main():
            async def wait(request):
                await asyncio.Event().wait()

            async with httpx.AsyncClient(transport=httpx.MockTransport(wait)) as client:
                task = asyncio.create_task(client.get("https://m.example/"))
                for _ in range(20):
                    await asyncio.sleep(0)
                task.cancel()
                try:
                    await task
                except asyncio.CancelledError:
                    pass

        asyncio.run(main())

    for freezer in FREEZERS.values():
        with freezer():
            with tracefork.record() as run:
                gives_up()
            assert tracefork.verify(run.tape, gives_up).ok


def test_what_the_agent_takes_for_the_time_is_the_agents():
    def tells(run):
        return run.now()

    with freeze(), tracefork.record() as run:
        told = tells(run)

    assert told == PAST.timestamp()
    with tracefork.replay(run.tape) as again:
        assert tells(again) == told


def test_a_run_that_draws_the_agents_clocks_goes_by_the_real_ones(frozen, tmp_path):
    def tells():
        agent()
        now = [time.time(), dt.datetime.now(), dt.datetime.now(dt.UTC), dt.date.today()]  # noqa: DTZ005, DTZ011
        return [*map(str, now), time.strftime("%Y %Z")]

    before = REALLY.time()
    with frozen(), tracefork.record(tmp_path / "a.db", virtualize="time") as run:
        first = tells()
    with tracefork.replay(run.tape):
        assert tells() == first
    with frozen():
        verdict = tracefork.verify(run.tape, tells)

    assert verdict.ok and len(run.tape.draws) == 5
    assert before - 1 <= run.tape.created_at <= REALLY.time()
    assert all(before - 1 <= exchange.timing.began <= REALLY.time() for exchange in run.tape)


@pytest.mark.slow
def test_clocks_are_real_where_tracefork_is_first_imported_under_a_frozen_one(tmp_path):
    program = """
import time
real = [time.time, time.monotonic]
import freezegun, time_machine, unittest.mock as mock, datetime, sys
how, names = sys.argv[1], ["time", "monotonic", "perf_counter", "sleep"]
past = datetime.datetime(2000, 1, 1)
freezers = {
    "freezegun": lambda: freezegun.freeze_time(past),
    "time-machine": lambda: time_machine.travel(past, tick=False),
    "mock": lambda: mock.patch.multiple("time", **dict.fromkeys(names, mock.Mock(return_value=0.0))),
}
with freezers[how]():
    from tracefork.host import clocks
    import tracefork.runs.api
    first = clocks.now(), clocks.monotonic(), clocks.perf_counter()
    clocks.sleep(0.05)
    second = clocks.now(), clocks.monotonic(), clocks.perf_counter()
    assert all(0.04 < b - a < 5 for a, b in zip(first, second)), (first, second)
assert abs(clocks.now() - real[0]()) < 5
"""
    for how in ("freezegun", "time-machine", "mock"):
        done = subprocess.run(
            [sys.executable, "-c", program, how],
            check=False,
            env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, (how, done.stderr)


def test_the_clocks_are_those_of_the_machine():
    assert abs(clocks.now() - time.time()) < 1
    assert abs(clocks.monotonic() - time.monotonic()) < 1
    assert not clocks.are_steered()
    with freeze():
        assert clocks.are_steered()


# -- times of others' making ---------------------------------------------------------------

STRANGE = [float("nan"), float("inf"), float("-inf"), -1.0, 1e300, -0.0, 5e-324]


@pytest.mark.parametrize("number", STRANGE)
@pytest.mark.parametrize("place", ["began", "headed", "ended", "chunks", "created_at"])
@pytest.mark.parametrize("where", ["a.db", "runs", ":memory:", None])
def test_a_tape_with_strange_times_is_kept_whole_or_refused(tmp_path, number, place, where):
    with tracefork.record() as run:
        agent()
    if place == "created_at":
        tape = evolve(run.tape, created_at=number, run_id="r")
    else:
        timing = Timing(1.0, 0.1, 0.2, (0.1,))
        timing = evolve(timing, **{place: (number,) if place == "chunks" else number})
        tape = evolve(run.tape, steps=(evolve(run.tape[0], timing=timing), *run.tape.steps[1:]), run_id="r")

    if where is None:
        try:
            assert tracefork.loads(tracefork.dumps(tape)) == tape
        except TraceforkError as error:
            assert number != number or number in (float("inf"), float("-inf"))  # noqa: PLR0124
            assert "r" in str(error)
        return
    with TapeStore.open(where if where == ":memory:" else tmp_path / where) as store:
        try:
            store.save(tape)
        except TraceforkError:
            assert "r" not in store
        else:
            assert store.load("r") == tape
        assert not list(store.check())
        for info in store.runs():
            assert info.created_at == info.created_at
        assert tracefork.report.text(tape)
        try:
            assert tracefork.report.html(tape)
        except TraceforkError as error:
            assert "not finite" in str(error)


SPEAK_FOR_THE_AGENT = ("tracefork.isolation.chance", "tracefork.demo", "tracefork.testing")


def test_no_module_of_ours_holds_a_clock_where_a_freezer_finds_it():
    found = [
        f"{name}.{key}"
        for name, module in sorted(sys.modules.items())
        if name.startswith("tracefork.") and not name.startswith(SPEAK_FOR_THE_AGENT)
        for key, value in vars(module).items()
        if any(value is each for each in (REAL, MONOTONIC, SLEEP, time.perf_counter, time.time_ns))
    ]

    assert found == []


def test_a_limit_on_waiting_for_a_store_holds_though_the_clock_stands():
    class Slow(MemoryBackend):
        def append(self, run_id, index, chunk):
            if index:
                holds.wait(20)
            super().append(run_id, index, chunk)

    holds = threading.Event()
    with (
        freeze(),
        tracefork.record(TapeStore(Slow()), intercept=False) as run,
    ):
        run.random()
        began = REALLY.monotonic()
        came = run._keeper.wait(run.port._cell.now.number, 0.2)
        took = REALLY.monotonic() - began
        holds.set()

    assert not came and took < 5
