"""Questions and answers of each API, as the readers give them: examples."""

import base64
import gzip
import json
from hashlib import sha256

import pytest
from attrs import evolve
from providers import payloads
from providers.payloads import (
    ANSWERS,
    ANTHROPIC,
    CHAT,
    COMPLETIONS,
    EVENTS,
    GEMINI,
    QUESTIONS,
    RESPONSES,
    SCHEMA,
    STREAM_GEMINI,
    TELLS,
    URLS,
)

import tracefork
from tracefork import Exchange, Fault, Request, Response
from tracefork.providers import base, paths, read, sse
from tracefork.providers.messages import (
    Completion,
    Failure,
    Media,
    Message,
    Other,
    Prompt,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
    Usage,
    texts,
)

DATA = sha256(base64.b64decode("iVBORw0KGgo=")).hexdigest()
PNG = Media("image", "image/png", 8, sha256=DATA)
WEATHER = Tool("weather", TELLS, base.compact(SCHEMA))
SPACED = '{"city": "Zürich"}'


def asked(url, **changes):
    return Request("POST", url, (), json.dumps({**QUESTIONS[url], **changes}).encode())


def answered(url, body, headers=(), status=200):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return read.completion(Exchange(Request("POST", url), Response(status, headers, (body,))))


def stream(events, *, done=False):
    body = b"".join(sse.encode("", json.dumps(event)) for event in events)
    return body + sse.encode("", "[DONE]") if done else body


# -- which API it is -------------------------------------------------------------------

VERTEX = "https://r-aiplatform.googleapis.com/v1/projects/p/locations/r/publishers/anthropic/models"

KNOWN = {
    "https://api.anthropic.com/v1/messages?beta=true": (paths.ANTHROPIC, "", False),
    "https://gateway.example/anthropic/v1/messages/": (paths.ANTHROPIC, "", False),
    f"{VERTEX}/claude-sonnet-4-5@20250929:streamRawPredict": (
        paths.ANTHROPIC,
        "claude-sonnet-4-5@20250929",
        True,
    ),
    f"{VERTEX}/m:rawPredict": (paths.ANTHROPIC, "m", False),
    "https://bedrock-runtime.r.amazonaws.com/model/us.anthropic.claude-sonnet-4-5-20250929-v1%3A0/invoke": (
        paths.ANTHROPIC,
        "us.anthropic.claude-sonnet-4-5-20250929-v1:0",
        False,
    ),
    "https://bedrock-runtime.r.amazonaws.com/model/anthropic.m-v1:0/invoke-with-response-stream": (
        paths.ANTHROPIC,
        "anthropic.m-v1:0",
        True,
    ),
    "https://api.openai.com/v1/chat/completions": (paths.CHAT, "", False),
    "https://api.groq.com/openai/v1/chat/completions": (paths.CHAT, "", False),
    "https://openrouter.ai/api/v1/chat/completions": (paths.CHAT, "", False),
    "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=v": (paths.CHAT, "", False),
    "https://r.openai.azure.com/openai/deployments/d/completions": (paths.COMPLETIONS, "", False),
    "https://r.openai.azure.com/openai/v1/responses": (paths.RESPONSES, "", False),
    GEMINI: (paths.GEMINI, "gemini-2.5-flash", False),
    STREAM_GEMINI: (paths.GEMINI, "gemini-2.5-flash", True),
    "https://aiplatform.googleapis.com/v1/publishers/google/models/m:generateContent": (
        paths.GEMINI,
        "m",
        False,
    ),
    "https://generativelanguage.googleapis.com/v1beta/tunedModels/mine:generateContent": (
        paths.GEMINI,
        "mine",
        False,
    ),
}

