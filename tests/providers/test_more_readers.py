"""Cohere, Ollama and Bedrock's Converse, whole and streamed, as the readers give them."""

import base64
import json
import struct
from hashlib import sha256

import pytest

from tracefork import Exchange, Request, Response
from tracefork.providers import paths, read, sse
from tracefork.providers.messages import (
    Choice,
    Completion,
    Failure,
    Media,
    Message,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
)

COHERE = "https://api.cohere.com/v2/chat"
OLLAMA = "http://127.0.0.1:11434/api/chat"
CONVERSE = "https://bedrock-runtime.r.amazonaws.com/model/amazon.nova-lite-v1%3A0/converse"
SCHEMA = {"type": "object"}
FUNCTION = {"name": "weather", "description": "Tells.", "parameters": SCHEMA}
WEATHER = Tool("weather", "Tells.", '{"type":"object"}')
CALLED = {"name": "weather", "arguments": '{"city": "Faro"}'}
ARGUMENTS = '{"city":"Faro"}'


def prompt(url, body):
    return read.prompt(Request("POST", url, (), json.dumps(body).encode()))


def heard(url, *chunks, kind="application/json"):
    body = tuple(one if isinstance(one, bytes) else json.dumps(one).encode() for one in chunks)
    return read.completion(Exchange(Request("POST", url), Response(200, (("content-type", kind),), body)))


def frame(event):
    """A message of an event stream of Amazon's; its checksums are not looked at."""
    payload = json.dumps(event).encode()
    return struct.pack(">III", 16 + len(payload), 0, 0) + payload + bytes(4)


# -- Cohere ---------------------------------------------------------------------------------


def test_a_question_to_cohere_is_read_as_one_to_openai():
    asked = prompt(
        COHERE,
        {
            "model": "command",
            "stream": True,
            "tools": [{"type": "function", "function": FUNCTION}],
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "assistant", "tool_calls": [{"id": "c", "type": "function", "function": CALLED}]},
                {"role": "tool", "tool_call_id": "c", "content": "rain"},
            ],
        },
    )

    assert (asked.api, asked.model, asked.stream, asked.tools) == (paths.COHERE, "command", True, (WEATHER,))
    assert asked.messages == (
        Message("system", (Text("Be brief."),)),
        Message("assistant", (ToolCall("c", "weather", CALLED["arguments"]),)),
        Message("tool", (ToolResult("c", (Text("rain"),)),)),
    )


SAID_BY_COHERE = Completion(
    paths.COHERE,
    "id",
    "",
    (
        Choice(
            Message("assistant", (Thinking("I look."), ToolCall("c", "weather", CALLED["arguments"]))),
            "TOOL_CALL",
        ),
    ),
    Usage(70, 6, billed_input=5),
)
COUNTED = {"billed_units": {"input_tokens": 5}, "tokens": {"input_tokens": 70, "output_tokens": 6}}


def test_an_answer_of_coheres_has_its_plan_its_calls_and_all_its_tokens():
    call = {"id": "c", "type": "function", "function": CALLED}
    message = {"role": "assistant", "content": [], "tool_plan": "I look.", "tool_calls": [call]}
    answer = {"id": "id", "finish_reason": "TOOL_CALL", "message": message, "usage": COUNTED}

    assert heard(COHERE, answer) == SAID_BY_COHERE


def test_a_stream_of_coheres_is_put_together():
    def said(kind, **message):
        return sse.encode("", json.dumps({"type": kind, "index": 0, "delta": {"message": message}}))

    call = {"id": "c", "type": "function", "function": {"name": "weather", "arguments": ""}}
    events = [
        sse.encode(
            "", json.dumps({"type": "message-start", "id": "id", "delta": {"message": {"role": "assistant"}}})
        ),
        said("tool-plan-delta", tool_plan="I "),
        said("tool-plan-delta", tool_plan="look."),
        said("tool-call-start", tool_calls=call),
        said("tool-call-delta", tool_calls={"function": {"arguments": '{"city": '}}),
        said("tool-call-delta", tool_calls={"function": {"arguments": '"Faro"}'}}),
        said("tool-call-end"),
    ]
    last = {"type": "message-end", "delta": {"finish_reason": "TOOL_CALL", "usage": COUNTED}}

    whole = heard(COHERE, *events, sse.encode("", json.dumps(last)), kind="text/event-stream")
    assert whole == SAID_BY_COHERE
    cut = heard(COHERE, *events, kind="text/event-stream")
    assert (cut.complete, cut.calls, cut.usage) == (False, SAID_BY_COHERE.calls, None)


def test_texts_of_coheres_come_in_the_order_of_their_blocks():
    def delta(kind, index, **content):
        event = {"type": kind, "index": index, "delta": {"message": {"content": content}}}
        return sse.encode("", json.dumps(event))

    whole = heard(
        COHERE,
        delta("content-start", 0, type="thinking", thinking="So"),
        delta("content-delta", 0, thinking="."),
        delta("content-start", 1, type="text", text=""),
        delta("content-delta", 1, text="It "),
        delta("content-delta", 1, text="rains."),
        kind="text/event-stream",
    )

    assert whole.choices[0].message.parts == (Thinking("So."), Text("It rains."))


# -- Ollama ---------------------------------------------------------------------------------


def test_a_question_to_ollama_asks_for_a_stream_unless_it_says_otherwise():
    body = {
        "model": "llama3.2",
        "tools": [{"type": "function", "function": FUNCTION}],
        "messages": [{"role": "tool", "tool_name": "weather", "content": "rain"}],
    }

    asked = prompt(OLLAMA, body)
    assert (asked.api, asked.model, asked.stream, asked.tools) == (paths.OLLAMA, "llama3.2", True, (WEATHER,))
    assert asked.messages == (Message("tool", (ToolResult("", (Text("rain"),), "weather"),)),)
    assert not prompt(OLLAMA, {**body, "stream": False}).stream


