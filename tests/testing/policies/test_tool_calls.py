"""One call of a tool is counted once: what a model asked for, and what ran."""

from __future__ import annotations

import json
import random

import pytest
from attrs import evolve
from conducts import answers, asks, runs, says, tape
from hypothesis import given
from hypothesis import strategies as st

from tracefork import Effect, Exchange, Fault, Request, Response, Tape
from tracefork.core.values import Call, Pending, Reply
from tracefork.providers import anthropic, gemini, openai
from tracefork.providers.tool_uses import list_tool_uses

GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/g:generateContent"


def listed(*steps, **more):
    return [(use.name, use.asked is not None, use.ran is not None, use.step) for use in uses(*steps, **more)]


def uses(*steps, **more):
    return list_tool_uses(tape(*steps, **more))


@pytest.mark.parametrize("name", ["book", "Book", "Desk.book", "shop:book", "book_"])
def test_a_tool_that_a_model_asks_for_and_that_runs_is_one_call(name):
    assert listed(asks("book", {"city": "Rome"}), runs(name, "Rome"), says()) == [("book", True, True, 0)]


def test_a_tool_that_nobody_asked_for_is_a_call_of_its_own_at_the_exchange_before():
    assert listed(runs("start"), says(), runs("book", "Rome")) == [
        ("start", False, True, None),
        ("book", False, True, 0),
    ]


def test_a_plain_function_that_a_model_calls_is_a_call_without_an_effect():
    assert listed(asks("book"), says()) == [("book", True, False, 0)]


def test_a_tool_that_ran_before_it_was_asked_for_is_another_call():
    assert len(uses(runs("book", "Rome"), asks("book", {"city": "Rome"}))) == 2


def test_other_tools_are_other_calls():
    assert len(uses(asks("book"), runs("look"), runs("book_seat"), runs("bookings"))) == 4


def test_of_several_calls_those_with_the_same_arguments_belong_together():
    steps = [asks("book", {"city": city}) for city in ("Rome", "Oslo", "Kyiv")]
    ran = [runs("book", city=city) for city in ("Kyiv", "Rome")]

    pairs = [
        (json.loads(use.asked.arguments)["city"], use.ran is not None and json.loads(use.ran.call.arguments))
        for use in uses(*steps, *ran)
    ]
    assert sorted(pairs, key=str) == [
        ("Kyiv", {"args": [], "kwargs": {"city": "Kyiv"}}),
        ("Oslo", False),
        ("Rome", {"args": [], "kwargs": {"city": "Rome"}}),
    ]


def test_a_call_whose_arguments_the_agent_changed_is_still_one():
    assert listed(asks("book", {"city": "rome"}), runs("book", "Rome", key=3)) == [("book", True, True, 0)]


def test_sub_agents_ask_in_lanes_of_their_own_and_count_as_well():
    left = (asks("look", {"at": 1}, lane="crew.0"), runs("look", 1, lane="crew.0"))
    right = (asks("look", {"at": 1}, lane="crew.1"), runs("look", 1, lane="crew.1"))

    found = uses(runs("research", "bees"), left[0], right[0], right[1], left[1])
    assert [use.name for use in found] == ["research", "look", "look"]
    assert {(use.step, use.ran.lane) for use in found[1:]} == {(0, "crew.0"), (1, "crew.1")}


def test_a_call_is_where_it_ran_in_the_order_of_calls():
    assert [one[0] for one in listed(asks("book"), runs("approve"), runs("book"))] == ["approve", "book"]


def test_one_that_was_in_flight_when_the_run_died_counts():
    left = Pending(Call("pay", '{"args":[3],"kwargs":{}}'), "", 99)
    found = list_tool_uses(evolve(tape(asks("pay", {"amount": 3})), pending=(left,)))

    assert [(use.name, use.ran.call.name) for use in found] == [("pay", "pay")]


@pytest.mark.parametrize(
    ("build", "url"),
    [
        (anthropic.tool_use, "https://api.anthropic.com/v1/messages"),
        (openai.tool_call, "https://api.openai.com/v1/chat/completions"),
        (openai.tool_call, "https://api.openai.com/v1/responses"),
        (gemini.tool_use, GEMINI),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_it_is_seen_whoever_the_vendor_is_streamed_or_not(build, url, stream):
    url = url.replace("generateContent", "streamGenerateContent?alt=sse") if stream and "goog" in url else url
    asked = asks("book", {"city": "Rome"}, build=build, url=url, stream=stream)

    assert listed(asked, runs("book", "Rome")) == [("book", True, True, 0)]


def test_what_the_vendor_runs_itself_is_a_call_too():
    content = [
        {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "x"}},
        {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []},
    ]
    searched = json.dumps({"type": "message", "role": "assistant", "content": content}).encode()
    output = [
        {"type": "web_search_call", "id": "ws_1", "status": "completed", "action": {"query": "x"}},
        {"type": "mcp_call", "id": "mcp_1", "name": "roll", "arguments": "{}", "output": "4"},
        {"type": "computer_call", "call_id": "c", "action": {"type": "click"}},
    ]
    responded = json.dumps({"output": output, "status": "completed"}).encode()
    steps = [
        answers(Response(200, (), (searched,))),
        answers(Response(200, (), (responded,)), url="https://api.openai.com/v1/responses"),
    ]

    assert [one[0] for one in listed(*steps)] == ["web_search", "web_search", "roll", "computer"]


def test_an_answer_that_broke_off_asks_for_nothing_unless_the_tool_ran():
    whole = asks("book", {"city": "Rome"}, stream=True)
    cut = evolve(whole, answer=evolve(whole.answer, chunks=whole.answer.chunks[:-2], end=Fault("E", "gone")))
    closed = evolve(cut, answer=evolve(cut.answer, end="closed"))

    assert listed(cut, whole, runs("book", "Rome")) == [("book", True, True, 1)]
    assert len(listed(cut, says())) == 0
    assert len(listed(cut, runs("book", "Rome"))) == 1
    assert len(listed(closed)) == 1, "the agent had read enough, and may have acted on it"


def test_a_call_over_mcp_and_http_is_the_one_that_the_model_asked_for():
    asked = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "stock", "arguments": {"n": 1}},
    }
    request = Request("POST", "https://shop.test/mcp", (), json.dumps(asked).encode())
    both = Request("POST", "https://shop.test/mcp", (), json.dumps([asked, asked]).encode())

    assert listed(asks("stock", {"n": 1}), Exchange(request, Response(200))) == [("stock", True, True, 0)]
    assert listed(Exchange(request, Response(200))) == [("shop.test:stock", False, True, None)]
    assert len(listed(Exchange(both, Response(200)))) == 2


