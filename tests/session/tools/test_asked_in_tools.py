"""A tool that asked a model while it ran is named when the run ends: none of that is on the tape."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from labs import URL, Lab

import tracefork
from tracefork.core import notes
from tracefork.core.values import Request, Response
from tracefork.report.text import step_table
from tracefork.transports.httpx import Transport

CURE = "none of that is on the tape; @tracefork.tool(agent=True) makes it steps"


def make(lab, times=3, url=URL):
    @tracefork.tool
    def research(topic):
        return [lab.client.post(url, content=f"{topic} {n}").text for n in range(times)]

    return research


@pytest.mark.parametrize(("times", "often"), [(1, "once"), (3, "3 times")])
def test_it_is_named_with_its_cure(times, often, caplog):
    lab = Lab()
    research = make(lab, times)
    with caplog.at_level(logging.WARNING), tracefork.record() as run:
        research("bees")
        lab.ask("and the agent itself")

    sentence = f"`research` asked a model {often} while it ran: {CURE}"
    assert run.remarks == [sentence]
    assert sentence in caplog.text
    assert run.tape.asked_in_tools == {"research": times}
    assert sentence in list(step_table.notes(run.tape))


def test_a_replay_in_which_it_did_not_run_says_nothing():
    lab = Lab()
    research = make(lab)
    with tracefork.record() as run:
        research("bees")
    with tracefork.replay(run.tape) as again:
        research("bees")
    verdict = tracefork.verify(run.tape, lambda: research("bees"))

    assert again.remarks == []
    assert verdict.ok
    assert not any("asked a model" in one for one in verdict.notes())


def test_a_fork_speaks_of_what_ran_in_it():
    lab = Lab()
    research = make(lab)

    def agent():
        lab.ask("go")
        research("bees")

    with tracefork.record() as run:
        agent()
    for tools, count in (("live", {"research": 3}), ("recorded", {})):
        with tracefork.fork(run.tape, 0, tools=tools) as branch:
            agent()

        assert branch.tape.asked_in_tools == count
        assert len(branch.remarks) == len(count)


@pytest.mark.parametrize("url", ["http://model/v1/embeddings", "http://shop/orders", "http://model/"])
def test_what_asks_no_model_is_not_counted(url):
    research = make(Lab(), url=url)
    with tracefork.record() as run:
        research("bees")

    assert run.remarks == []
    assert run.tape.asked_in_tools == {}


def test_all_ways_to_make_a_tool_are_seen_threads_and_tasks_in_them_too():
    lab = Lab()

    def called(topic):
        with ThreadPoolExecutor(2) as pool:
            return list(pool.map(lab.ask, [f"{topic} 1", f"{topic} 2"]))

    @tracefork.tool(name="yields")
    def yields():
        yield lab.ask("one")
        yield lab.ask("two")

    @tracefork.tool(name="awaits")
    async def awaits():
        return await asyncio.gather(lab.aask("one"), lab.aask("two"), asyncio.to_thread(lab.ask, "three"))

    @tracefork.tool(name="starts")
    def starts():
        thread = threading.Thread(target=lab.ask, args=("one",))
        thread.start()
        thread.join()

    @tracefork.tool(name="around")
    def around():
        return lab.research("nested: a function, here")

    with tracefork.record() as run:
        run.call("called", called, "bees")
        list(yields())
        asyncio.run(awaits())
        starts()
        around()

    assert run.asked_in_tools == {"called": 2, "yields": 2, "awaits": 3, "starts": 1, "around": 2}
    assert len(run.remarks) == 5
    assert len(run.tape) == 0


def test_a_plain_tool_of_a_sub_agent_is_seen_and_the_sub_agent_is_not():
    lab = Lab()
    research = make(lab, times=2)

    @tracefork.tool(agent=True)
    def lead():
        return [lab.ask("lead"), research("bees")]

    with tracefork.record() as run:
        lead()

    assert run.tape.asked_in_tools == {"research": 2}
    assert len(run.tape) == 1


def test_what_a_live_call_asks_below_it_is_none_of_a_tools():
    class Inner(httpx.BaseTransport):
        def __init__(self, lab):
            self.below = httpx.Client(transport=Transport(None, httpx.MockTransport(lab.answer)))

        def handle_request(self, request):
            self.below.post("http://tokens/v1/messages", content="token")
            return httpx.Response(200, text="so")

    client = httpx.Client(transport=Transport(None, Inner(Lab())))
    with tracefork.record() as run:
        client.post(URL, content="go")

    assert (run.remarks, len(run.tape)) == ([], 1)


def test_what_stands_in_for_a_tool_may_ask_a_model():
    lab = Lab()
    look = tracefork.tool(name="look")(str.upper)

    def agent():
        lab.ask("go")
        return look("bees")

    with tracefork.record() as run:
        agent()
    with tracefork.fork(run.tape, 0, tools=lambda call: lab.ask(f"be {call.name}")) as branch:
        assert agent() == "re be look"

    assert branch.remarks == []


def test_a_transport_of_ones_own_is_heard_too():
    def post(text):
        run = tracefork.current()
        with run.asking(Request("POST", URL, (), text.encode())) as call:
            head = call.head(Response(200))
            return head, b"".join(call.through([b"so"]))

    with tracefork.record() as run:
        run.call("think", post, "bees")

    assert run.tape.asked_in_tools == {"think": 1}


def test_bedrock_is_heard(monkeypatch):
    boto3 = pytest.importorskip("boto3")
    from botocore.awsrequest import AWSResponse

    from tracefork.transports import botocore

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    client = boto3.client("bedrock-runtime", region_name="us-east-1")
    botocore.attach(client)
    raw = io.BytesIO(b'{"content": []}')
    raw.stream = lambda *_, **__: iter([raw.getvalue()])
    client.meta.events.register_last(
        "before-send", lambda request, **_: AWSResponse(request.url, 200, {}, raw), unique_id="world"
    )

    def think():
        return bool(client.invoke_model(modelId="anthropic.claude-3-haiku-20240307-v1:0", body=b"{}"))

    with tracefork.record() as run:
        run.call("think", think)

    assert run.tape.asked_in_tools == {"think": 1}


@pytest.mark.parametrize("text", ["", "null", "[1]", '{"a": "b", "c": true, "d": 2}', "{", "[" * 10_000])
def test_whatever_the_note_says_it_is_read(text):
    found = notes.read_asked_in_tools({notes.ASKED_IN_TOOLS: text})

    assert found == ({"d": 2} if "d" in text else {})


def test_a_run_that_follows_does_not_inherit_it():
    assert notes.inherit({notes.ASKED_IN_TOOLS: '{"a": 1}', "mine": "x"}) == {"mine": "x"}