UNKNOWN = [
    "https://discord.com/api/v10/channels/1/messages",
    "https://discord.com/api/v10/channels/1/threads",
    "https://api.github.com/repos/o/r/interactions",
    "https://example.org/threads/1/runs",
    "https://example.org/predictions",
    "https://example.org/files",
    "https://api.openai.com/v1/models",
    "https://api.openai.com/v1/traces/ingest",
    "https://generativelanguage.googleapis.com/v1beta/models",
    "https://api.replicate.com/v1/models/meta/llama",
    "https://example.org",
    "http://[",
]


@pytest.mark.parametrize("url", KNOWN)
def test_an_api_is_known_by_its_path(url):
    place = paths.place(url)

    assert (place.api, place.model, place.streams) == KNOWN[url]
    assert read.api(Request("POST", url)).name == place.api


@pytest.mark.parametrize("url", UNKNOWN)
def test_other_paths_are_not_guessed_at(url):
    request = Request("POST", url, (), json.dumps(QUESTIONS[ANTHROPIC]).encode())

    assert read.api(request) is None
    assert read.prompt(request) is None
    assert read.completion(Exchange(request, Response(200, (), (b"{}",)))) is None


def test_a_fault_is_no_answer():
    assert read.completion(Exchange(asked(CHAT), Fault("ReadError"))) is None


# -- questions ---------------------------------------------------------------------------


def test_a_question_to_anthropic():
    assert read.prompt(asked(ANTHROPIC)) == Prompt(
        paths.ANTHROPIC,
        "claude-sonnet-4-5",
        (
            Message("system", (Text("Be brief."),)),
            Message("user", (Text("How is it in Zürich?"),)),
            Message(
                "assistant",
                (
                    Thinking("I shall look."),
                    Thinking(""),
                    ToolCall("toolu_1", "weather", '{"city":"Zürich"}'),
                    ToolCall("srvtoolu_1", "web_search", "{}"),
                    ToolResult(
                        "srvtoolu_1",
                        (
                            Other(
                                "web_search_tool_result_error",
                                '{"type":"web_search_tool_result_error","error_code":"unavailable"}',
                            ),
                        ),
                        is_error=True,
                    ),
                ),
            ),
            Message(
                "user",
                (
                    ToolResult("toolu_1", (Text("No wind."), PNG), is_error=True),
                    Media("document", url="https://example.org/a.pdf"),
                    Other("search_result", '{"type":"search_result","source":"s","title":"t","content":[]}'),
                ),
            ),
        ),
        (WEATHER, Tool("web_search")),
        stream=True,
    )


def test_a_question_to_chat():
    assert read.prompt(asked(CHAT)) == Prompt(
        paths.CHAT,
        "gpt-4o",
        (
            Message("developer", (Text("Be brief."),)),
            Message(
                "user",
                (
                    Text("What is this?"),
                    PNG,
                    Media("image", url="https://example.org/a.png"),
                    Media("audio", "audio/wav", 8, sha256=DATA),
                    Media("document", url="file-1"),
                ),
            ),
            Message(
                "assistant",
                (Thinking("Hm."), ToolCall("call_1", "weather", SPACED), ToolCall("call_2", "sh", '"ls"')),
            ),
            Message("tool", (ToolResult("call_1", (Text("No wind."),)),)),
            Message("assistant", (ToolCall("", "old", "{}"),)),
            Message("function", (ToolResult("", (Text("Done."),), "old"),)),
        ),
        (WEATHER, Tool("sh", "A shell."), Tool("old", "", base.compact(SCHEMA))),
    )


def test_a_question_to_responses():
    assert read.prompt(asked(RESPONSES)) == Prompt(
        paths.RESPONSES,
        "gpt-5",
        (
            Message("system", (Text("Be brief."),)),
            Message("user", (Text("How is it in Zürich?"),)),
            Message("user", (Text("And this?"), PNG, Media("document", url="file-1"))),
            Message("assistant", (Thinking("Hm."),)),
            Message("assistant", (Thinking(""),)),
            Message("assistant", (ToolCall("call_1", "weather", SPACED),)),
            Message("tool", (ToolResult("call_1", (Text("No wind."),)),)),
            Message("assistant", (ToolCall("call_2", "sh", '"ls"'),)),
            Message("tool", (ToolResult("call_3", (Media("image", url="https://example.org/a.png"),)),)),
            Message(
                "assistant",
                (ToolCall("mcp_1", "find", "{}"), ToolResult("mcp_1", (Text("Found."),), "find")),
            ),
            Message("", (Other("item_reference", '{"type":"item_reference","id":"msg_1"}'),)),
        ),
        (WEATHER, Tool("web_search_preview")),
    )


