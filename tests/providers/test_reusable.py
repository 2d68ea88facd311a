"""Which recorded answers may be served again: the question carries all, and the answer came whole."""

import base64
import json
import struct

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st

from tracefork import Exchange, Fault, Request, Response, Tape
from tracefork.core.http import CANCELLED, Omitted
from tracefork.providers import anthropic, gemini, openai
from tracefork.providers.questions import asks_model, is_reusable_request
from tracefork.providers.reusable import choose_reuse, find_retried, is_whole
from tracefork.testing import strategies

SAID = [{"role": "user", "content": "hello"}]
CONTENTS = [{"role": "user", "parts": [{"text": "hello"}]}]
MESSAGES = "https://api.anthropic.com/v1/messages"
CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"
GEMINI = "https://generativelanguage.googleapis.com/v1beta/models/gemini-2.5-flash"
BEDROCK = "https://bedrock-runtime.us-east-1.amazonaws.com/model/amazon.nova-lite-v1%3A0"
VERTEX = "https://us-central1-aiplatform.googleapis.com/v1/projects/p/locations/l/publishers"

ASKED = {
    MESSAGES: {"model": "m", "messages": SAID},
    f"{MESSAGES}/count_tokens": {"model": "m", "messages": SAID},
    CHAT: {"model": "m", "messages": SAID},
    "https://r.openai.azure.com/openai/deployments/d/chat/completions?api-version=1": {"messages": SAID},
    "https://api.openai.com/v1/completions": {"model": "m", "prompt": "hello"},
    RESPONSES: {"model": "m", "input": "hello"},
    "https://api.openai.com/v1/embeddings": {"model": "m", "input": ["hello"]},
    "https://api.openai.com/v1/moderations": {"input": "hello"},
    f"{GEMINI}:generateContent": {"contents": CONTENTS},
    f"{GEMINI}:streamGenerateContent?alt=sse": {"contents": CONTENTS},
    f"{GEMINI}:embedContent": {"content": CONTENTS[0]},
    f"{GEMINI}:batchEmbedContents": {"requests": [{"content": CONTENTS[0]}]},
    f"{VERTEX}/google/models/gemini-2.5-pro:generateContent": {"contents": CONTENTS},
    f"{VERTEX}/anthropic/models/claude@1:streamRawPredict": {"messages": SAID},
    f"{BEDROCK}/converse": {"messages": SAID},
    f"{BEDROCK}/converse-stream": {"messages": SAID},
    f"{BEDROCK}/invoke": {"inputText": "hello"},
    f"{BEDROCK}/invoke-with-response-stream": {"inputText": "hello"},
    "https://api.cohere.com/v1/chat": {"model": "m", "message": "hello"},
    "https://api.cohere.com/v2/chat": {"model": "m", "messages": SAID},
    "https://api.cohere.com/v2/embed": {"model": "m", "texts": ["hello"]},
    "https://api.cohere.com/v2/rerank": {"model": "m", "query": "hello", "documents": ["a"]},
    "https://api.mistral.ai/v1/chat/completions": {"model": "m", "messages": SAID},
    "http://127.0.0.1:11434/api/chat": {"model": "m", "messages": SAID},
    "http://127.0.0.1:11434/api/generate": {"model": "m", "prompt": "hello", "context": [1, 2]},
    "http://127.0.0.1:11434/api/embed": {"model": "m", "input": "hello"},
    "https://router.huggingface.co/hf-inference/models/org/name": {"inputs": "hello"},
    "http://127.0.0.1:8080/generate_stream": {"inputs": "hello"},
}


def ask(url, body, method="POST", headers=()):
    return Request(method, url, headers, json.dumps(body).encode())


# -- questions ---------------------------------------------------------------------------


@pytest.mark.parametrize("url", ASKED)
def test_a_question_to_a_model_is_reusable_and_no_other_method_is(url):
    asked = ask(url, ASKED[url])

    assert is_reusable_request(asked)
    assert asks_model(asked)
    for method in ("GET", "DELETE", "PUT", "PATCH", "HEAD"):
        assert not is_reusable_request(evolve(asked, method=method))


