"""Gemini's builders, read by the real SDK and by our own reader."""

import asyncio
import json

import httpx2
import pytest
from attrs import evolve
from providers.payloads import CALL, EVENTS, GEMINI, STREAM_GEMINI

from tracefork import Exchange, Fault, Request, Response
from tracefork.providers import anthropic, base, gemini, openai, paths, read, route, sse
from tracefork.providers.messages import Failure, Message, Text, Thinking, ToolCall, Usage

SAID = "I can book the 9:40 to Zürich 🚆, if you like."
ARRAY = STREAM_GEMINI.partition("?")[0]
FORMS = [GEMINI, STREAM_GEMINI, ARRAY]


def asked(url):
    return Request("POST", url, (), b'{"contents": [{"role": "user", "parts": [{"text": "Hi"}]}]}')


def answer(build, url, request=None):
    request = request or asked(url)
    return read.completion(Exchange(request, build(request)))


@pytest.mark.parametrize("url", FORMS)
def test_a_text_is_read_back(url):
    completion = answer(gemini.text(SAID, input_tokens=7, output_tokens=9), url)

    assert completion.choices[0].message == Message("model", (Text(SAID),))
    assert completion.usage == Usage(7, 9)
    assert (completion.model, completion.stop_reason) == ("gemini-2.5-flash", "STOP")
    assert completion.complete
    assert completion.id


@pytest.mark.parametrize("url", FORMS)
def test_a_call_is_read_back(url):
    named = answer(gemini.tool_use("weather", CALL, text="Look:", id="c1"), url)
    hashed = answer(gemini.tool_use("weather", CALL), url)
    bare = answer(gemini.tool_use("weather", CALL, id=""), url)

    call = ToolCall("c1", "weather", '{"city":"Zürich"}')
    assert named.choices[0].message == Message("model", (Text("Look:"), call))
    assert hashed.calls[0].id == answer(gemini.tool_use("weather", CALL), url).calls[0].id != ""
    assert bare.calls == (evolve(call, id=""),)


@pytest.mark.parametrize("url", FORMS)
def test_an_error_is_read_back(url):
    request = asked(url)
    response = gemini.error("RESOURCE_EXHAUSTED", "Slowly.", retry_after=2.5)(request)

    assert response.status == 429
    assert ("retry-after", "2.5") in response.headers
    assert b'"retryDelay":"2.5s"' in response.body
    assert (response.body[:1] == b"[") is (url is ARRAY)
    assert read.completion(Exchange(request, response)).failure == Failure("RESOURCE_EXHAUSTED", "Slowly.")


def test_a_stream_has_one_chunk_for_each_event():
    response = gemini.text(SAID)(asked(STREAM_GEMINI))

    assert all(len(list(sse.events(chunk))) == 1 for chunk in response.chunks)
    assert len(response.chunks) > 2
    assert isinstance(json.loads(gemini.text(SAID)(asked(ARRAY)).body), list)


def test_another_path_is_refused():
    with pytest.raises(ValueError, match="generateContent"):
        gemini.text("x")(
            Request("POST", "https://generativelanguage.googleapis.com/v1beta/models/m:countTokens")
        )


def test_a_route_answers_in_the_form_of_each_api():
    for url in (*FORMS, "https://x/v1/messages", "https://x/chat/completions", "https://x/responses"):
        assert answer(route.Text("Hello."), url).text == "Hello."
    for url in ("https://x/completions", "https://x/model/anthropic.m/invoke", "https://x/y"):
        with pytest.raises(ValueError, match="no API that answers are built for"):
            route.Text("x")(Request("POST", url))


def test_the_model_of_a_path_is_named():
    url = "https://x/publishers/anthropic/models/claude-sonnet-4-5@20250929:rawPredict"

    assert answer(anthropic.text("x"), url).model == "claude-sonnet-4-5@20250929"
    assert base.model_of(Request("POST", "https://x/v1/messages")) == "unknown"


