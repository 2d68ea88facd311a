"""Unmodified agents are met wherever their client comes from; afterwards nothing is left behind."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import httpx2
import pytest

import tracefork
from tracefork import Response
from tracefork.testing.scripted import Script, by_rule, transport
from tracefork.testing.server import LoopbackServer
from tracefork.transports import httpx as seam

OK = Response(200, (), (b"ok",))
ECHO = by_rule(lambda request: Response(200, (), (request.body,)))
PATCHED = [
    (httpx.Client, "_transport_for_url"),
    (httpx.AsyncClient, "_transport_for_url"),
    (httpx2.Client, "_transport_for_url"),
    (httpx2.AsyncClient, "_transport_for_url"),
    (threading.Thread, "start"),
    (ThreadPoolExecutor, "submit"),
    (asyncio.BaseEventLoop, "create_task"),
    (socket.socket, "connect"),
    (socket.socket, "connect_ex"),
    (socket, "getaddrinfo"),
]


def fingerprint():
    return [(owner, name, vars(owner).get(name)) for owner, name in PATCHED]


@pytest.fixture
def server():
    with LoopbackServer(by_rule(lambda request: Response(200, (), (request.body,)))) as server:
        yield server


@pytest.mark.parametrize("lib", [httpx, httpx2], ids=["httpx", "httpx2"])
def test_a_client_that_was_built_before_the_run_is_recorded(lib, server):
    with lib.Client() as client:
        with tracefork.record() as run:
            client.post(server.url, content=b"hi")

    assert [x.request.body for x in run.tape] == [b"hi"]


@pytest.mark.slow
def test_an_sdk_that_is_first_imported_inside_the_run_is_recorded():
    script = """
import sys, tracefork
from tracefork.testing.server import LoopbackServer
from tracefork.testing.scripted import by_rule
from tracefork.providers import anthropic as says, openai as osays
answer = lambda r: (says if "messages" in r.url else osays).text("hi")(r)
with LoopbackServer(by_rule(answer)) as server:
    with tracefork.record() as run:
        assert "anthropic" not in sys.modules and "groq" not in sys.modules
        import anthropic, groq
        m = [{"role": "user", "content": "q"}]
        sdk = anthropic.Anthropic(api_key="k", base_url=server.url)
        sdk.messages.create(model="m", max_tokens=1, messages=m)
        groq.Groq(api_key="k", base_url=server.url).chat.completions.create(model="m", messages=m)