@pytest.mark.parametrize(
    ("url", "body"),
    [
        (f"{MESSAGES}/batches", {"requests": []}),
        ("https://api.openai.com/v1/threads/t/messages", {"role": "user", "content": "hello"}),
        ("https://api.openai.com/v1/threads/t/runs", {"assistant_id": "a"}),
        ("https://api.openai.com/v1/threads", {"messages": SAID}),
        ("https://api.openai.com/v1/files", {"model": "m", "input": "x"}),
        ("https://api.openai.com/v1/batches", {"input_file_id": "f"}),
        ("https://api.openai.com/v1/responses/r/cancel", {"model": "m", "input": "x"}),
        ("https://api.openai.com/v1/images/generations", {"model": "m", "prompt": "x"}),
        ("https://api.mistral.ai/v1/agents/completions", {"agent_id": "a", "messages": SAID}),
        ("https://api.mistral.ai/v1/conversations", {"inputs": "hello"}),
        (f"{GEMINI}:batchGenerateContent", {"contents": CONTENTS}),
        ("https://g/v1beta/cachedContents", {"contents": CONTENTS}),
        ("https://a/model/arn%3Aaws%3Abedrock%3Aus%3A1%3Aprompt%2FP%3A1/converse", {"messages": SAID}),
        ("https://app.example/api/chat", {"messages": SAID, "id": "c"}),
        ("https://app.example/v1/chat", {"message": "hello", "session": "s"}),
        ("https://app.example/surveys/1/responses", {"answers": [1]}),
        ("https://app.example/search", {"query": "hello"}),
        ("https://app.example/", {"inputs": "hello"}),
    ],
)
def test_what_is_kept_on_a_server_or_is_anybodys_is_not(url, body):
    assert not is_reusable_request(ask(url, body))


