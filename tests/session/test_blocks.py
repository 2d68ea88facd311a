"""A block whose frame runs in several contexts: each call lands on its own run's tape, never on another's."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import gc
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

import tracefork
from tracefork.runs.asgi import RUN, Recorded, run_of
from tracefork.runs.stepping import one_context

model = httpx.Client(transport=httpx.MockTransport(lambda r: httpx.Response(200, content=r.content)))
amodel = httpx.AsyncClient(transport=httpx.MockTransport(lambda r: httpx.Response(200, content=r.content)))
URL = "https://m.example/"


def ask(who):
    model.post(URL, content=who)


def said(run):
    return [exchange.request.body.decode() for exchange in run.tape]


def conversation(who, kept, steps=3):
    with tracefork.record(agent_name=who) as kept[who]:
        for _ in range(steps):
            ask(who)
            yield who


def test_two_conversations_that_are_stepped_in_turns_keep_their_calls():
    kept = {}
    list(zip(conversation("a", kept), conversation("b", kept)))

    assert {who: said(run) for who, run in kept.items()} == {"a": ["a"] * 3, "b": ["b"] * 3}
    assert tracefork.current() is None


def test_a_conversation_that_is_stepped_in_other_contexts_and_threads_keeps_its_calls():
    kept = {}
    steps = conversation("a", kept, 4)
    contextvars.Context().run(next, steps)
    next(steps)
    for _ in range(2):
        thread = threading.Thread(target=next, args=(steps,))
        thread.start()
        thread.join()
    steps.close()

    assert said(kept["a"]) == ["a"] * 4 and kept["a"].tape.escaped == ()


def test_what_is_asked_between_two_steps_is_no_part_of_the_conversation():
    kept = {}
    with tracefork.record() as around:
        for _ in conversation("a", kept):
            ask("between")

    assert said(kept["a"]) == ["a"] * 3 and said(around) == ["between"] * 3


def test_threads_and_pools_of_a_step_are_the_conversations():
    def steps(who, kept):
        with tracefork.record() as kept[who], ThreadPoolExecutor(2) as pool:
            for _ in range(2):
                list(pool.map(ask, [who, who]))
                yield

    kept = {}
    list(zip(steps("a", kept), steps("b", kept)))
    assert {who: said(run) for who, run in kept.items()} == {"a": ["a"] * 4, "b": ["b"] * 4}


def test_a_conversation_within_a_conversation_is_its_own():
    def outer(kept):
        with tracefork.record() as kept["outer"]:
            for _ in conversation("inner", kept, 2):
                ask("outer")
                yield

    kept = {}
    list(outer(kept))
    assert said(kept["inner"]) == ["inner"] * 2 and said(kept["outer"]) == ["outer"] * 2


def test_a_block_of_a_context_manager_belongs_to_whoever_uses_it():
    @contextlib.contextmanager
    def recorded(kept, who):
        with tracefork.record() as kept[who]:
            yield

    def steps(kept, who):
        with recorded(kept, who):
            for _ in range(2):
                ask(who)
                yield

    kept = {}
    list(zip(steps(kept, "a"), steps(kept, "b")))
    with recorded(kept, "c"):
        ask("c")
    with contextlib.ExitStack() as stack:
        stack.enter_context(recorded(kept, "d"))
        ask("d")
    assert {who: set(said(run)) for who, run in kept.items()} == {who: {who} for who in "abcd"}


def test_a_conversation_that_is_dropped_in_the_middle_is_left():
    kept = {}
    steps = conversation("a", kept)
    next(steps)
    del steps
    gc.collect()

    assert kept["a"].over and said(kept["a"]) == ["a"]
    with tracefork.record() as run:
        ask("b")
    assert said(run) == ["b"]


def test_a_block_that_is_entered_by_a_function_that_has_returned_goes_by_its_context():
    def begun():
        run = tracefork.record()
        run.__enter__()
        return run

    with tracefork.record() as around:
        inner = begun()
        ask("inner")
        inner.__exit__(None, None, None)
        ask("around")

    assert said(inner) == ["inner"] and said(around) == ["around"]


def test_asynchronous_generators_that_are_stepped_by_other_tasks_keep_their_calls():
    async def steps(who, kept):
        with tracefork.record() as kept[who]:
            for _ in range(3):
                await amodel.post(URL, content=who)
                yield who

    async def main():
        kept = {}
        both = [steps("a", kept), steps("b", kept)]
        for _ in range(3):
            await asyncio.gather(*(asyncio.create_task(anext(one)) for one in both))
        for one in both:
            await one.aclose()
        return kept

    kept = asyncio.run(main())
    assert {who: said(run) for who, run in kept.items()} == {"a": ["a"] * 3, "b": ["b"] * 3}


# -- servers ------------------------------------------------------------------------------


def served(app, *paths):
    async def main():
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://a") as client:
            return await asyncio.gather(*map(client.get, paths))

    return asyncio.run(main())


def test_a_streaming_endpoint_records_each_user_on_a_tape_of_its_own():
    kept = {}

    def endpoint(request):
        return StreamingResponse(conversation(request.path_params["who"], kept))

    served(Starlette(routes=[Route("/{who}", endpoint)]), "/ann", "/bob")
    assert {who: said(run) for who, run in kept.items()} == {"ann": ["ann"] * 3, "bob": ["bob"] * 3}


def recorded_by(runs):
    def recorded():
        with tracefork.record() as run:
            runs.append(run)
            yield run

    return recorded


def test_a_synchronous_dependency_loses_its_run_and_all_that_may_be_concerned_say_so():
    app, runs = FastAPI(), []

    @app.get("/")
    async def chat(run=Depends(recorded_by(runs))):
        await asyncio.sleep(0.05)
        await amodel.post(URL, content="x")

    served(app, "/", "/", "/")
    assert [len(run.tape) for run in runs] == [0, 0, 0]
    assert all(run.tape.escaped for run in runs)


def test_a_strict_one_refuses_nobody_elses_calls():
    app, runs = FastAPI(), []

    def recorded():
        with tracefork.record(strict=True) as run:
            runs.append(run)
            yield run

    @app.get("/")
    async def chat(run=Depends(recorded)):
        await amodel.post(URL, content="x")
        return "fine"

    (one,) = served(app, "/")
    assert one.status_code == 200 and runs[0].tape.escaped


def test_an_asynchronous_dependency_keeps_it():
    app, runs = FastAPI(), []

    async def recorded():
        with tracefork.record() as run:
            runs.append(run)
            yield run

    @app.get("/{who}")
    async def chat(who: str, run=Depends(recorded)):
        await asyncio.sleep(0.02)
        await amodel.post(URL, content=who)

    served(app, "/a", "/b")
    assert sorted(said(run)[0] for run in runs) == ["a", "b"]


@pytest.mark.parametrize("kind", ["plain", "stream", "task", "dependency", "thread"])
def test_the_middleware_makes_a_run_of_each_request(kind, tmp_path):
    inner = FastAPI()

    def needs():
        ask("dependency")

    @inner.get("/plain/{who}")
    async def plain(who: str):
        await amodel.post(URL, content=who)

    @inner.get("/stream/{who}")
    def stream(who: str):
        def body():
            for _ in range(2):
                ask(who)
                yield "x"

        return StreamingResponse(body())

    @inner.get("/task/{who}")
    async def task(who: str):
        await asyncio.gather(*(amodel.post(URL, content=who) for _ in range(2)))

    @inner.get("/dependency/{who}", dependencies=[Depends(needs)])
    async def dependency(who: str):
        ask(who)

    @inner.get("/thread/{who}")
    def thread(who: str):
        ask(who)

    with tracefork.TapeStore.open(tmp_path / "runs.db") as store:
        app = Recorded(inner, store, when=lambda scope: "/c" not in scope["path"])
        responses = [*served(app, f"/{kind}/a", f"/{kind}/b"), *served(app, f"/{kind}/c")]
        tapes = {info.agent_name[-1]: store.load(info.run_id) for info in store.runs()}

    assert [response.status_code for response in responses] == [200] * 3
    assert tapes.keys() == {"a", "b"}
    for who, tape in tapes.items():
        assert {x.request.body.decode() for x in tape} - {"dependency"} == {who}
        assert tape.escaped == () and tape.outcome.kind == "returned"


def test_the_middleware_lets_an_applications_own_errors_through_and_passes_its_beginning():
    began = []

    @contextlib.asynccontextmanager
    async def lifespan(_):
        began.append(True)
        yield

    async def fails(request):
        assert run_of(request.scope) is tracefork.current() and request.scope[RUN]
        raise ValueError("its own")

    async def fine(request):
        return PlainTextResponse("ok")

    routes = [Route("/fails", fails), Route("/", fine)]
    app = Recorded(Starlette(routes=routes, lifespan=lifespan))
    with pytest.raises(ValueError, match="its own"):
        served(app, "/fails")
    assert served(app, "/")[0].text == "ok"

    from starlette.testclient import TestClient

    with TestClient(app) as client:
        assert client.get("/").text == "ok"
    assert began == [True]


def test_a_generator_that_is_kept_in_one_context_remembers_what_libraries_keep_there():
    user = contextvars.ContextVar("user")

    @one_context
    def steps():
        user.set("ann")
        with tracefork.record() as run:
            for _ in range(3):
                ask(user.get())
                yield
        return run

    made = steps()
    with pytest.raises(StopIteration) as over:
        while True:
            contextvars.Context().run(next, made)
    assert said(over.value.value) == ["ann"] * 3


def test_it_can_be_thrown_into_and_closed():
    heard = []

    @one_context
    def steps():
        try:
            heard.append((yield 1))
            yield 2
        except KeyError:
            heard.append("thrown")
            yield 3
        finally:
            heard.append("closed")

    made = steps()
    assert next(made) == 1 and made.send("sent") == 2
    assert made.throw(KeyError()) == 3
    made.close()
    assert heard == ["sent", "thrown", "closed"]


def test_workers_of_a_queue_record_each_job_by_itself():
    """As celery's threads do: one pool, older than all runs, a run a job."""

    def job(who):
        with tracefork.record() as run:
            for _ in range(5):
                ask(who)
        return run

    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(job, "abcdefgh"))
    assert [set(said(run)) for run in runs] == [{who} for who in "abcdefgh"]
    assert all(run.tape.escaped == () for run in runs)