print(len(run.tape), run.tape.outcome)
"""
    pytest.importorskip("anthropic")
    pytest.importorskip("groq")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert done.stdout == "2 returned\n", done.stderr


def test_an_explicit_transport_and_interception_together_record_once(server):
    with tracefork.record() as run:
        with httpx.Client(transport=seam.Transport(run)) as client:
            client.post(server.url, content=b"once")

    assert len(run.tape) == 1


def test_an_explicit_transport_of_another_run_keeps_to_its_own(server):
    with tracefork.record(intercept=False) as other, tracefork.record() as run:
        with httpx.Client(transport=seam.Transport(other)) as client:
            client.post(server.url, content=b"hi")

    assert (len(other.tape), len(run.tape)) == (1, 0)


def test_without_interception_nothing_is_recorded(server):
    with tracefork.record(intercept=False) as run:
        httpx.post(server.url, content=b"hi")

    assert len(run.tape) == 0


def test_runs_nest_and_the_innermost_wins(server):
    with tracefork.record() as outer:
        httpx.post(server.url, content=b"1")
        with tracefork.record() as inner:
            assert tracefork.current() is inner
            httpx.post(server.url, content=b"2")
        assert tracefork.current() is outer
        httpx.post(server.url, content=b"3")

    assert tracefork.current() is None
    assert [x.request.body for x in outer.tape] == [b"1", b"3"]
    assert [x.request.body for x in inner.tape] == [b"2"]


def test_overlapping_runs_leave_no_trace_of_a_patch(server):
    before = fingerprint()
    first, second = tracefork.record(), tracefork.record()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    httpx.post(server.url, content=b"hi")
    second.__exit__(None, None, None)

    assert len(second.tape) == 1
    assert fingerprint() == before


def test_a_replay_and_a_run_that_raised_leave_no_trace_of_a_patch(server):
    before = fingerprint()
    with tracefork.record() as run:
        httpx.post(server.url, content=b"hi")
    with pytest.raises(tracefork.Divergence), tracefork.replay(run.tape):
        httpx.post(server.url, content=b"ho")

    assert fingerprint() == before


def test_a_run_inside_a_generator_that_ends_in_another_context(server):
    def fixture():
        with tracefork.record() as run:
            yield run

    made = fixture()
    run = next(made)
    httpx.post(server.url, content=b"hi")
    elsewhere = threading.Thread(target=lambda: next(made, None))
    elsewhere.start()
    elsewhere.join()

    assert run.over
    assert len(run.tape) == 1
    assert tracefork.current() is None


def test_threads_and_pools_started_inside_belong_to_the_run(server):
    def ask(text):
        return httpx.post(server.url, content=text).content

    with tracefork.record() as run:
        thread = threading.Thread(target=ask, args=(b"thread",))
        thread.start()
        thread.join()
        with ThreadPoolExecutor() as pool:
            pool.submit(ask, b"pool").result()

        async def main():
            await asyncio.to_thread(ask, b"to_thread")
            await asyncio.get_running_loop().run_in_executor(None, ask, b"executor")

        asyncio.run(main())

    assert [x.request.body for x in run.tape] == [b"thread", b"pool", b"to_thread", b"executor"]


@pytest.mark.parametrize(("scope", "count"), [("context", 0), ("process", 1)])
def test_only_process_scope_takes_in_a_pool_that_was_started_earlier(scope, count, server):
    jobs, ready = ThreadPoolExecutor(1), threading.Event()
    asked = threading.Event()

    def early():
        ready.wait(5)
        httpx.post(server.url, content=b"early")
        asked.set()

    jobs.submit(early)
    with tracefork.record(scope=scope) as run:
        ready.set()
        asked.wait(5)
    jobs.shutdown()

    assert len(run.tape) == count


def test_an_application_in_this_process_is_not_recorded_but_what_it_asks_is(server):
    async def app(scope, receive, send):
        async with httpx.AsyncClient() as client:
            said = (await client.post(server.url, content=b"from the app")).content
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": said})

    async def main():
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://app") as client:
            return (await client.get("/")).content

    with tracefork.record() as run:
        assert asyncio.run(main()) == b"from the app"

    assert [x.request.body for x in run.tape] == [b"from the app"]


def test_a_mock_transport_is_recorded():
    with (
        tracefork.record() as run,
        httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(200))) as client,
    ):
        client.get("http://model/")

    assert len(run.tape) == 1


def test_telemetry_is_not_recorded_and_quietly_refused_in_a_replay():
    with tracefork.record() as run, httpx.Client(transport=transport(Script(OK), httpx)) as client:
        client.post("https://us.i.posthog.com/capture")
    with tracefork.replay(run.tape), httpx.Client() as client, pytest.raises(httpx.ConnectError):
        client.post("https://us.i.posthog.com/capture")

    assert len(run.tape) == 0


def test_hooks_auth_and_redirects_of_the_client_stay_its_own():
    script = Script(Response(302, (("Location", "http://model/next"),)), OK)
    seen = []
    hooks = {
        "request": [lambda r: seen.append(str(r.url))],
        "response": [lambda r: seen.append(r.status_code)],
    }

    def agent():
        with httpx.Client(
            transport=transport(script, httpx),
            event_hooks=hooks,
            auth=("user", "pass"),
            follow_redirects=True,
        ) as client:
            return client.get("http://model/").text

    with tracefork.record() as run:
        assert agent() == "ok"
    live, seen[:] = list(seen), []
    assert tracefork.verify(run.tape, agent).ok

    assert seen == live == ["http://model/", 302, "http://model/next", 200]
    assert [x.response.status for x in run.tape] == [302, 200]
    assert all(dict(x.request.headers)["Authorization"] == "Basic [secret:authorization]" for x in run.tape)


def test_a_websocket_upgrade_is_refused_loudly():
    upgrade = Response(101, (("Upgrade", "websocket"),))
    with pytest.raises(tracefork.errors.Refused, match="switched protocols"), tracefork.record():
        with httpx.Client(transport=transport(Script(upgrade), httpx)) as client:
            client.get("http://model/ws")


def test_two_runs_at_once_on_one_shared_client_are_two_clean_tapes(server):
    async def one(client, name):
        async with tracefork.record() as run:
            for n in range(4):
                await client.post(server.url, content=f"{name}{n}")
        return run.tape

    async def main():
        async with httpx.AsyncClient() as client:
            return await asyncio.gather(*(one(client, name) for name in "abcd"))

    for name, tape in zip("abcd", asyncio.run(main()), strict=True):
        assert [x.request.body.decode() for x in tape] == [f"{name}{n}" for n in range(4)]
