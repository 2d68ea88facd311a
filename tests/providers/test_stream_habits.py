"""Servers that speak a vendor's API in a way of their own: what their streams say is read as it was meant."""

import json

import pytest
from providers.payloads import ANTHROPIC, CHAT, RESPONSES, STREAM_GEMINI

from tracefork import Exchange, Request, Response
from tracefork.providers import read, sse
from tracefork.providers.messages import Other, Text, Thinking, ToolCall


def streamed(url, *events):
    body = b"".join(sse.encode("", json.dumps(event)) for event in events)
    answer = Response(200, (("content-type", "text/event-stream"),), (body,))
    return read.completion(Exchange(Request("POST", url), answer)).choices[0].message


def chat(*deltas, index=0):
    return streamed(CHAT, *({"choices": [{"index": index, "delta": delta}]} for delta in deltas))


def call(arguments, index=0, call_id=None, name=None, **more):
    function = {"name": name, "arguments": arguments} | more
    said = {"index": index, "id": call_id, "function": function}
    return {"tool_calls": [{key: value for key, value in said.items() if value is not None}]}


TWO = (ToolCall("t1", "find", '{"a":1}'), ToolCall("t2", "sell", '{"b":2}'))
FIND = TWO[:1]


# -- OpenAI's chat completions ---------------------------------------------------------


def test_a_role_in_each_delta_is_one_role():
    said = chat({"role": "assistant", "content": "Good "}, {"role": "assistant", "content": "day"})

    assert (said.role, said.text) == ("assistant", "Good day")


CALLS = {
    "another id at the same index": [call('{"a":1}', 0, "t1", "find"), call('{"b":2}', 0, "t2", "sell")],
    "in pieces, one after the other, at the same index": [
        call("", 0, "t1", "find"),
        call('{"a"', 0),
        call(":1}", 0),
        call("", 0, "t2", "sell"),
        call('{"b"', 0),
        call(":2}", 0),
    ],
    "no index at all": [call('{"a":1}', None, "t1", "find"), call('{"b":2}', None, "t2", "sell")],
    "an index that is text": [
        call('{"a":', "0", "t1", "find"),
        call('{"b":', "1", "t2", "sell"),
        call("1}", "0"),
        call("2}", "1"),
    ],
    "id and name again in each delta": [
        call('{"a":', 0, "t1", "find"),
        call("1}", 0, "t1", "find"),
        call('{"b":', 1, "t2", "sell"),
        call("2}", 1, "t2", "sell"),
    ],
    "side by side at one index, told apart by id": [
        call('{"a":', 0, "t1", "find"),
        call('{"b":', 0, "t2", "sell"),
        call("1}", 0, "t1"),
        call("2}", 0, "t2"),
    ],
    "the second index before the first": [call('{"b":2}', 1, "t2", "sell"), call('{"a":1}', 0, "t1", "find")],
    "arguments that are an object": [call({"a": 1}, 0, "t1", "find"), call({"b": 2}, 1, "t2", "sell")],
    "a call alone where a list belongs": [
        {"tool_calls": call('{"a":1}', 0, "t1", "find")["tool_calls"][0]},
        call('{"b":2}', 1, "t2", "sell"),
    ],
    "arguments that begin anew": [
        call('{"a":1}', 0, "t1", "find"),
        call('{"a":1}', 0, "t1", "find"),
        call('{"b":2}', 1, "t2", "sell"),
    ],
    "names in pieces and grown names": [
        call("", 0, "t1", "fi"),
        call('{"a":1}', 0, None, "nd"),
        call("", 1, "t2", "se"),
        call('{"b":2}', 1, "t2", "sell"),
    ],
}


@pytest.mark.parametrize("how", CALLS)
def test_two_calls_are_two_calls(how):
    assert chat(*CALLS[how]).parts == TWO


def test_calls_without_ids_are_told_apart_where_one_is_whole():
    said = chat(
        call('{"a":1}', 0, "", "find"), call('{"a":1}', 0, "", "find"), call('{"b":2}', 0, "", "sell")
    )

    assert said.parts == (ToolCall("", "find", '{"a":1}'),) * 2 + (ToolCall("", "sell", '{"b":2}'),)


def test_braces_within_a_text_begin_no_call():
    pieces = ['{"code": "', "{}", "{}", '{"x": 1}', "{", '"}']

    said = chat(call("", 0, "t1", "run"), *(call(piece) for piece in pieces))

    assert said.parts == (ToolCall("t1", "run", "".join(pieces)),)