CALL_OF_OLLAMA = {"function": {"name": "weather", "arguments": {"city": "Faro"}}}
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 6}


def line(content, **more):
    message = {"role": "assistant", "content": content, **more}
    return {"model": "llama3.2", "message": message, "done": False}


def test_an_answer_of_ollamas_is_read_whole_and_as_lines():
    parts = (Thinking("So."), Text("It rains."), ToolCall("", "weather", ARGUMENTS))
    expected = Completion(
        paths.OLLAMA, "", "llama3.2", (Choice(Message("assistant", parts), "stop"),), Usage(5, 6)
    )
    lines = [
        line("", thinking="So."),
        line("It "),
        line("rains."),
        line("", tool_calls=[CALL_OF_OLLAMA]),
        {**line(""), **END},
    ]
    written = [json.dumps(one).encode() + b"\n" for one in lines]

    whole = {**line("It rains.", thinking="So.", tool_calls=[CALL_OF_OLLAMA]), **END}
    assert heard(OLLAMA, whole) == expected
    assert heard(OLLAMA, *written, kind="application/x-ndjson") == expected
    assert not heard(OLLAMA, *written[:-1], kind="application/x-ndjson").complete
    assert not heard(OLLAMA, written[0], kind="application/x-ndjson").complete
    assert heard(OLLAMA, {"error": "no such model"}).failure == Failure("", "no such model")


# -- Bedrock's Converse -----------------------------------------------------------------------


def test_a_question_by_converse_is_read():
    spec = {"name": "weather", "description": "Tells.", "inputSchema": {"json": SCHEMA}}
    use = {"toolUseId": "t", "name": "weather", "input": {"city": "Faro"}}
    result = {"toolUseId": "t", "status": "error", "content": [{"json": {"rain": True}}, {"text": "!"}]}
    image = {"format": "png", "source": {"bytes": base64.b64encode(b"12345678").decode()}}
    body = {
        "system": [{"text": "Be brief."}],
        "toolConfig": {"tools": [{"toolSpec": spec}, {"cachePoint": {"type": "default"}}]},
        "messages": [
            {"role": "user", "content": [{"text": "Hi."}, {"image": image}]},
            {"role": "assistant", "content": [{"toolUse": use}]},
            {"role": "user", "content": [{"toolResult": result}]},
        ],
    }

    asked = prompt(CONVERSE, body)
    assert (asked.api, asked.model, asked.stream) == (paths.CONVERSE, "amazon.nova-lite-v1:0", False)
    assert asked.tools == (WEATHER,)
    assert asked.messages == (
        Message("system", (Text("Be brief."),)),
        Message(
            "user", (Text("Hi."), Media("image", "image/png", 8, sha256=sha256(b"12345678").hexdigest()))
        ),
        Message("assistant", (ToolCall("t", "weather", ARGUMENTS),)),
        Message("user", (ToolResult("t", (Text('{"rain":true}'), Text("!")), is_error=True),)),
    )
    assert prompt(f"{CONVERSE}-stream", body).stream


USAGE = {"inputTokens": 5, "outputTokens": 6, "cacheReadInputTokens": 2}
SAID_BY_CONVERSE = Completion(
    paths.CONVERSE,
    choices=(
        Choice(
            Message(
                "assistant",
                (Thinking("So."), Text("It rains."), ToolCall("t", "weather", '{"city": "Faro"}')),
            ),
            "tool_use",
        ),
    ),
    usage=Usage(7, 6, 2),
)


def test_an_answer_by_converse_is_read():
    use = {"toolUseId": "t", "name": "weather", "input": '{"city": "Faro"}'}
    thought = {"reasoningContent": {"reasoningText": {"text": "So."}}}
    content = [thought, {"text": "It rains."}, {"toolUse": use}]
    message = {"role": "assistant", "content": content}

    answer = {"output": {"message": message}, "stopReason": "tool_use", "usage": USAGE}
    assert heard(CONVERSE, answer) == SAID_BY_CONVERSE


def test_a_stream_by_converse_is_put_together():
    use = {"toolUse": {"toolUseId": "t", "name": "weather"}}
    events = [
        {"role": "assistant"},
        {"contentBlockIndex": 0, "delta": {"reasoningContent": {"text": "So."}}},
        {"contentBlockIndex": 1, "delta": {"text": "It "}, "p": "abc"},
        {"contentBlockIndex": 1, "delta": {"text": "rains."}},
        {"contentBlockIndex": 1},
        {"contentBlockIndex": 2, "start": use},
        {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '{"city": '}}},
        {"contentBlockIndex": 2, "delta": {"toolUse": {"input": '"Faro"}'}}},
        {"stopReason": "tool_use"},
        {"usage": USAGE, "metrics": {"latencyMs": 1}},
    ]
    kind = "application/vnd.amazon.eventstream"

    assert heard(f"{CONVERSE}-stream", *map(frame, events), kind=kind) == SAID_BY_CONVERSE
    assert not heard(f"{CONVERSE}-stream", *map(frame, events[:7]), kind=kind).complete


# -- all of them ------------------------------------------------------------------------------


@pytest.mark.parametrize("url", [COHERE, OLLAMA, CONVERSE, f"{CONVERSE}-stream"])
@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"{}", b'{"message": 3}', b"\n\n", b'{"output": []}\n{'])
def test_what_makes_no_sense_is_none(url, body):
    assert heard(url, body) is None