def test_a_question_to_gemini():
    schema = base.compact(SCHEMA)
    prompt = read.prompt(asked(GEMINI))

    assert prompt == Prompt(
        paths.GEMINI,
        "gemini-2.5-flash",
        (
            Message("system", (Text("Be brief."),)),
            Message(
                "user",
                (
                    Text("How is it in Zürich?"),
                    PNG,
                    Media("document", "application/pdf", url="gs://b/a.pdf"),
                ),
            ),
            Message("model", (Thinking("Hm."), ToolCall("fc", "weather", '{"city":"Zürich"}'))),
            Message(
                "user",
                (
                    ToolResult("fc", (Text('{"output":"No wind."}'),), "weather"),
                    ToolResult("", (Text('{"error":"Gone."}'),), "find", is_error=True),
                    Other("executableCode", '{"executableCode":{"language":"PYTHON","code":"1"}}'),
                ),
            ),
        ),
        (WEATHER, Tool("find", "", schema), Tool("googleSearch")),
    )
    assert read.prompt(asked(STREAM_GEMINI)) == evolve(prompt, stream=True)


def test_a_question_to_the_older_completions():
    assert read.prompt(asked(COMPLETIONS)).messages == (
        Message("prompt", (Text("Once upon"),)),
        Message("prompt", (Other("tokens", "[1,2,3]"),)),
    )


def test_a_list_may_be_one_text():
    assert read.prompt(asked(ANTHROPIC, system="A", messages=[])).messages == (
        Message("system", (Text("A"),)),
    )
    assert read.prompt(asked(RESPONSES, input="A", instructions=None)).messages == (
        Message("user", (Text("A"),)),
    )
    assert read.prompt(asked(COMPLETIONS, prompt="A")).messages == (Message("prompt", (Text("A"),)),)


def test_a_question_may_be_packed():
    plain = asked(RESPONSES)
    packed = Request("POST", RESPONSES, (("Content-Encoding", "gzip"),), gzip.compress(plain.body))

    assert read.prompt(packed) == read.prompt(plain)


@pytest.mark.parametrize("url", URLS)
def test_a_prompt_is_what_its_elements_are(url):
    api, body = read.api(asked(url)), QUESTIONS[url]
    found = []
    for key in api.lists:
        value = body.get(key)
        for entry in value if isinstance(value, list) else [] if value is None else [value]:
            found += api.elements(key, entry)

    prompt = read.prompt(asked(url))
    assert tuple(found) in {(*prompt.tools, *prompt.messages), (*prompt.messages, *prompt.tools)}
    assert api.elements("model", "m") == ()


def test_an_element_of_gemini_may_be_several_tools():
    api = read.api(asked(GEMINI))
    [two, one] = QUESTIONS[GEMINI]["tools"]

    assert [tool.name for tool in api.elements("tools", two)] == ["weather", "find"]
    assert api.element("tools", two) is None
    assert api.element("tools", one) == Tool("googleSearch")


# -- answers -----------------------------------------------------------------------------


def test_anthropic_counts_the_whole_prompt():
    completion = answered(ANTHROPIC, ANSWERS[ANTHROPIC])

    assert completion.usage == Usage(3210, 40, 3000, 200, 5)
    assert completion.text == "I shall look."
    assert completion.calls == (ToolCall("toolu_1", "weather", '{"city":"Zürich"}'),)
    assert (completion.stop_reason, completion.id) == ("tool_use", "msg_1")