@pytest.mark.parametrize(
    ("url", "more"),
    [
        (RESPONSES, {"previous_response_id": "resp_1"}),
        (RESPONSES, {"conversation": {"id": "conv_1"}}),
        (RESPONSES, {"background": True}),
        (RESPONSES, {"prompt": {"id": "pmpt_1"}}),
        (RESPONSES, {"input": [{"type": "item_reference", "id": "msg_1"}]}),
        (RESPONSES, {"input": [{"type": "code_interpreter_call", "container_id": "c"}]}),
        (RESPONSES, {"tools": [{"type": "web_search"}]}),
        (RESPONSES, {"tools": [{"type": "file_search", "vector_store_ids": ["v"]}]}),
        (RESPONSES, {"tools": [{"type": "mcp", "server_url": "https://m"}]}),
        (RESPONSES, {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
        (CHAT, {"web_search_options": {"search_context_size": "low"}}),
        (CHAT, {"model": "gpt-4o-search-preview"}),
        (CHAT, {"model": "perplexity/sonar-pro"}),
        (CHAT, {"data_sources": [{"type": "azure_search"}]}),
        (CHAT, {"messages": [{"role": "user", "content": [{"image_url": {"url": "https://x/a.png"}}]}]}),
        (MESSAGES, {"container": "container_1"}),
        (MESSAGES, {"mcp_servers": [{"url": "https://m"}]}),
        (MESSAGES, {"tools": [{"type": "web_search_20250305", "name": "web_search"}]}),
        (MESSAGES, {"tools": [{"type": "web_fetch_20250910", "name": "web_fetch"}]}),
        (
            MESSAGES,
            {
                "messages": [
                    {"content": [{"type": "document", "source": {"type": "url", "url": "https://x/a"}}]}
                ]
            },
        ),
        (f"{GEMINI}:generateContent", {"cachedContent": "cachedContents/1"}),
        (f"{GEMINI}:generateContent", {"tools": [{"googleSearch": {}}]}),
        (
            f"{GEMINI}:generateContent",
            {"contents": [{"parts": [{"fileData": {"fileUri": "gs://bucket/a.png"}}]}]},
        ),
        (f"{BEDROCK}/converse", {"toolConfig": {"tools": [{"systemTool": {"name": "nova_grounding"}}]}}),
        (
            f"{BEDROCK}/converse",
            {"messages": [{"content": [{"image": {"source": {"s3Location": {"uri": "s3://b/a.png"}}}}]}]},
        ),
        ("https://api.cohere.com/v1/chat", {"conversation_id": "c"}),
        ("https://api.cohere.com/v1/chat", {"connectors": [{"id": "web-search"}]}),
    ],
)
def test_a_question_that_names_what_it_does_not_carry_is_not(url, more):
    assert not is_reusable_request(ask(url, ASKED[url] | more))


@pytest.mark.parametrize(
    ("url", "more"),
    [
        (RESPONSES, {"previous_response_id": None, "conversation": None, "background": False, "store": True}),
        (RESPONSES, {"input": [{"content": [{"type": "input_file", "file_id": "file-1"}]}]}),
        (RESPONSES, {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}),
        (RESPONSES, {"tools": [{"type": "function", "name": "f", "parameters": {"conversation": {}}}]}),
        (RESPONSES, {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]}),
        (RESPONSES, {"input": [{"type": "function_call", "name": "f", "arguments": '{"url": "https://x"}'}]}),
        (CHAT, {"messages": [{"content": [{"image_url": {"url": "data:image/png;base64,eA=="}}]}]}),
        (CHAT, {"messages": [{"content": "look at https://example.org"}]}),
        (CHAT, {"tools": [{"type": "function", "function": {"name": "web_search"}}], "metadata": {"a": "b"}}),
        (MESSAGES, {"tools": [{"name": "web_search", "input_schema": {}}]}),
        (MESSAGES, {"tools": [{"type": "bash_20250124", "name": "bash"}, {"type": "custom", "name": "f"}]}),
        (
            MESSAGES,
            {"messages": [{"content": [{"type": "tool_use", "input": {"url": "https://x/a"}}]}]},
        ),
        (
            f"{GEMINI}:generateContent",
            {"contents": [{"parts": [{"fileData": {"fileUri": "https://g.example/v1beta/files/abc"}}]}]},
        ),
        (f"{GEMINI}:generateContent", {"tools": [{"functionDeclarations": [{"name": "f"}]}]}),
        (f"{BEDROCK}/converse", {"toolConfig": {"tools": [{"toolSpec": {"name": "f"}}]}}),
    ],
)
def test_one_that_carries_it_is(url, more):
    assert is_reusable_request(ask(url, ASKED[url] | more))


def test_a_question_of_which_only_the_hash_was_kept_is_not():
    asked = evolve(ask(CHAT, {}), body=b"", omitted=Omitted(9, "0" * 64))

    assert not is_reusable_request(asked)


@pytest.mark.parametrize(
    "asked",
    [
        Request("POST", "http://[", (), b"{}"),
        Request("POST", "", (), b""),
        Request("POST", CHAT, (), b"\xff\xfe"),
        Request("POST", CHAT, (), b"[" * 100_000),
        Request("POST", CHAT, (("content-encoding", "gzip"),), b'{"messages": []}'),
        Request("POST", CHAT, (), b'{"messages": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"),
    ],
)
def test_what_makes_no_sense_is_not_and_breaks_nothing(asked):
    assert not is_reusable_request(asked)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=4))
def test_a_question_of_any_shape_is_told(value):
    body = {"model": value, "messages": [value], "tools": value, "input": value, "toolConfig": value}

    assert is_reusable_request(ask(CHAT, body)) in (True, False)


# -- answers -----------------------------------------------------------------------------

BUILT = {
    MESSAGES: anthropic.text("Hello there."),
    CHAT: openai.text("Hello there."),
    RESPONSES: openai.text("Hello there."),
    f"{GEMINI}:streamGenerateContent?alt=sse": gemini.text("Hello there."),
}
STREAMS = [pytest.param(url, True, id=url) for url in BUILT] + [
    pytest.param(url, False, id=f"whole {url}") for url in (MESSAGES, CHAT, RESPONSES)
]


def exchange(url, stream):
    asked = ask(url, ASKED[url] | {"stream": stream})
    return Exchange(asked, BUILT[url](asked))


def answer(given, **changes):
    return evolve(given, answer=evolve(given.answer, **changes))


@pytest.mark.parametrize(("url", "stream"), STREAMS)
@pytest.mark.parametrize("end", ["eof", "closed"])
def test_an_answer_that_was_read_or_closed_after_its_last_event_is_whole(url, stream, end):
    assert is_whole(answer(exchange(url, stream), end=end))


