"""Chance that an agent takes from the standard library: drawn through its run, and nobody else's touched."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import os
import pickle
import random
import signal
import subprocess
import sys
import threading
import time
import types
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from random import choice as early_choice
from random import getrandbits as early_bits
from random import random as early_random
from random import shuffle as early_shuffle
from time import strftime as early_strftime
from time import time as early_time
from uuid import uuid4 as early_uuid

import httpx
import pytest

import tracefork
from tracefork import Response
from tracefork.errors import Divergence
from tracefork.testing.scripted import by_rule, transport
from tracefork.testing.server import LoopbackServer

ALL = frozenset({"random", "secrets", "time", "uuid"})
REPLAYS = 3
ECHO = by_rule(lambda request: Response(200, (), (request.body,)))


def shuffled(n, shuffle=random.shuffle):
    cards = list(range(n))
    shuffle(cards)
    return cards


DRAWS = {
    "random": lambda: random.random(),
    "early random": lambda: early_random(),
    "randint": lambda: random.randint(1, 10**9),
    "randrange": lambda: random.randrange(10**9),
    "uniform": lambda: random.uniform(1, 2),
    "choice": lambda: [random.choice("abcdefgh") for _ in range(20)],
    "early choice": lambda: [early_choice("abcdefgh") for _ in range(20)],
    "choices": lambda: random.choices(range(1000), k=5),
    "sample": lambda: random.sample(range(10**6), 5),
    "shuffle": lambda: shuffled(30),
    "early shuffle": lambda: shuffled(30, early_shuffle),
    "gauss": lambda: [random.gauss(0, 1) for _ in range(3)],
    "normalvariate": lambda: random.normalvariate(0, 1),
    "getrandbits": lambda: random.getrandbits(70),
    "early getrandbits": lambda: early_bits(70),
    "randbytes": lambda: random.randbytes(9),
    "uuid4": lambda: uuid.uuid4(),
    "early uuid4": lambda: early_uuid(),
    "uuid1": lambda: uuid.uuid1(),
    "time": lambda: time.time(),
    "early time": lambda: early_time(),
    "time_ns": lambda: time.time_ns(),
    "today": lambda: datetime.today(),  # noqa: DTZ002
}
SECONDS = {  # the same within a second: told apart by a draw that was changed on the tape
    "strftime": lambda: time.strftime("%Y %H:%M:%S"),
    "early strftime": lambda: early_strftime("%Y %H:%M:%S"),
    "localtime": lambda: time.localtime(),
    "gmtime": lambda: time.gmtime(),
    "ctime": lambda: time.ctime(),
    "asctime": lambda: time.asctime(),
    "date": lambda: date.today(),  # noqa: DTZ011
}


@pytest.mark.parametrize("name", DRAWS)
def test_what_was_drawn_is_drawn_again(name):
    draw = DRAWS[name]
    with tracefork.record(virtualize=ALL) as run:
        first = draw()
    again = []
    for _ in range(REPLAYS):
        with tracefork.replay(run.tape):
            again.append(draw())

    assert again == [first] * REPLAYS
    assert run.tape.draws
    assert draw() != first, "not even by itself does it vary"


@pytest.mark.parametrize("name", SECONDS)
def test_each_way_to_ask_for_now_means_the_recorded_now(name):
    ask = SECONDS[name]
    with tracefork.record(virtualize={"time"}) as run:
        now = ask()
        assert now == ask() or now != ask()
    tape = edited(run.tape, lambda text: repr(float(text.split()[0]) - 10 * 366 * 86_400))
    with tracefork.replay(tape):
        then = [ask(), ask(), ask()]

    assert then[0] != now and "20" in str(then[0])


def edited(tape, change):
    """`tape` with another reading in each draw, three of them at least."""
    from attrs import evolve

    draws = [evolve(d, reading=evolve(d.reading, text=change(d.reading.text))) for d in tape.steps]
    last = draws[-1]
    more = 3 - len(draws)
    for n in range(more):
        tick = last.span.began + n + 1
        draws.append(evolve(last, span=evolve(last.span, began=tick, headed=tick, ended=tick)))
    return evolve(tape, steps=tuple(draws))


@pytest.mark.parametrize("kind", sorted(ALL))
def test_only_the_kinds_that_were_asked_for_are_drawn(kind):
    with tracefork.record(virtualize=kind) as run:
        random.random(), time.time(), uuid.uuid4(), os.urandom(8)

    assert [d.source.kind for d in run.tape.draws] == [kind]


def test_an_unknown_kind_is_refused():
    with pytest.raises(ValueError, match="not 'datetime'"):
        tracefork.record(virtualize={"datetime"})


def test_the_tape_says_what_a_replay_virtualizes_and_a_fork_goes_on_drawing():
    def agent():
        client = httpx.Client(transport=transport(ECHO, httpx))
        return client.post("http://h/", content=str(early_uuid())).text

    with tracefork.record(virtualize={"uuid"}, intercept=True) as run:
        first = agent()
    assert run.tape.virtualized == {"uuid"}
    assert tracefork.loads(tracefork.dumps(run.tape)).virtualized == {"uuid"}
    assert tracefork.verify(run.tape, agent).ok

    def twice():
        return agent(), agent()

    with tracefork.resume(run.tape) as more:
        again, new = twice()
    assert again == first != new
    assert len(more.tape.draws) == 2 and tracefork.verify(more.tape, twice).ok


def test_a_run_that_was_killed_still_knows_what_it_drew(tmp_path):
    script = """