def test_jobs_in_copied_contexts_belong_to_the_conversation_that_gives_them():
    """Stepped in turns by one thread, the context is what the other conversation has left behind."""
    kept = {}

    def conversation(who):
        with tracefork.record(agent_name=who) as kept[who], ThreadPoolExecutor(1) as pool:
            for _ in range(3):
                pool.submit(contextvars.copy_context().run, ask, who).result()
                yield

    list(zip(conversation("ann"), conversation("bob"), strict=True))
    assert {who: said(run) for who, run in kept.items()} == {"ann": ["ann"] * 3, "bob": ["bob"] * 3}


def test_so_do_jobs_that_tasks_without_the_conversation_make():
    kept = {}

    async def conversation(who):
        with tracefork.record(agent_name=who) as kept[who]:
            for _ in range(2):
                await asyncio.to_thread(ask, who)
                yield

    async def main():
        both = [conversation("ann"), conversation("bob")]
        for _ in range(2):
            for one in both:
                await asyncio.create_task(anext(one), context=contextvars.Context())
        for one in both:
            await one.aclose()

    asyncio.run(main())
    assert {who: said(run) for who, run in kept.items()} == {"ann": ["ann"] * 2, "bob": ["bob"] * 2}
    assert all(run.tape.escaped == () for run in kept.values())