@pytest.mark.parametrize(("url", "stream"), STREAMS)
@pytest.mark.parametrize(
    "changes",
    [
        {"end": "cancelled"},
        {"end": Fault("ReadError")},
        {"omitted": Omitted(9, "0" * 64), "chunks": ()},
        *({"status": status} for status in (400, 401, 404, 429, 500, 503, 529)),
    ],
    ids=repr,
)
def test_one_that_was_given_up_cut_refused_or_not_kept_is_not(url, stream, changes):
    assert not is_whole(answer(exchange(url, stream), **changes))


@pytest.mark.parametrize(("url", "stream"), STREAMS)
def test_one_that_was_closed_early_is_not_wherever_that_was(url, stream):
    given = exchange(url, stream)
    chunks = given.answer.chunks
    for upto in range(len(chunks)):
        assert not is_whole(answer(given, chunks=chunks[:upto], end="closed"))
    half = given.answer.body[: given.answer.size // 2]

    assert not is_whole(answer(given, chunks=(half,), end="closed"))


def test_a_chat_stream_that_was_closed_before_its_usage_is_half_read():
    given = exchange(CHAT, stream=True)
    *rest, done = given.answer.chunks

    assert done == b"data: [DONE]\n\n"
    assert b'"finish_reason":"stop"' in rest[-1]
    assert not is_whole(answer(given, chunks=tuple(rest), end="closed"))


def test_a_stream_that_ends_in_an_error_is_not_whole_though_it_was_read():
    error = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"m"}}\n\n'
    given = exchange(MESSAGES, stream=True)

    assert not is_whole(answer(given, chunks=(*given.answer.chunks[:3], error)))
    assert not is_whole(answer(given, chunks=given.answer.chunks[:3])), "the server broke off"


def test_a_response_that_is_still_being_made_is_not_whole():
    given = exchange(RESPONSES, stream=False)
    for status in ("queued", "in_progress", "failed", "cancelled"):
        body = json.dumps(json.loads(given.answer.body) | {"status": status}).encode()
        assert not is_whole(answer(given, chunks=(body,)))


def test_what_google_refuses_is_an_answer():
    asked = ask(f"{GEMINI}:generateContent", {"contents": CONTENTS})
    refused = Response(200, (), (b'{"promptFeedback": {"blockReason": "SAFETY"}}',))

    assert is_whole(Exchange(asked, refused))


@pytest.mark.parametrize(
    ("kind", "chunks", "whole"),
    [
        ("application/x-ndjson", [b'{"response":"a","done":false}\n', b'{"done":true}\n'], True),
        ("application/x-ndjson", [b'{"response":"a","done":false}\n'], False),
        ("application/stream+json", [b'{"event_type":"text"}\n', b'{"event_type":"stream-end"}\n'], True),
        ("application/stream+json", [b'{"event_type":"text"}\n'], False),
        (
            "text/event-stream",
            [b'data: {"type":"content-delta"}\n\n', b'data: {"type":"message-end"}\n\n'],
            True,
        ),
        ("application/json", [b'{"embedding":', b"[1, 2]}"], True),
        ("application/json", [b'{"embedding":'], False),
        ("text/html", [b"<p>", b"</p>"], False),
    ],
)
def test_an_answer_that_cannot_be_read_here_is_whole_when_closed_only_after_its_end(kind, chunks, whole):
    got = Response(200, (("content-type", kind),), tuple(chunks), "closed")
    asked = ask("https://else.example/api", {})

    assert is_whole(Exchange(asked, got)) is whole
    assert is_whole(Exchange(asked, evolve(got, end="eof")))


def test_one_that_has_as_many_bytes_as_it_says_is_whole_when_closed():
    page = Response(200, (("content-type", "text/html"), ("content-length", "7")), (b"<p></p>",), "closed")
    asked = Request("GET", "https://page.example")

    assert is_whole(Exchange(asked, page))
    assert not is_whole(Exchange(asked, page.with_body(b"<p>")))


def frame(tree):
    body = json.dumps(tree).encode()
    return struct.pack(">III", 16 + len(body), 0, 0) + body + bytes(4)


def chunk(tree):
    return frame({"bytes": base64.b64encode(json.dumps(tree).encode()).decode()})


