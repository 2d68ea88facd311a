"""A step that was asked as a stream is answered by a whole message: by its stream, or a typed error."""

import gzip
import json

import anthropic as anthropic_sdk
import httpx
import httpx2
import openai as openai_sdk
import pytest

import tracefork
from tracefork import Exchange, Request, Response
from tracefork.errors import UnfitAnswer
from tracefork.providers import anthropic, gemini, openai, read, streams
from tracefork.testing import scripted

ANTHROPIC = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
GEMINI = "https://g.example/v1beta/models/m:streamGenerateContent?alt=sse"

MESSAGE = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "m",
    "content": [
        {"type": "thinking", "thinking": "Let me see.", "signature": "s"},
        {"type": "text", "text": "Good day to you."},
        {"type": "tool_use", "id": "t1", "name": "find", "input": {"city": "Rome", "days": [1, 2]}},
        {"type": "redacted_thinking", "data": "x"},
    ],
    "stop_reason": "tool_use",
    "stop_sequence": None,
    "usage": {"input_tokens": 3, "output_tokens": 4},
}
COMPLETION = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Good day to you.",
                "refusal": None,
                "tool_calls": [
                    {
                        "id": name,
                        "type": "function",
                        "function": {"name": "find", "arguments": '{"city": "Rome"}'},
                    }
                    for name in ("t1", "t2")
                ],
            },
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
}
RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "error": None,
    "status": "completed",
    "incomplete_details": None,
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Good day to you.", "annotations": []}],
        },
        {
            "id": "f",
            "type": "function_call",
            "call_id": "t1",
            "name": "find",
            "arguments": '{"a":1}',
            "status": "completed",
        },
    ],
    "usage": {
        "input_tokens": 3,
        "output_tokens": 4,
        "total_tokens": 7,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens_details": {"reasoning_tokens": 0},
    },
    "parallel_tool_calls": True,
    "tool_choice": "auto",
    "tools": [],
}
CANDIDATES = {
    "candidates": [
        {"index": 0, "content": {"role": "model", "parts": [{"text": "Good day."}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7},
    "modelVersion": "m",
}
WHOLE = {
    ANTHROPIC: (MESSAGE, anthropic.text("Hello.")),
    CHAT: (COMPLETION, openai.text("Hello.")),
    RESPONSES: (RESPONSE, openai.text("Hello.")),
    GEMINI: (CANDIDATES, gemini.text("Hello.")),
}


def step(url, recorded=None):
    asked = {
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [],
        "input": "",
        "contents": [],
    }
    request = Request("POST", url, (), json.dumps(asked).encode())
    return Exchange(request, recorded or WHOLE[url][1](request))


@pytest.mark.parametrize("url", WHOLE)
def test_a_whole_message_becomes_the_stream_that_says_it(url):
    exchange, whole = step(url), json.dumps(WHOLE[url][0]).encode()

    fitted = streams.fit(exchange, exchange.response.with_body(whole), strictly=True)

    said = read.completion(Exchange(exchange.request, fitted))
    assert said == read.completion(Exchange(exchange.request, Response(200, (), (whole,))))
    assert said.complete
    assert fitted.headers == exchange.response.headers
    assert fitted.body.startswith((b"event:", b"data:"))


def test_the_sdk_of_anthropic_reads_the_same_message():
    def ask():
        client = anthropic_sdk.Anthropic(api_key="k", http_client=http)
        with client.messages.stream(
            model="m", max_tokens=9, messages=[{"role": "user", "content": "?"}]
        ) as stream:
            return stream.get_final_message().model_dump(mode="json", exclude_unset=True)

    model = scripted.Script(anthropic.text("Hello."))
    http = httpx2.Client(transport=scripted.transport(model, httpx2))
    with tracefork.record() as run:
        ask()
    with tracefork.fork(run.tape, 0, run.tape[0].response.with_body(json.dumps(MESSAGE).encode())):
        said = ask()

    assert said["content"] == MESSAGE["content"]
    assert (said["stop_reason"], said["id"]) == ("tool_use", "msg_1")
    assert said["usage"]["output_tokens"] == 4


def test_the_sdk_of_openai_reads_the_same_completion_and_response():
    http = httpx2.Client(transport=scripted.transport(scripted.Script(*[openai.text("Hello.")] * 2), httpx2))
    client = openai_sdk.OpenAI(api_key="k", http_client=http)

    def chat():
        with client.chat.completions.stream(model="m", messages=[{"role": "user", "content": "?"}]) as stream:
            return stream.get_final_completion().model_dump(mode="json")

    def respond():
        with client.responses.stream(model="m", input="?") as stream:
            for _ in stream:
                pass
            return stream.get_final_response().model_dump(mode="json")

    with tracefork.record() as run:
        chat()
        respond()
    for n, (ask, whole) in enumerate([(chat, COMPLETION), (respond, RESPONSE)]):
        tape = tracefork.Tape((run.tape[n],))
        with tracefork.fork(tape, 0, run.tape[n].response.with_body(json.dumps(whole).encode())):
            said = ask()
        if ask is chat:
            message = said["choices"][0]["message"]
            assert message["content"] == "Good day to you."
            calls = [(call["id"], call["function"]["arguments"]) for call in message["tool_calls"]]
            assert calls == [("t1", '{"city": "Rome"}'), ("t2", '{"city": "Rome"}')]
            assert said["choices"][0]["finish_reason"] == "tool_calls"
        else:
            assert [item["id"] for item in said["output"]] == ["msg_1", "f"]
            assert said["output"][0]["content"][0]["text"] == "Good day to you."


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (ANTHROPIC, COMPLETION),
        (CHAT, MESSAGE),
        (CHAT, {"error": {"message": "no"}}),
        (RESPONSES, {"text": "Hi"}),
        ("https://m.example/of/mine", MESSAGE),
    ],
)
@pytest.mark.parametrize("strictly", [True, False])
def test_json_of_which_no_stream_can_be_made_is_refused(url, body, strictly):
    exchange = step(url, Response(200, (("content-type", "text/event-stream"),), (b"data: {}\n\n",)))

    with pytest.raises(UnfitAnswer, match="was asked for a stream") as caught:
        streams.fit(exchange, exchange.response.with_body(json.dumps(body).encode()), strictly=strictly)
    assert url in str(caught.value)
    assert "with_text" in str(caught.value)


def test_what_is_garbled_on_purpose_stays_unless_it_comes_from_a_file():
    exchange = step(CHAT)
    garbled = exchange.response.with_body(b"not JSON")

    assert streams.fit(exchange, garbled) is garbled
    with pytest.raises(UnfitAnswer, match="neither"):
        streams.fit(exchange, garbled, strictly=True)


@pytest.mark.parametrize(
    "body", [b"data: {}\n\n", b"\n\nevent: x\ndata: 1\n\n", b": ping\n\n", b"id: 1\ndata: 2\n\n"]
)
def test_events_stay_as_they_are(body):
    exchange = step(CHAT)

    assert streams.fit(exchange, exchange.response.with_body(body), strictly=True).body == body


def test_a_whole_answer_stays_one_and_headers_of_ones_own_stay_too():
    request = Request("POST", CHAT, (), b"{}")
    exchange = Exchange(request, openai.text("Hello.")(request))
    whole = exchange.response.with_body(json.dumps(COMPLETION).encode())

    assert streams.fit(exchange, whole, strictly=True).body == whole.body
    own = Response(200, (("content-type", "text/event-stream"),), (b"{}",))
    assert streams.fit(step(CHAT), own) is own


def test_a_plain_body_in_the_place_of_an_encoded_one_is_not_said_to_be_encoded():
    def served(request):
        return httpx.Response(200, headers={"content-encoding": "gzip"}, content=gzip.compress(b'{"a": 1}'))

    client = httpx.Client(transport=httpx.MockTransport(served))
    with tracefork.record() as run:
        assert client.post("https://m.example/").json() == {"a": 1}
    with tracefork.fork(run.tape, 0, run.tape[0].response.with_body(b'{"a": 2}')) as branch:
        assert client.post("https://m.example/").json() == {"a": 2}

    assert tracefork.verify(branch.tape, lambda: client.post("https://m.example/").json()).ok


def test_google_streams_an_array_where_no_events_were_asked_for():
    url = GEMINI.partition("?")[0]
    recorded = Response(
        200, (("content-type", "application/json"),), (b"[" + json.dumps(CANDIDATES).encode(), b"]")
    )
    exchange = step(url, recorded)

    fitted = streams.fit(exchange, recorded.with_body(json.dumps(CANDIDATES).encode()), strictly=True)

    assert json.loads(fitted.body) == [CANDIDATES]


def test_amazons_frames_are_refused():
    recorded = Response(200, (("content-type", "application/vnd.amazon.eventstream"),), (b"\0\0\0\x10",))
    url = "https://bedrock-runtime.r.amazonaws.com/model/anthropic.m-v1:0/invoke-with-response-stream"
    exchange = step(url, recorded)

    with pytest.raises(UnfitAnswer, match="Amazon"):
        streams.fit(exchange, recorded.with_body(json.dumps(MESSAGE).encode()))
    with pytest.raises(UnfitAnswer, match="Amazon"):
        streams.fit(exchange, recorded.with_body(b"words"), strictly=True)