def test_choices_of_chat_are_in_the_order_of_their_index():
    completion = answered(CHAT, ANSWERS[CHAT])

    assert [choice.message.text for choice in completion.choices] == ["", "Two."]
    assert completion.choices[0].message.parts == (Other("refusal", '{"type":"refusal","refusal":"No."}'),)
    assert completion.usage == Usage(100, 20, 64, 3, 12)


def test_a_response_is_one_choice_of_all_its_items():
    completion = answered(RESPONSES, ANSWERS[RESPONSES])
    [choice] = completion.choices

    assert choice.stop_reason == "max_output_tokens"
    assert choice.message.text == "It is calm."
    assert choice.message.parts[:3] == (
        Thinking(""),
        Other("web_search_call", '{"type":"web_search_call","id":"ws_1","status":"completed"}'),
        PNG,
    )
    assert completion.usage == Usage(100, 20, 64, 3, 12)


def test_gemini_counts_thoughts_and_what_tools_put_into_the_prompt():
    completion = answered(GEMINI, ANSWERS[GEMINI])

    assert completion.usage == Usage(107, 20, 64, None, 12)
    assert completion.choices[0].message == Message("model", (Thinking("Hm."), Text("Calm.")))
    assert (completion.model, completion.id, completion.stop_reason) == ("gemini-2.5-flash", "r1", "STOP")


def test_gemini_leaves_out_a_count_of_none():
    counts = {"promptTokenCount": 9, "totalTokenCount": 9}

    assert answered(GEMINI, {"usageMetadata": counts}).usage == Usage(9, 0)
    assert answered(GEMINI, {"usageMetadata": {"promptTokenCount": 9}}).usage == Usage(9, None)


def test_a_prompt_that_gemini_blocks_has_no_choice():
    blocked = {"promptFeedback": {"blockReason": "SAFETY"}, "modelVersion": "m"}

    for body in (blocked, [blocked]):
        completion = answered(GEMINI, body)
        assert completion.failure == Failure("SAFETY", "")
        assert completion.choices == ()
        assert completion.complete