@pytest.mark.parametrize(
    "frames",
    [
        [
            frame({"stopReason": "end_turn"}),
            frame({"metrics": {"latencyMs": 1}, "usage": {"inputTokens": 1}}),
        ],
        [chunk({"messageStop": {}}), chunk({"metadata": {}, "amazon-bedrock-invocationMetrics": {}})],
    ],
)
def test_a_stream_of_amazons_ends_with_what_it_took(frames):
    kind = (("content-type", "application/vnd.amazon.eventstream"),)
    asked = ask(f"{BEDROCK}/converse-stream", {"messages": SAID})

    assert is_whole(Exchange(asked, Response(200, kind, tuple(frames), "closed")))
    assert not is_whole(Exchange(asked, Response(200, kind, tuple(frames[:1]), "closed")))
    assert not is_whole(Exchange(asked, Response(200, kind, (*frames, frame({"message": "too many"})))))


@given(strategies.tapes())
def test_no_fault_and_no_cut_answer_is_whole(tape):
    for each in tape:
        assert not is_whole(each) or each.response.end in ("eof", "closed")


# -- what is served ------------------------------------------------------------------------

PAGE = Exchange(Request("GET", "https://page.example"), Response(200, (), (b"<p>",)))


def test_models_serves_models_all_serves_pages_too_and_none_nothing():
    model = exchange(MESSAGES, stream=True)

    assert [choose_reuse("models")(one) for one in (model, PAGE)] == [True, False]
    assert [choose_reuse("all")(one) for one in (model, PAGE)] == [True, True]
    assert [choose_reuse("none")(one) for one in (model, PAGE)] == [False, False]


def test_a_function_chooses_by_the_question_among_what_is_whole():
    choose = choose_reuse(lambda request: request.method == "GET")

    assert choose(PAGE)
    assert not choose(exchange(MESSAGES, stream=True))
    assert not choose(evolve(PAGE, answer=Fault("ConnectError")))


@pytest.mark.parametrize("word", ["models", "all"])
def test_what_is_not_whole_is_never_served(word):
    assert not choose_reuse(word)(answer(exchange(MESSAGES, stream=True), end="cancelled"))


@pytest.mark.parametrize("wrong", ["model", "", None, 1, True, ["models"]])
def test_another_word_is_refused_with_those_that_are_known(wrong):
    with pytest.raises(ValueError, match='"models", "all", "none" or a function'):
        choose_reuse(wrong)


def test_a_function_that_says_neither_yes_nor_no_is_told():
    with pytest.raises(TypeError, match="True or False, not 'yes'"):
        choose_reuse(lambda _: "yes")(PAGE)


# -- outages -------------------------------------------------------------------------------


def run(*answers):
    asked = ask(CHAT, ASKED[CHAT])
    return Tape(tuple(Exchange(evolve(asked, url=f"{CHAT}?{name}"), got) for name, got in answers))


FINE, BUSY, DOWN = Response(200), Response(429), Response(503)
GONE, CUT = Fault("ConnectError"), Response(200, (), (b"x",), Fault("ReadError"))


@pytest.mark.parametrize("outage", [BUSY, DOWN, GONE, CUT, Response(529)], ids=repr)
def test_an_outage_that_nothing_answered_is_retried_and_one_that_was_is_not(outage):
    assert find_retried(run(("a", outage))) == {0}
    assert find_retried(run(("a", outage), ("a", FINE))) == frozenset()
    assert find_retried(run(("a", FINE), ("a", outage))) == {1}
    assert find_retried(run(("a", outage), ("b", FINE))) == {0}


def test_each_attempt_of_a_question_that_was_never_answered_is_one():
    assert find_retried(run(("a", BUSY), ("b", FINE), ("a", DOWN), ("b", GONE), ("b", FINE))) == {0, 2}


@pytest.mark.parametrize("other", [FINE, Response(404), Response(304), CANCELLED], ids=repr)
def test_what_is_no_outage_is_none(other):
    assert find_retried(run(("a", other))) == frozenset()


def test_what_the_agent_gave_up_answers_no_outage():
    assert find_retried(run(("a", DOWN), ("a", CANCELLED))) == {0}


@given(strategies.tapes())
@example(Tape())
def test_the_last_attempt_of_each_question_decides(tape):
    found = find_retried(tape)

    for index in found:
        same = [n for n in range(index, len(tape)) if tape[n].request == tape[index].request]
        assert {n for n in same if tape[n].answer != CANCELLED} <= found