def hello(server="shop"):
    return runs(f"{server}:initialize", protocolVersion="2025-11-25", capabilities={})


def test_what_a_server_of_mcp_is_asked_besides_is_no_tool():
    listing = evolve(
        runs("shop:prompts/get", name="x"), reply=Reply("returned", '{"messages":[{"content":1}]}')
    )
    found = uses(hello(), runs("shop:tools/list"), listing, runs("shop:ping"), runs("shop:stock", n=1))

    assert [use.name for use in found] == ["shop:stock"]


def test_a_tool_that_is_called_ping_is_one():
    reply = Reply("returned", '{"result":{"content":[],"isError":false}}')

    assert len(uses(hello(), evolve(runs("shop:ping"), reply=reply))) == 1
    assert len(uses(runs("db:ping"))) == 1, "no server of MCP has this name"
    assert len(uses(runs("shop:initialize", "now"))) == 1


def test_a_tool_of_claude_code_is_the_server_and_its_tool():
    assert listed(asks("mcp__shop__stock", {"n": 1}), runs("shop:stock", n=1)) == [
        ("mcp__shop__stock", True, True, 0)
    ]


def test_names_in_other_scripts_are_told_apart():
    assert len(uses(asks("搜索"), runs("预订"))) == 2
    assert len(uses(asks("搜索"), runs("搜索"))) == 1
    assert len(uses(asks("+"), runs("-"))) == 2


def test_an_answer_that_is_fetched_twice_is_one_and_one_over_a_socket_is_seen():
    item = {"type": "function_call", "id": "fc", "call_id": "c", "name": "book", "arguments": "{}"}
    made = {"id": "resp_1", "output": [item], "status": "completed", "model": "gpt-5"}
    url = "https://api.openai.com/v1/responses"
    fetched = Exchange(
        Request("GET", f"{url}/resp_1", (), b""), Response(200, (), (json.dumps(made).encode(),))
    )
    event = json.dumps({"type": "response.completed", "response": made}, indent=1).encode()
    over_socket = Exchange(
        Request("SEND", url.replace("https", "wss"), (), b'{"model":"gpt-5"}'), Response(200, (), (event,))
    )
    queued = answers(Response(200, (), (b'{"id":"resp_1","status":"queued","output":[]}',)), url=url)

    assert listed(queued, fetched, fetched) == [("book", True, False, 1)]
    assert listed(over_socket) == [("book", True, False, 0)]


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 2), st.booleans()), max_size=8), st.randoms())
def test_each_call_that_ran_counts_once_and_none_is_lost(wishes, chance):
    """Models ask, and tools run later in any order: each run is one call, each that never ran another."""
    steps, waiting = [], []
    for name, value, _ in wishes:
        steps.append(asks(name, {"x": value}))
    waiting = [runs(name, x=value) for name, value, does in wishes if does]
    chance.shuffle(waiting)
    alone = [runs("other", x=0)] * chance.randrange(3)
    found = uses(*steps, *waiting, *alone)

    assert len(found) == len(wishes) + len(alone)
    assert sum(use.ran is not None for use in found) == len(waiting) + len(alone)
    for use in found:
        if use.asked is not None and use.ran is not None:
            assert json.loads(use.asked.arguments) == json.loads(use.ran.call.arguments)["kwargs"]


def test_a_tape_of_a_thousand_calls_is_read_in_a_moment():
    many = [step for n in range(700) for step in (asks("look", {"n": n}), runs("look", n=n))]
    random.Random(1).shuffle(many)

    assert 700 <= len(uses(*many)) <= 1400


def test_hostile_answers_are_read_without_harm():
    deep = (
        b'{"content":[{"type":"tool_use","name":"book","input":'
        + b'{"a":' * 3000
        + b"1"
        + b"}" * 3000
        + b"}]}"
    )
    odd = [b'{"content":[{"type":"tool_use","name":7}]}', b"[[[", b'{"content":{"type":"tool_use"}}', deep]
    steps = [answers(Response(200, (), (body,))) for body in odd]
    steps += [Exchange(Request("POST", "http://[", (), b'{"method":"tools/call"'), Response(200))]
    steps += [Effect(Call("x", "no json"), Reply("returned", "1")), Effect(Call("", ""), Fault("E", "x"))]

    assert all(isinstance(use.name, str) for use in uses(*steps))
    assert list_tool_uses(Tape()) == ()