def test_content_may_be_parts():
    said = chat(
        {
            "role": "assistant",
            "content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]}],
        },
        {"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "m."}]}]},
        {"content": [{"type": "text", "text": "Hel"}]},
        {"content": "lo"},
        {"content": [{"type": "text", "text": "!"}, {"type": "reference", "reference_ids": [1]}]},
        {"content": None},
        {"content": []},
    )

    assert said.parts[:2] == (Thinking("Hmm."), Text("Hello!"))
    assert isinstance(said.parts[2], Other)
    assert len(said.parts) == 3


def test_content_null_and_content_text_are_as_they_were():
    assert chat({"role": "assistant", "content": None}, {"content": ""}).parts == ()
    assert chat({"content": None}, {"content": "a"}, {"content": None}, {"content": "b"}).parts == (
        Text("ab"),
    )


def test_reasoning_and_refusals_come_in_pieces():
    said = chat(
        {"reasoning_content": "Let "}, {"reasoning_content": "me."}, {"refusal": "No"}, {"refusal": "."}
    )

    assert said.parts == (Thinking("Let me."), Other("refusal", '{"type":"refusal","refusal":"No."}'))


def test_the_index_of_a_choice_may_be_text():
    assert chat({"content": "a"}, {"content": "b"}, index="0").text == "ab"


def test_an_older_function_call_may_repeat_its_name():
    said = chat(
        {"function_call": {"name": "find", "arguments": '{"a":'}},
        {"function_call": {"name": "find", "arguments": "1}"}},
    )

    assert said.parts == (ToolCall("", "find", '{"a":1}'),)


# -- Anthropic's messages --------------------------------------------------------------


def begins(index, **block):
    return {"type": "content_block_start", "content_block": block} | _placed(index)


def spells(index, kind, key, text):
    return {"type": "content_block_delta", "delta": {"type": kind, key: text}} | _placed(index)


def stops(index):
    return {"type": "content_block_stop"} | _placed(index)


def _placed(index):
    return {} if index is None else {"index": index}


START = {"type": "message_start", "message": {"role": "assistant", "content": []}}


def blocks(first, second):
    return [
        begins(first, type="text", text=""),
        spells(first, "text_delta", "text", "Hel"),
        spells(first, "text_delta", "text", "lo"),
        stops(first),
        begins(second, type="tool_use", id="t1", name="find", input={}),
        spells(second, "input_json_delta", "partial_json", '{"a"'),
        spells(second, "input_json_delta", "partial_json", ":1}"),
        stops(second),
    ]


@pytest.mark.parametrize("places", [(0, 1), (0, 0), ("0", "1"), (None, None)])
def test_blocks_are_told_apart_wherever_they_say_they_are(places):
    assert streamed(ANTHROPIC, START, *blocks(*places)).parts == (Text("Hello"), *FIND)


def test_blocks_come_in_the_order_of_their_indexes():
    events = blocks(0, 1)

    assert streamed(ANTHROPIC, START, *events[4:], *events[:4]).parts == (Text("Hello"), *FIND)


def test_a_block_that_was_never_begun_is_still_said():
    said = streamed(ANTHROPIC, START, spells(0, "thinking_delta", "thinking", "Hm"), *blocks(1, 2)[1:3])

    assert said.parts == (Thinking("Hm"), Text("Hello"))


def test_a_block_that_is_begun_twice_is_one():
    first, *rest = blocks(0, 1)

    assert streamed(ANTHROPIC, START, first, first, *rest).parts == (Text("Hello"), *FIND)


# -- OpenAI's responses ----------------------------------------------------------------


def item(kind, **more):
    return {"type": f"response.{kind}", **more}


def test_items_without_a_place_are_told_apart_by_their_ids():
    said = streamed(
        RESPONSES,
        item("output_item.added", item={"id": "m", "type": "message", "role": "assistant", "content": []}),
        item("output_text.delta", item_id="m", content_index=0, delta="Hello"),
        item("output_item.added", item={"id": "f", "type": "function_call", "call_id": "t1", "name": "find"}),
        item("function_call_arguments.delta", item_id="f", delta='{"a"'),
        item("function_call_arguments.delta", item_id="f", delta=":1}"),
    )

    assert said.parts == (Text("Hello"), *FIND)


def test_what_is_said_whole_takes_the_place_of_what_was_spelled():
    called = {"type": "function_call", "call_id": "t1", "name": "find"}
    said = streamed(
        RESPONSES,
        item("output_item.added", output_index="0", item={"type": "message", "role": "assistant"}),
        item("output_text.delta", output_index="0", content_index=0, delta="Hel"),
        item("output_text.done", output_index="0", content_index=0, text="Hello"),
        item(
            "output_item.added",
            output_index=1,
            item={"type": "function_call", "call_id": "t1", "name": "find"},
        ),
        item("function_call_arguments.done", output_index=1, arguments='{"a":1}'),
    )

    assert said.parts == (Text("Hello"), *FIND)


# -- Gemini ------------------------------------------------------------------------------


def gemini(*parts):
    return streamed(
        STREAM_GEMINI, *({"candidates": [{"content": {"role": "model", "parts": [p]}}]} for p in parts)
    )


def test_a_part_that_says_nothing_divides_nothing():
    said = gemini({"text": "Hel"}, {"text": "", "thoughtSignature": "s"}, {"text": "lo"})

    assert (said.role, said.parts) == ("model", (Text("Hello"),))


def test_calls_and_thoughts_stay_where_they_were():
    find = {"functionCall": {"id": "t1", "name": "find", "args": {"a": 1}}}

    said = gemini({"text": "Hm", "thought": True}, {"text": "m.", "thought": True}, {"text": "So"}, find)

    assert said.parts == (Thinking("Hmm."), Text("So"), *FIND)