# -- with_text ---------------------------------------------------------------------------


def streamed(events):
    body = tuple(sse.encode("", json.dumps(event)) for event in events)
    return Response(200, (("content-type", "text/event-stream"),), body)


BUILT = [
    (gemini, GEMINI, gemini.tool_use),
    (gemini, STREAM_GEMINI, gemini.tool_use),
    (gemini, ARRAY, gemini.tool_use),
    (anthropic, "https://x/v1/messages", anthropic.tool_use),
    (openai, "https://x/chat/completions", openai.tool_call),
    (openai, "https://x/responses", openai.tool_call),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("before", ["", "Before, and long enough for several deltas."])
@pytest.mark.parametrize(("vendor", "url", "call"), BUILT)
def test_with_text_changes_the_text_and_nothing_else(vendor, url, call, before, stream):
    body = json.dumps({"model": "m", "stream": stream, "stream_options": {"include_usage": True}}).encode()
    request = Request("POST", url, (), body)
    recorded = Exchange(request, call("weather", CALL, text=before)(request))
    old = read.completion(recorded)

    new = read.completion(Exchange(request, vendor.with_text(SAID)(recorded)))

    assert new.text == SAID
    assert new.choices[0].message.parts == (Text(SAID), *old.calls)
    assert (new.usage, new.id, new.model, new.stop_reason) == (old.usage, old.id, old.model, old.stop_reason)
    assert new.complete


@pytest.mark.parametrize("url", FORMS)
def test_with_text_keeps_thoughts_first_and_drops_what_spoke_of_the_old_text(url):
    last = EVENTS[STREAM_GEMINI][-1]
    [candidate] = last["candidates"]
    cited = {**last, "candidates": [{**candidate, "citationMetadata": {}, "groundingMetadata": {}}]}
    events = [*EVENTS[STREAM_GEMINI][:-1], cited]
    if url is STREAM_GEMINI:
        recorded = streamed(events)
    elif url is ARRAY:
        recorded = Response(200, (), (json.dumps(events).encode(),))
    else:
        parts = [part for e in events for c in e["candidates"] for part in c["content"]["parts"]]
        whole = {**cited, "candidates": [{**cited["candidates"][0], "content": {"parts": parts}}]}
        recorded = Response(200, (), (json.dumps(whole).encode(),))

    response = gemini.with_text(SAID)(Exchange(asked(url), recorded))
    completion = read.completion(Exchange(asked(url), response))

    call = ToolCall("", "weather", '{"city":"Zürich"}')
    thoughts = completion.choices[0].message.parts[:-2]
    assert "".join(part.text for part in thoughts) == "Hm."
    assert all(isinstance(part, Thinking) for part in thoughts)
    assert completion.choices[0].message.parts[-2:] == (Text(SAID), call)
    assert completion.usage == Usage(9, 3)
    assert b"Metadata" not in response.body.replace(b"usageMetadata", b"")


def test_with_text_of_two_candidates():
    def candidate(index, *parts, **more):
        return {"index": index, "content": {"role": "model", "parts": [{"text": t} for t in parts]}, **more}

    events = [
        {"candidates": [candidate(0, "a"), candidate(1)]},
        {"candidates": [candidate(1, finishReason="MAX_TOKENS"), candidate(0, "b", finishReason="STOP")]},
    ]
    exchange = Exchange(asked(STREAM_GEMINI), streamed(events))

    response = gemini.with_text(SAID)(exchange)
    completion = read.completion(Exchange(exchange.request, response))

    assert [choice.message.text for choice in completion.choices] == [SAID, SAID]
    assert [choice.stop_reason for choice in completion.choices] == ["STOP", "MAX_TOKENS"]


def test_with_text_needs_a_recorded_whole_answer():
    request = asked(STREAM_GEMINI)
    half = streamed(EVENTS[STREAM_GEMINI][:-1])
    broken = Response(200, (), (b"{}",), end=Fault("ReadError"))

    with pytest.raises(TypeError, match="Exchange"):
        gemini.with_text("x")(request)
    for bad in (half, broken, Response(200, (), (b"{}",)), gemini.error("INTERNAL", "x")(request)):
        with pytest.raises(ValueError, match="use text"):
            gemini.with_text("x")(Exchange(request, bad))


# -- the real SDK --------------------------------------------------------------------------


def client(build, seen):
    genai = pytest.importorskip("google.genai")

    def respond(request):
        asked = Request(request.method, str(request.url), (), request.content)
        seen.append(asked)
        response = build(asked)
        return httpx2.Response(response.status, headers=list(response.headers), content=response.body)

    options = {
        "httpx_client": httpx2.Client(transport=httpx2.MockTransport(respond)),
        "httpx_async_client": httpx2.AsyncClient(transport=httpx2.MockTransport(respond)),
    }
    return genai.Client(api_key="not-a-real-key", http_options=options)


MODEL = "gemini-2.5-flash"


@pytest.mark.sdk
def test_the_sdk_reads_what_is_built():
    seen = []
    build = gemini.tool_use("weather", CALL, text=SAID, input_tokens=7, output_tokens=9)
    with client(build, seen) as genai:
        whole = genai.models.generate_content(model=MODEL, contents="Hi")
        chunks = list(genai.models.generate_content_stream(model=MODEL, contents="Hi"))

    completion = read.completion(Exchange(seen[0], build(seen[0])))
    [call] = whole.function_calls
    [candidate] = whole.candidates
    assert candidate.content.parts[0].text == completion.text == SAID
    assert (call.name, call.args) == ("weather", CALL)
    assert call.id == completion.calls[0].id
    assert candidate.finish_reason.value == "STOP"
    assert (whole.usage_metadata.prompt_token_count, whole.usage_metadata.candidates_token_count) == (7, 9)
    assert (whole.model_version, whole.response_id) == (MODEL, completion.id)

    parts = [part for chunk in chunks for part in chunk.candidates[0].content.parts or ()]
    assert "".join(part.text or "" for part in parts) == SAID
    assert [part.function_call.args for part in parts if part.function_call] == [CALL]
    assert chunks[-1].candidates[0].finish_reason.value == "STOP"
    assert chunks[-1].usage_metadata.total_token_count == 16
    assert [paths.place(request.url).streams for request in seen] == [False, True]


@pytest.mark.sdk
def test_the_sdk_reads_what_is_edited():
    recorded = gemini.text("Old.")
    with client(lambda asked: gemini.with_text(SAID)(Exchange(asked, recorded(asked))), []) as genai:
        assert genai.models.generate_content(model=MODEL, contents="Hi").text == SAID
        stream = genai.models.generate_content_stream(model=MODEL, contents="Hi")
        assert "".join(chunk.text or "" for chunk in stream) == SAID


@pytest.mark.sdk
def test_the_sdk_reads_a_stream_in_a_task():
    async def main():
        async with client(gemini.text(SAID), []).aio as genai:
            stream = await genai.models.generate_content_stream(model=MODEL, contents="Hi")
            return "".join([chunk.text or "" async for chunk in stream])

    assert asyncio.run(main()) == SAID


@pytest.mark.sdk
@pytest.mark.parametrize(("kind", "status"), sorted(gemini.STATUS.items()))
def test_the_sdk_raises_what_is_refused(kind, status):
    errors = pytest.importorskip("google.genai.errors")
    with client(gemini.error(kind, "No."), []) as genai:
        for ask in (
            genai.models.generate_content,
            lambda **a: list(genai.models.generate_content_stream(**a)),
        ):
            with pytest.raises(errors.APIError) as raised:
                ask(model=MODEL, contents="Hi")
            assert (raised.value.code, raised.value.status, raised.value.message) == (status, kind, "No.")