ERRORS = [
    (
        ANTHROPIC,
        {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}},
        "overloaded_error",
    ),
    (CHAT, {"error": {"message": "Busy.", "type": "server_error", "code": None}}, "server_error"),
    (CHAT, {"error": {"message": "Busy.", "type": None, "code": "busy"}}, "busy"),
    (CHAT, {"error": {"message": "Busy.", "code": 503}}, "503"),
    (CHAT, {"error": "Busy."}, ""),
    (RESPONSES, {"status": "failed", "output": [], "error": {"code": "busy", "message": "Busy."}}, "busy"),
    (GEMINI, {"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}, "UNAVAILABLE"),
    (GEMINI, [{"error": {"code": 503, "message": "Busy.", "status": "UNAVAILABLE"}}], "UNAVAILABLE"),
]


@pytest.mark.parametrize(("url", "body", "kind"), ERRORS)
def test_an_error_is_told_in_the_vendors_word(url, body, kind):
    completion = answered(url, body, status=503)

    assert completion.failure == Failure(kind, "Busy.")
    assert completion.choices == ()
    assert (completion.text, completion.calls, completion.stop_reason) == ("", (), "")


@pytest.mark.parametrize("url", URLS)
def test_what_is_no_answer_is_none(url):
    for body in (
        b"",
        b"null",
        b"{}",
        b"[]",
        b"<html>",
        b'{"object": "list", "data": []}',
        b'{"a',
        b"data: {}\n\n",
    ):
        assert answered(url, body) is None


def test_an_answer_may_be_packed():
    body = gzip.compress(json.dumps(ANSWERS[CHAT]).encode())

    assert answered(CHAT, body, (("content-encoding", "gzip"),)) == answered(CHAT, ANSWERS[CHAT])


# -- streams -----------------------------------------------------------------------------


def test_a_stream_of_anthropic():
    completion = answered(ANTHROPIC, stream(EVENTS[ANTHROPIC]))

    assert completion.choices[0].message == Message(
        "assistant",
        (Thinking("Hm."), Text("I look."), ToolCall("toolu_1", "weather", '{"city": "Zürich", "n": 1.10}')),
    )
    assert completion.usage == Usage(17, 40, 5)
    assert completion.stop_reason == "tool_use"
    assert completion.complete


def test_a_stream_of_chat_with_two_choices_and_tool_calls_out_of_order():
    completion = answered(CHAT, stream(EVENTS[CHAT], done=True))

    assert (completion.id, completion.model) == ("chatcmpl-1", "gpt-4o-2024-08-06")
    assert completion.choices[0].message.parts == (Other("refusal", '{"type":"refusal","refusal":"No."}'),)
    assert completion.choices[1].message == Message(
        "assistant", (Text("Two."), ToolCall("call_1", "a", "{}"), ToolCall("call_2", "b", '{"x": 1.0}'))
    )
    assert [choice.stop_reason for choice in completion.choices] == ["stop", "tool_calls"]
    assert completion.usage == Usage(100, 20)


def test_groq_counts_in_a_place_of_its_own_and_some_servers_leave_out_the_index():
    events = [
        {"choices": [{"delta": {"tool_calls": [{"id": "a", "function": {"name": "f", "arguments": "{"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"function": {"arguments": "}"}}]}}]},
        {"choices": [{"delta": {"tool_calls": [{"id": "b", "function": {"name": "g", "arguments": "[]"}}]}}]},
        {"choices": [], "x_groq": {"usage": {"prompt_tokens": 7, "completion_tokens": 8}}},
    ]
    completion = answered(CHAT, stream(events))

    assert completion.calls == (ToolCall("a", "f", "{}"), ToolCall("b", "g", "[]"))
    assert completion.usage == Usage(7, 8)
    assert not completion.complete


def test_a_stream_of_responses_that_broke_off_is_put_together_from_its_deltas():
    completion = answered(RESPONSES, stream(EVENTS[RESPONSES]))

    assert completion.choices[0].message == Message(
        "assistant",
        (
            Thinking("Hm."),
            Text("It is calm."),
            Other("refusal", '{"type":"refusal","refusal":"No."}'),
            ToolCall("call_1", "weather", SPACED),
        ),
    )
    assert not completion.complete
    assert completion.id == "resp_1"


def test_the_last_event_of_responses_has_all_of_it():
    whole = ANSWERS[RESPONSES]
    events = [*EVENTS[RESPONSES], {"type": "response.incomplete", "response": whole}]

    assert answered(RESPONSES, stream(events)) == answered(RESPONSES, whole)

    bare = {"type": "response.completed", "response": {"id": "resp_1", "status": "completed", "output": []}}
    completion = answered(RESPONSES, stream([*EVENTS[RESPONSES], bare]))
    assert completion.text == "It is calm."
    assert completion.complete


def test_a_stream_of_gemini_is_the_same_in_both_forms():
    events = answered(STREAM_GEMINI, stream(EVENTS[STREAM_GEMINI]))
    array = answered(GEMINI, EVENTS[GEMINI])

    assert events == array
    assert events.choices[0].message == Message(
        "model", (Thinking("Hm."), Text("Calm."), ToolCall("", "weather", '{"city":"Zürich"}'))
    )
    assert events.usage == Usage(9, 3)
    assert events.complete


def test_an_array_of_gemini_that_broke_off_is_read_as_far_as_it_came():
    body = json.dumps(EVENTS[GEMINI], indent=1).encode()
    completion = answered(GEMINI, body[: body.index(b'"lm."')])

    assert completion.choices[0].message.parts == (Thinking("Hm."), Text("Ca"))
    assert completion.usage == Usage(9, None)
    assert not completion.complete


FAILING = [
    (ANTHROPIC, {"type": "error", "error": {"type": "overloaded_error", "message": "Busy."}}),
    (CHAT, {"error": {"type": "overloaded_error", "message": "Busy."}}),
    (RESPONSES, {"type": "error", "code": "overloaded_error", "message": "Busy.", "param": None}),
    (STREAM_GEMINI, {"error": {"code": 503, "status": "overloaded_error", "message": "Busy."}}),
]


@pytest.mark.parametrize(("url", "error"), FAILING)
def test_a_stream_that_fails_midway_has_what_came_and_the_failure(url, error):
    half = EVENTS[url][: len(EVENTS[url]) // 2]
    completion = answered(url, stream([*half, error], done=True))

    assert completion.failure == Failure("overloaded_error", "Busy.")
    assert not completion.complete
    assert list(texts(completion.choices[0].message.parts)) or completion.choices[1].message.text

    alone = answered(url, stream([error]))
    assert alone.failure == Failure("overloaded_error", "Busy.")
    assert alone.text == ""


def test_the_whole_of_a_stream_of_the_older_completions():
    assert answered(COMPLETIONS, stream(EVENTS[COMPLETIONS], done=True)).text == " a time"
    assert answered(COMPLETIONS, ANSWERS[COMPLETIONS]).choices[0].message == Message(
        "completion", (Text(" a time"),)
    )


# -- Bedrock -----------------------------------------------------------------------------

BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/anthropic.claude-3-haiku-v1%3A0/"


def framed(payload, headers=b""):
    """One message of Amazon's event streams; checksums are botocore's business."""
    from binascii import crc32

    size = 16 + len(headers) + len(payload)
    head = size.to_bytes(4, "big") + len(headers).to_bytes(4, "big")
    head += crc32(head).to_bytes(4, "big")
    said = head + headers + payload
    return said + crc32(said).to_bytes(4, "big")


def named(**values):
    return b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + len(value).to_bytes(2, "big") + value.encode()
        for name, value in ((":" + name.replace("_", "-"), value) for name, value in values.items())
    )


CHUNK = named(event_type="chunk", content_type="application/json", message_type="event")


def bedrock():
    for event in EVENTS[ANTHROPIC]:
        packed = base64.b64encode(json.dumps(event).encode()).decode()
        yield framed(json.dumps({"bytes": packed, "p": "abc"}).encode(), CHUNK)


AWS = (("Content-Type", "application/vnd.amazon.eventstream"),)


def test_a_stream_of_bedrock_is_read_as_anthropics():
    url, body = BEDROCK + "invoke-with-response-stream", b"".join(bedrock())
    question = {"anthropic_version": "bedrock-2023-05-31", "messages": [{"role": "user", "content": "Hi"}]}
    prompt = read.prompt(Request("POST", url, (), json.dumps(question).encode()))

    assert answered(url, body, AWS) == answered(ANTHROPIC, stream(EVENTS[ANTHROPIC]))
    assert (prompt.model, prompt.stream) == ("anthropic.claude-3-haiku-v1:0", True)

    exception = named(exception_type="throttlingException", message_type="exception")
    half = answered(url, body[: len(body) // 2] + b"", AWS)
    failed = answered(url, b"".join(bedrock()) + framed(b'{"message": "Too fast."}', exception), AWS)
    assert not half.complete
    assert failed.failure == Failure("", "Too fast.")


@pytest.mark.sdk
def test_a_stream_of_bedrock_is_read_as_its_sdk_reads_it():
    decoder = pytest.importorskip("anthropic.lib.bedrock._stream_decoder")
    pytest.importorskip("botocore")

    said = decoder.AWSEventStreamDecoder().iter_bytes(iter([b"".join(bedrock())]))

    assert [json.loads(event.data) for event in said] == EVENTS[ANTHROPIC]


def test_readers_need_neither_an_sdk_nor_a_client():
    assert tracefork.providers.read is read
    assert isinstance(answered(CHAT, ANSWERS[CHAT]), Completion)
    assert payloads.URLS