import os, sys, uuid, tracefork
run = tracefork.record(sys.argv[1], run_id="killed", virtualize={"uuid"}).__enter__()
uuid.uuid4()
run.flush()
os._exit(9)
"""
    store = tmp_path / "runs.db"
    assert subprocess.run([sys.executable, "-c", script, store], check=False).returncode == 9

    with tracefork.TapeStore.open(store) as kept:
        tape = kept.load("killed")
    assert tape.virtualized == {"uuid"} and len(tape.draws) == 1


# -- whose draws they are --------------------------------------------------------------


def library(name):
    """A module of that name, as if it were installed."""
    module = types.ModuleType(name)
    source = """
import datetime, os, random, secrets, time, uuid
def draw(): return [random.random(), time.time(), uuid.uuid4(), random.choice('ab'), os.urandom(3),
    datetime.datetime.now(), datetime.date.today(), secrets.token_hex(), secrets.choice('ab')]
"""
    exec(source, vars(module))
    return module


@pytest.mark.parametrize(
    "name", ["openai._client", "httpx2._models", "asyncio.events", "logging", "tenacity.wait"]
)
def test_what_a_library_draws_passes_through(name):
    with tracefork.record(virtualize=ALL) as run:
        library(name).draw()

    assert run.tape.draws == ()


@pytest.mark.parametrize("name", ["my_agent", "langgraph.prebuilt", "__main__"])
def test_what_an_agent_or_its_framework_draws_is_drawn_through_the_run(name):
    with tracefork.record(virtualize=ALL) as run:
        library(name).draw()

    assert {draw.source.kind for draw in run.tape.draws} == ALL


def test_tools_draw_what_they_like():
    @tracefork.tool
    def dice():
        return random.randint(1, 6)

    with tracefork.record(virtualize=ALL) as run:
        rolled = dice()
        run.call("clock", time.time)

    assert run.tape.draws == ()
    with tracefork.replay(run.tape):
        assert dice() == rolled
        tracefork.current().call("clock", time.time)


@pytest.mark.slow
def test_an_sdk_that_waits_by_chance_between_its_retries_replays(monkeypatch):
    anthropic = pytest.importorskip("anthropic")
    answers = iter([429, 429, 200] * (1 + REPLAYS))
    message = {"id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "usage": {}}
    rule = by_rule(
        lambda _: Response(
            next(answers), (("content-type", "application/json"),), (json.dumps(message).encode(),)
        )
    )

    with LoopbackServer(rule) as server:

        def agent():
            wish = {"role": "user", "content": f"{early_uuid()} at {time.time()} or {random.random()}"}
            with anthropic.Anthropic(api_key="k", base_url=server.url, max_retries=2) as client:
                return client.messages.create(model="m", max_tokens=1, messages=[wish]).id

        with tracefork.record(virtualize=ALL) as run:
            agent()
    assert len(run.tape) == 3 and len(run.tape.draws) == 3
    verdicts = [tracefork.verify(run.tape, agent, instant_retries=True) for _ in range(REPLAYS)]
    assert all(verdicts), verdicts[0]


# -- strands --------------------------------------------------------------------------


def test_parallel_tasks_draw_each_from_its_own_lane():
    async def one(n):
        said = []
        for _ in range(5):
            await asyncio.sleep(random.random() / 200)
            said.append((n, str(uuid.uuid4()), random.randrange(100), time.time()))
        return said

    async def agent():
        return await asyncio.gather(*(one(n) for n in range(8)))

    with tracefork.record(virtualize=ALL) as run:
        first = asyncio.run(agent())
    for _ in range(REPLAYS):
        with tracefork.replay(run.tape) as again:
            assert asyncio.run(agent()) == first
        assert again.tape.digest() == run.tape.digest()


def test_threads_draw_each_from_its_own_lane():
    def one(n):
        return [(n, str(early_uuid()), early_random()) for _ in range(20)]

    def agent():
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(one, range(8)))

    with tracefork.record(virtualize=ALL) as run:
        first = agent()
    for _ in range(REPLAYS):
        with tracefork.replay(run.tape):
            assert agent() == first


def test_another_program_draws_otherwise_and_diverges():
    with tracefork.record(virtualize=ALL) as run:
        time.time()
    with pytest.raises(Divergence), tracefork.replay(run.tape):
        time.time()
        uuid.uuid4()


def test_without_it_nothing_is_drawn_also_within_a_run_that_does():
    with tracefork.record(virtualize=ALL) as outer, tracefork.record() as inner:
        time.time(), early_time(), random.random(), uuid.uuid4()

    assert outer.tape.draws == inner.tape.draws == ()


# -- awkward moments ------------------------------------------------------------------------


def test_finalizers_and_signals_may_draw_in_the_middle_of_anything():
    class Dying:
        def __init__(self):
            self.me = self

        def __del__(self):
            time.time(), uuid.uuid4(), random.random()

    def agent():
        for _ in range(300):
            Dying()
            time.time()
            uuid.uuid4()

    def tick(*_):
        time.time(), random.random()

    thresholds, handler = gc.get_threshold(), signal.signal(signal.SIGALRM, tick)
    gc.set_threshold(5)
    try:
        with tracefork.record(virtualize=ALL) as run:
            signal.setitimer(signal.ITIMER_REAL, 0.002, 0.002)
            agent()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, handler)
        gc.set_threshold(*thresholds)
    assert len(run.tape.draws) >= 600


@pytest.mark.slow
def test_threads_that_know_no_run_draw_on_while_runs_come_and_go():
    stop, wrong = threading.Event(), []

    def work():
        while not stop.is_set():
            try:
                assert isinstance(uuid.uuid4(), uuid.UUID) and 0 <= random.random() < 1 and time.time() > 0
                random.choice("ab"), uuid.uuid1(), early_uuid()
            except Exception as exc:
                wrong.append(exc)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    threads = [threading.Thread(target=work) for _ in range(2)]
    try:
        for thread in threads:
            thread.start()
        for _ in range(20):
            with tracefork.record(virtualize=ALL):
                uuid.uuid4(), time.time()
    finally:
        stop.set()
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
    assert wrong == []


def test_a_builtin_in_a_class_is_no_method():
    def agent():
        class Clock:
            now = time.time
            chance = random.random

        return Clock().now(), Clock().chance(), Clock

    with tracefork.record(virtualize=ALL) as run:
        *first, clock = agent()
    with tracefork.replay(run.tape):
        *again, _ = agent()
    assert again == first
    assert clock().now() > 0 and 0 <= clock().chance() < 1, "also afterwards"


def test_an_agent_that_seeds_its_chance_goes_on_alike_in_a_fork():
    def agent():
        random.seed(42)
        client = httpx.Client(transport=transport(ECHO, httpx))
        said = [random.random()]
        client.post("http://h/", content="a")
        said += [random.randrange(10**6)]
        client.post("http://h/", content="b")
        return [*said, random.random(), random.choice(range(10**6)), *(random.gauss(0, 1) for _ in range(3))]

    bare = agent()
    with tracefork.record(virtualize=ALL) as run:
        assert agent() == bare
    with tracefork.fork(run.tape, 1):
        assert agent() == bare
    with tracefork.replay(run.tape):
        assert agent() == bare


def test_a_child_that_was_forked_draws_for_itself():
    def agent():
        read, write = os.pipe()
        if (child := os.fork()) == 0:
            os.write(write, repr(random.random()).encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(write)
        with os.fdopen(read) as told:
            told.read()
        return random.random(), uuid.uuid4()

    with tracefork.record(virtualize=ALL) as run:
        first = agent()
    with tracefork.replay(run.tape):
        assert agent() == first


def test_generators_are_pickled_and_copied_as_what_they_are():
    with tracefork.record(virtualize=ALL):
        chosen, copied = pickle.dumps(random.choice), copy.deepcopy(random.seed.__self__)
        clock = pickle.dumps(time.time)
    assert b"tracefork" not in chosen and type(copied) is random.Random
    assert pickle.loads(chosen)("a") == "a" and pickle.loads(clock) is time.time


@pytest.mark.parametrize("how", ["pydantic", "attrs", "dataclasses"])
def test_a_default_that_a_model_makes_is_the_agents(how):
    module = pytest.importorskip({"attrs": "attrs", "pydantic": "pydantic"}.get(how, "dataclasses"))
    if how == "pydantic":

        class Wish(module.BaseModel):
            id: uuid.UUID = module.Field(default_factory=early_uuid)
    elif how == "attrs":

        @module.define
        class Wish:
            id: uuid.UUID = module.field(factory=early_uuid)
    else:

        @module.dataclass
        class Wish:
            id: uuid.UUID = module.field(default_factory=early_uuid)

    with tracefork.record(virtualize=ALL) as run:
        first = Wish().id
    with tracefork.replay(run.tape):
        assert Wish().id == first


# -- the process is left as it was found ---------------------------------------------------


def state():
    names = ["time", "time_ns", "localtime", "gmtime", "ctime", "asctime", "strftime"]
    draws = [getattr(time, name) for name in names] + [random.random, random.getrandbits]
    return (
        [id(draw) for draw in draws],
        uuid.uuid4.__code__,
        uuid.uuid1.__code__,
        type(random.seed.__self__),
        uuid.uuid4.__kwdefaults__,
        id(early_time),
        id(early_random),
        id(early_bits),
        id(early_strftime),
    )


@pytest.mark.slow
def test_overlapping_nested_and_threaded_runs_leave_the_process_as_they_found_it():
    before = state()
    ready = threading.Barrier(4)

    def work(n):
        for _ in range(20):
            ready.wait(10)
            with tracefork.record(virtualize=ALL) as outer:
                time.time()
                with tracefork.record(virtualize={"uuid"}) as inner:
                    uuid.uuid4(), random.random()
                early_random()
            assert (len(outer.tape.draws), len(inner.tape.draws)) == (2, 1)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    first, second = tracefork.record(virtualize=ALL), tracefork.record(virtualize=ALL)
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert state() != before
    second.__exit__(None, None, None)

    assert state() == before


def test_an_agent_that_fails_leaves_the_process_as_it_was():
    before = state()
    with pytest.raises(RuntimeError), tracefork.record(virtualize=ALL):
        raise RuntimeError
    assert state() == before


def test_modules_that_are_imported_within_a_run_keep_nothing_of_it(tmp_path, monkeypatch):
    (tmp_path / "imported_within.py").write_text(
        "from random import random, getrandbits\nfrom time import time\nfrom uuid import uuid4\n"
        "def draw(): return random(), time(), str(uuid4()), getrandbits(9)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)

    def agent():
        import imported_within

        return imported_within.draw()

    with tracefork.record(virtualize=ALL) as run:
        first = agent()
    module = sys.modules["imported_within"]
    assert (module.random, module.time, module.getrandbits) == (random.random, time.time, random.getrandbits)
    with tracefork.replay(run.tape):
        assert agent() == first
    del sys.modules["imported_within"]
    with tracefork.replay(run.tape):
        assert agent() == first


SDKS = """
import sys
import random, time, uuid
import tracefork, anthropic
from tracefork.host.patching import Builtin
with tracefork.record(virtualize={"random", "time", "uuid"}) as run:
    import openai
    time.time(), random.random(), uuid.uuid4()
import groq
assert len(run.tape.draws) == 3, run.tape.draws
kept = []
for name, module in list(sys.modules.items()):
    for key, value in list(vars(module).items()):
        if type(value) is Builtin:
            kept.append((name, key))
assert not kept, kept
assert time.time.__module__ == "time" and type(random.random).__name__ == "builtin_function_or_method"
print("as it was")
"""


@pytest.mark.slow
@pytest.mark.sdk
def test_sdks_that_are_imported_before_within_and_after_keep_nothing():
    for sdk in ("openai", "anthropic", "groq"):
        pytest.importorskip(sdk)
    done = subprocess.run([sys.executable, "-c", SDKS], capture_output=True, text=True, check=False)

    assert done.stdout == "as it was\n", done.stderr
