"""What happens at the edges of a run: on entering, on leaving, after it, and where others fail."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from ended import has_ended, has_writer
from plain import Plain

import tracefork
from tracefork import Divergence, Response, TapeStore
from tracefork.backends import MemoryBackend
from tracefork.core.matching import canonical
from tracefork.errors import Refused, Stalled, StoreError
from tracefork.testing.scripted import Script, by_rule, transport
from tracefork.testing.server import LoopbackServer

STREAM = Response(200, (), (b"one", b"two", b"three"))
ECHO = by_rule(lambda request: Response(200, (), (request.body,)))


def ask(text, script=ECHO):
    with httpx.Client(transport=transport(script, httpx)) as client:
        return client.post("http://model/", content=text).text


# -- leaving -------------------------------------------------------------------------


def test_a_body_that_outlives_its_run_can_be_read_to_its_end():
    with httpx.Client(transport=transport(Script(STREAM, STREAM), httpx)) as client:
        with tracefork.record() as run:
            response = client.send(client.build_request("GET", "http://model/"), stream=True)
            chunks = response.iter_raw()
            next(chunks)
        assert list(chunks) == [b"two", b"three"]

    assert run.tape[0].response.chunks == (b"one",)


def test_a_call_in_flight_when_the_run_is_left_is_kept_as_given_up():
    released = threading.Event()

    def slow(request):
        released.wait(5)
        return httpx.Response(200)

    def agent():
        with httpx.Client(
            transport=httpx.MockTransport(lambda _: httpx.Response(200, content=b"ok"))
        ) as client:
            client.get("http://model/first")
        late = threading.Thread(
            target=lambda: httpx.Client(transport=httpx.MockTransport(slow)).get("http://model/late")
        )
        late.start()
        time.sleep(0.05)
        return late

    with tracefork.record() as run:
        late = agent()
    released.set()
    late.join()

    assert [x.answer for x in run.tape][1] == tracefork.Fault("cancelled")
    assert run.tape.pending == ()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_whoever_waits_when_a_replay_is_left_is_told_at_once():
    def agent(texts):
        threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
        for thread in threads:
            thread.start()
            time.sleep(0.02)
        return threads

    with tracefork.record() as run:
        for thread in agent([b"a", b"b", b"c"]):
            thread.join()
    began = time.monotonic()
    with pytest.raises(tracefork.TraceforkError), tracefork.replay(run.tape, patience=30):
        threads = agent([b"c", b"b"])
    for thread in threads:
        thread.join()

    assert time.monotonic() - began < 5


def test_an_exit_of_the_process_does_not_hide_a_divergence():
    with tracefork.record() as run:
        ask(b"a")
    with pytest.raises(Divergence), tracefork.replay(run.tape):
        try:
            ask(b"b")
        except Divergence:
            sys.exit(0)


def test_an_interrupt_is_let_through():
    with tracefork.record() as run:
        ask(b"a")
    with pytest.raises(KeyboardInterrupt), tracefork.replay(run.tape):
        try:
            ask(b"b")
        except Divergence:
            raise KeyboardInterrupt from None


def test_an_exception_that_cannot_be_printed_is_still_the_agents():
    class Bad(Exception):
        def __str__(self):
            raise ValueError("no text")

    with pytest.raises(Bad), tracefork.record(":memory:") as run:
        run.call("look", int)
        assert has_writer(run)
        raise Bad

    assert run.over
    assert run.tape.outcome.type.endswith("Bad")
    assert has_ended(run)


# -- entering ------------------------------------------------------------------------


def test_a_run_is_entered_once_and_asked_only_within():
    run = tracefork.record()
    with pytest.raises(RuntimeError, match="not begun"):
        run.now()
    with run:
        run.now()
    with pytest.raises(RuntimeError, match="over"):
        run.now()
    with pytest.raises(RuntimeError, match="once"), run:
        pass


def test_patience_begins_on_entering():
    with tracefork.record() as run:
        ask(b"a")
    again = tracefork.replay(run.tape, patience=0.3)
    time.sleep(0.5)
    with again:
        assert ask(b"a") == "a"


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"meta": {"a": 1}}, TypeError),
        ({"run_id": ""}, ValueError),
        ({"scope": "world"}, ValueError),
        ({"store": "x.txt"}, ValueError),
    ],
)
def test_a_wrong_argument_is_refused_before_anything_begins(options, error):
    with pytest.raises(error):
        tracefork.record(**options)


# -- stores that fail ----------------------------------------------------------------


class Failing(MemoryBackend):
    """Fails where it is told to, with an error that is none of ours."""

    def __init__(self, where, after=0):
        super().__init__()
        self.where, self.after = where, after

    def append(self, name, seq, chunk):
        if self.where == "append" and seq > self.after:
            raise OSError("disk gone")
        super().append(name, seq, chunk)

    def seal(self, name, packed):
        if self.where == "seal":
            raise OSError("disk gone")
        super().seal(name, packed)


@pytest.mark.parametrize("where", ["append", "seal"])
def test_a_store_that_fails_is_a_store_error(where):
    with pytest.raises(StoreError, match="disk gone") as caught, tracefork.record(TapeStore(Failing(where))):
        ask(b"a")

    assert isinstance(caught.value.__cause__, OSError)


def test_a_store_that_fails_at_the_end_keeps_what_was_written():
    store = TapeStore(Failing("seal"))
    with pytest.raises(StoreError), tracefork.record(store, run_id="kept"):
        ask(b"a")

    assert len(store.load("kept")) == 1


def test_a_store_that_fails_does_not_hide_a_divergence_nor_the_agents_exception():
    with tracefork.record() as run:
        ask(b"a")
    with pytest.raises(Divergence), tracefork.fork(run.tape, 0, STREAM, store=TapeStore(Failing("seal"))):
        ask(b"other")
    with pytest.raises(StoreError) as caught, tracefork.record(TapeStore(Failing("seal"))):
        raise KeyError("mine")
    assert isinstance(caught.value.__cause__, KeyError)


def test_a_request_does_not_leave_when_it_cannot_be_written():
    script = Script(STREAM)
    with pytest.raises(StoreError), tracefork.record(TapeStore(Failing("append"))):
        ask(b"a", script)

    assert script.requests == ()


# -- loops, and what outlives them -----------------------------------------------------


def test_verify_of_an_async_agent_inside_a_loop_says_to_await():
    async def agent():
        pass

    async def main():
        with pytest.raises(RuntimeError, match="averify"):
            tracefork.verify(tracefork.Tape(), agent)

    asyncio.run(main())


def test_a_kept_run_does_not_keep_its_event_loop():
    async def main():
        async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client:
            await client.get("http://model/")
        return weakref.ref(asyncio.get_running_loop())

    async def recorded():
        async with tracefork.record() as run:
            loop = await main()
        return run, loop

    run, loop = asyncio.run(recorded())
    gc.collect()

    assert loop() is None
    assert len(run.tape) == 1


def test_trio_records_and_replays():
    trio = pytest.importorskip("trio")

    async def agent():
        async with httpx.AsyncClient(transport=httpx.MockTransport(handler)) as client:
            said = []
            async with trio.open_nursery() as nursery:
                for name in "abc":
                    nursery.start_soon(one, client, name, said)
            return sorted(said)

    async def one(client, name, said):
        said.append((await client.post("http://model/", content=name)).text)

    async def handler(request):
        await trio.sleep(0.001)
        return httpx.Response(200, content=b"re " + request.content)

    async def recorded():
        async with tracefork.record() as run:
            assert await agent() == ["re a", "re b", "re c"]
        return run

    async def replayed(tape):
        async with tracefork.replay(tape, patience=5) as run:
            assert await agent() == ["re a", "re b", "re c"]
        return run

    run = trio.run(recorded)
    assert trio.run(replayed, run.tape).tape.digest() == run.tape.digest()


def test_a_tool_in_a_loop_is_durable_when_it_returns():
    class Slow(MemoryBackend):
        def append(self, name, seq, chunk):
            time.sleep(0.02)
            super().append(name, seq, chunk)

    async def main():
        store = TapeStore(Slow())
        with tracefork.record(store, run_id="one") as run:
            run.call("look", str, 3)
            return len(store.load("one").effects)

    assert asyncio.run(main()) == 1


def test_a_coroutine_function_is_no_tool_for_call():
    async def tool():
        pass

    with pytest.raises(TypeError, match="acall"), tracefork.record() as run:
        run.call("tool", tool)


def test_a_job_that_is_cancelled_before_it_runs_is_no_sibling():
    def agent(texts):
        began = threading.Event()
        with ThreadPoolExecutor(1) as pool:
            blocker = pool.submit(began.wait, 5)
            never = pool.submit(ask, b"never")
            assert never.cancel()
            began.set()
            assert blocker.result()
            return [pool.submit(ask, text).result() for text in texts]

    with tracefork.record() as run:
        agent([b"a", b"b", b"c"])
    began = time.monotonic()
    verdict = tracefork.verify(run.tape, lambda: agent([b"a", b"X", b"c"]), patience=20)

    assert (verdict.divergence.step, verdict.divergence.nearest.body) == (1, b"b")
    assert time.monotonic() - began < 5


# -- nothing goes out ------------------------------------------------------------------


def test_a_connection_that_was_open_before_a_replay_sends_nothing():
    with LoopbackServer(by_rule(lambda _: Response(200, (("Content-Length", "2"),), (b"ok",)))) as server:
        connection = Plain(server.url.removeprefix("http://"))
        connection.ask()
        with pytest.raises(Refused), tracefork.replay(tracefork.Tape()):
            connection.ask()
        connection.close()

        assert len(server.requests) == 1


def test_a_path_that_looks_like_telemetry_is_recorded():
    with tracefork.record() as run, httpx.Client(transport=transport(ECHO, httpx)) as client:
        client.get("https://api.example.com/repos/x.sentry.io/issues")

    assert len(run.tape) == 1


# -- secrets in what is said of a run ----------------------------------------------------

SECRET = "sk-live/0123456789+abc=="


def test_nothing_that_is_said_of_a_run_holds_a_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("SHOP_API_KEY", SECRET)
    with pytest.raises(httpx.HTTPStatusError):
        with tracefork.record(
            tmp_path / "runs", agent_name=f"for {SECRET}", meta={"argv": f"--key {SECRET}"}
        ) as run:
            with httpx.Client(transport=transport(Script(Response(500)), httpx)) as client:
                client.get("http://bob:hunter22@model/", params={"key": SECRET}).raise_for_status()
    kept = repr((run.tape.agent_name, run.tape.meta, run.tape.outcome, run.tape.exchanges))

    assert "0123456789" not in kept
    assert "hunter22" not in kept
    for path in (tmp_path / "runs").iterdir():
        assert b"0123456789" not in path.read_bytes()


def test_a_secret_that_is_set_within_the_run_is_one_from_then_on(monkeypatch):
    with tracefork.record() as run:
        monkeypatch.setenv("LATE_TOKEN", SECRET)
        ask(f"use {SECRET}".encode())
        run.env("LATE_TOKEN")

    assert run.tape[0].request.body == b"use [secret:LATE_TOKEN]"
    assert run.tape.masked.draws[0].reading.text == "=[secret:LATE_TOKEN]"
    text = run.tape.draws[0].reading.text
    assert len(text) == len(f"={SECRET}") and SECRET not in text


def test_a_placeholder_in_a_header_does_not_save_the_rest_of_it():
    with tracefork.record() as run, httpx.Client(transport=transport(ECHO, httpx)) as client:
        client.get(
            "http://model/",
            headers={"authorization": "Bearer hunter22 [secret:x]", "anthropic-api-key": "hunter22"},
        )

    assert "hunter22" not in repr(run.tape[0].request.headers)


# -- matchers ----------------------------------------------------------------------------


def test_a_canonical_matcher_leaves_out_items_of_lists_and_refuses_to_leave_out_everything():
    one, other = (
        tracefork.Request("POST", "http://m/", (), body)
        for body in (b'{"a":[1,2],"b":1}', b'{"b":1,"a":[1,3]}')
    )

    assert canonical(ignoring=["$.a[1]"])(one) == canonical(ignoring=["$.a[1]"])(other)
    assert canonical(ignoring=["$.a[*]"])(one) == canonical(ignoring=["$.a[*]"])(other)
    assert canonical()(one) != canonical()(other)
    for wrong in ("$", "a.b"):
        with pytest.raises(ValueError, match="JSON path"):
            canonical(ignoring=[wrong])


def test_a_stall_names_who_waits_and_where():
    with tracefork.record() as run:
        threads = [threading.Thread(target=ask, args=(text,)) for text in (b"a", b"b")]
        for thread in threads:
            thread.start()
            thread.join()
    with pytest.raises(Stalled) as caught, tracefork.replay(run.tape, patience=0.2):
        ask(b"b")

    assert caught.value.nearest.body == b"a"
    assert "test_edges.py" in str(caught.value)
