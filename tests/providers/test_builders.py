"""The builders' answers, read by the vendors' own SDKs."""

import asyncio
import base64
import gzip
import io
import json

import pytest
from attrs import evolve
from peers import corpus

import tracefork.providers
from tracefork.core.values import Exchange, Fault, Request, Response
from tracefork.providers import anthropic as claude
from tracefork.providers import openai as gpt
from tracefork.providers import sse
from tracefork.testing import scripted
from tracefork.testing.scripted import Script

SAID = "I can book the 9:40 to Zürich 🚆, if you like."
INPUT = {"city": "Zürich", "nested": {"n": [1, 2.5, None]}, "q": 'a "quoted" word'}
MESSAGES = [{"role": "user", "content": "Hi"}]
PLAN = {"model": "some-model", "max_tokens": 100, "messages": MESSAGES}


def asked(stream, url="https://api.anthropic.com/v1/messages", **extra):
    body = {**PLAN, **({"stream": True} if stream else {}), **extra}
    return Request("POST", url, (), json.dumps(body).encode())


CHAT = "https://api.openai.com/v1/chat/completions"
RESPONSES = "https://api.openai.com/v1/responses"


def data(response):
    return [json.loads(e.data) for e in sse.events(response.body) if e.data != "[DONE]"]


# -- without an SDK ------------------------------------------------------------------


@pytest.mark.parametrize("url", ["https://api.anthropic.com/v1/messages", CHAT, RESPONSES])
@pytest.mark.parametrize("stream", [False, True])
def test_equal_questions_get_equal_answers_and_others_get_other_ids(url, stream):
    build = claude.text("Hi.") if "anthropic" in url else gpt.text("Hi.")

    assert build(asked(stream, url)) == build(asked(stream, url))
    assert build(asked(stream, url)).body != build(asked(stream, url, seed=2)).body


@pytest.mark.parametrize(
    "build", [claude.text("Hi."), claude.error("api_error", "x"), claude.tool_use("f", {})]
)
def test_an_exchange_is_answered_as_its_request_is(build):
    request = asked(stream=True)

    assert build(Exchange(request, Response(200))) == build(request)


def test_builders_are_values():
    assert claude.tool_use("f", {"a": 1}) == claude.tool_use("f", {"a": 1})
    assert len({gpt.tool_call("f", {}), gpt.tool_call("f", {}), gpt.text("f")}) == 2


def test_a_stream_has_one_chunk_for_each_event_and_several_deltas():
    answer = claude.text(SAID)(asked(stream=True))

    assert all(len(list(sse.events(chunk))) == 1 for chunk in answer.chunks)
    assert [e.event for e in sse.events(answer.body)].count("content_block_delta") > 1
    assert ("content-type", "text/event-stream; charset=utf-8") in answer.headers


def test_a_plain_answer_has_a_true_content_length():
    answer = claude.text(SAID)(asked(stream=False))
    headers = dict(answer.headers)

    assert headers["content-length"] == str(len(answer.body))
    assert headers["content-type"] == "application/json"
    assert headers["request-id"].startswith("req_")


def test_a_question_that_is_no_json_is_answered_plainly():
    assert json.loads(claude.text("Hi.")(Request("POST", "http://x/v1/messages")).body)["model"] == "unknown"


def test_openai_refuses_a_path_that_is_neither_api():
    with pytest.raises(ValueError, match="/v1/embeddings"):
        gpt.text("Hi.")(Request("POST", "https://api.openai.com/v1/embeddings"))


def test_the_usage_chunk_of_chat_comes_only_when_asked_for():
    without = data(gpt.text("Hi.")(asked(stream=True, url=CHAT)))
    having = data(gpt.text("Hi.")(asked(stream=True, url=CHAT, stream_options={"include_usage": True})))

    assert not any(chunk.get("usage") for chunk in without)
    assert having[-1]["choices"] == []
    assert having[-1]["usage"]["total_tokens"] > 0


def test_submodules_load_when_first_named():
    assert tracefork.providers.anthropic.text is claude.text
    assert {"anthropic", "openai", "sse"} <= set(dir(tracefork.providers))
    with pytest.raises(AttributeError, match="gemnini"):
        tracefork.providers.gemnini  # noqa: B018


# -- with_text ---------------------------------------------------------------------------


def test_with_text_needs_a_recorded_message():
    request = asked(stream=False)
    broken = Response(200, (), (b"{}",), end=Fault("ReadError"))
    half = evolve(
        claude.text(SAID)(asked(stream=True)), chunks=claude.text(SAID)(asked(stream=True)).chunks[:-1]
    )

    with pytest.raises(TypeError, match="Exchange"):
        claude.with_text("x")(request)
    for answer in (Fault("ReadError"), broken, half, claude.error("api_error", "x")(request), Response(200)):
        with pytest.raises(ValueError, match=r"recorded|no response came"):
            claude.with_text("x")(Exchange(request, answer))


def test_with_text_keeps_all_events_but_those_of_the_text():
    tool = claude.tool_use("f", INPUT, text="Old.")
    request = asked(stream=True)
    recorded = tool(request)

    answer = claude.with_text("New and longer than before.")(Exchange(request, recorded))

    def others(response):
        return [e for e in data(response) if e.get("delta", {}).get("type") != "text_delta"]

    assert others(answer) == others(recorded)
    assert answer.headers == recorded.headers


def test_with_text_undoes_the_content_encoding_and_corrects_the_length():
    request = asked(stream=False)
    recorded = claude.text("Old.")(request)
    packed = gzip.compress(recorded.body)
    headers = (("Content-Encoding", "gzip"), ("Content-Length", str(len(packed))), ("request-id", "r"))

    answer = claude.with_text("New.")(Exchange(request, Response(200, headers, (packed,), end="closed")))

    assert answer.headers == (("Content-Length", str(len(answer.body))), ("request-id", "r"))
    assert json.loads(answer.body) == {
        **json.loads(recorded.body),
        "content": [{"type": "text", "text": "New."}],
    }
    assert answer.end == "eof"


def test_with_text_leaves_thinking_first_and_joins_several_texts_into_one():
    thinking = {"type": "thinking", "thinking": "hm", "signature": "s"}
    call = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    blocks = [thinking, {"type": "text", "text": "a", "citations": [1]}, call, {"type": "text", "text": "b"}]
    request = asked(stream=False)

    def after(content):
        recorded = Response(200, (), (json.dumps({"type": "message", "content": content}).encode(),))
        return json.loads(claude.with_text("New.")(Exchange(request, recorded)).body)["content"]

    assert after(blocks) == [thinking, {"type": "text", "text": "New.", "citations": None}, call]
    assert after([thinking, call]) == [thinking, {"type": "text", "text": "New."}, call]
    assert after([]) == [{"type": "text", "text": "New."}]


def test_with_text_renumbers_the_blocks_of_a_stream():
    def block(index, kind):
        start = {"type": kind, "text": ""} if kind == "text" else {"type": kind}
        yield {"type": "content_block_start", "index": index, "content_block": start}
        yield {"type": "content_block_stop", "index": index}

    def after(*kinds):
        events = [e for index, kind in enumerate(kinds) for e in block(index, kind)]
        events = [{"type": "message_start"}, *events, {"type": "message_delta"}, {"type": "message_stop"}]
        body = b"".join(sse.encode(e["type"], json.dumps(e)) for e in events)
        recorded = Response(200, (("content-type", "text/event-stream"),), (body,))
        answer = data(claude.with_text("N")(Exchange(asked(stream=True), recorded)))
        assert [e["type"] for e in answer][-2:] == ["message_delta", "message_stop"]
        return [
            (e["index"], e["content_block"]["type"]) for e in answer if e["type"] == "content_block_start"
        ]

    assert after("thinking", "text", "tool_use", "text", "tool_use") == [
        (0, "thinking"),
        (1, "text"),
        (2, "tool_use"),
        (3, "tool_use"),
    ]
    assert after("thinking", "tool_use", "tool_use") == [
        (0, "thinking"),
        (1, "text"),
        (2, "tool_use"),
        (3, "tool_use"),
    ]
    assert after("thinking") == [(0, "thinking"), (1, "text")]
    assert after() == [(0, "text")]


def real_exchanges():
    zstandard = pytest.importorskip("zstandard")
    with corpus.exchanges().open("rb") as file, zstandard.ZstdDecompressor().stream_reader(file) as lines:
        for line in io.TextIOWrapper(lines, "utf-8"):
            row = json.loads(line)
            body = base64.b64decode(row["resp_body_b64"] or "")
            headers = [
                (key, value) for key, value in row["resp_headers"] if key.lower() != "content-encoding"
            ]
            if body.startswith(b"\x1f\x8b"):
                headers.append(("content-encoding", "gzip"))
            request = Request(row["method"], row["url"])
            yield Exchange(request, Response(row["status"], tuple(headers), (body,))), row["stream"]


@pytest.mark.skipif(not corpus.exchanges(), reason="there is no corpus: point TRACEFORK_CORPUS at its folder")
def test_with_text_fits_every_real_message_of_both_vendors():
    done = 0
    for exchange, streamed in real_exchanges():
        host, _, path = exchange.request.url.removeprefix("https://").partition("/")
        if exchange.response.status != 200 or not exchange.response.body:
            continue
        if host == "api.anthropic.com" and path.partition("?")[0] == "v1/messages":
            answer, spoken = claude.with_text(SAID)(exchange), "text_delta"
        elif path in {"v1/chat/completions", "v1/responses"}:
            answer, spoken = gpt.with_text(SAID)(exchange), "output_text.delta"
        else:
            continue
        done += 1
        if not streamed:
            assert json.dumps(SAID) in json.dumps(json.loads(answer.body))
        elif "chat" in path:
            choices = [
                choice for chunk in data(answer) for choice in chunk["choices"] if choice["index"] == 0
            ]
            assert "".join(choice["delta"].get("content") or "" for choice in choices) == SAID
        else:
            texts = [e for e in data(answer) if spoken in json.dumps(e)]
            assert (
                "".join(e["delta"] if isinstance(e["delta"], str) else e["delta"]["text"] for e in texts)
                == SAID
            )
    assert done > 700


# -- read by the anthropic SDK ---------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def ask_claude(request):
    anthropic, lib = pytest.importorskip("anthropic"), pytest.importorskip("httpx2")

    def ask(way, *items):
        script = Script(*items)
        options = {"api_key": "k", "max_retries": 0}
        if request.param == "sync":
            with lib.Client(transport=scripted.transport(script, lib)) as http:
                return claude_sync(anthropic.Anthropic(http_client=http, **options), way)

        async def main():
            async with lib.AsyncClient(transport=scripted.async_transport(script, lib)) as http:
                return await claude_async(anthropic.AsyncAnthropic(http_client=http, **options), way)

        return asyncio.run(main())

    return ask


def claude_sync(client, way):
    match way:
        case "create":
            return client.messages.create(**PLAN)
        case "events":
            with client.messages.create(**PLAN, stream=True) as events:
                return list(events)
        case "stream":
            with client.messages.stream(**PLAN) as stream:
                return stream.get_final_message()


async def claude_async(client, way):
    match way:
        case "create":
            return await client.messages.create(**PLAN)
        case "events":
            async with await client.messages.create(**PLAN, stream=True) as events:
                return [e async for e in events]
        case "stream":
            async with client.messages.stream(**PLAN) as stream:
                return await stream.get_final_message()


WHOLE = pytest.mark.parametrize("way", ["create", "stream"])


@pytest.mark.sdk
@WHOLE
def test_anthropic_reads_a_text(ask_claude, way):
    message = ask_claude(way, claude.text(SAID, input_tokens=7, output_tokens=9))

    assert [block.text for block in message.content] == [SAID]
    assert (message.model, message.stop_reason) == ("some-model", "end_turn")
    assert (message.usage.input_tokens, message.usage.output_tokens) == (7, 9)
    assert message.id.startswith("msg_")


@pytest.mark.sdk
@WHOLE
@pytest.mark.parametrize("text", ["", SAID])
def test_anthropic_reads_a_tool_call_after_any_text(ask_claude, way, text):
    message = ask_claude(way, claude.tool_use("book", INPUT, text=text, model="other"))

    assert [block.type for block in message.content] == (["text"] if text else []) + ["tool_use"]
    call = message.content[-1]
    assert (call.name, call.input, call.id[:6]) == ("book", INPUT, "toolu_")
    assert (message.stop_reason, message.model) == ("tool_use", "other")


@pytest.mark.sdk
def test_anthropic_reads_the_bare_events(ask_claude):
    events = ask_claude("events", claude.text(SAID))

    assert "".join(e.delta.text for e in events if e.type == "content_block_delta") == SAID
    assert (events[0].type, events[-1].type) == ("message_start", "message_stop")


@pytest.mark.sdk
@WHOLE
def test_anthropic_reads_an_empty_text(ask_claude, way):
    assert ask_claude(way, claude.text("")).content[0].text == ""


@pytest.mark.sdk
@WHOLE
def test_anthropic_reads_a_recorded_answer_with_another_text(ask_claude, way):
    request = asked(stream=way == "stream")
    tool = claude.tool_use("book", INPUT, text="Old.", output_tokens=77)
    recorded = Exchange(request, tool(request))
    old, new = (ask_claude(way, answer) for answer in (recorded.response, claude.with_text(SAID)(recorded)))

    assert [block.type for block in new.content] == ["text", "tool_use"]
    assert new.content[0].text == SAID
    assert (new.content[1], new.id, new.usage) == (old.content[1], old.id, old.usage)


@pytest.mark.sdk
@WHOLE
@pytest.mark.parametrize(
    ("kind", "status"), [("overloaded_error", 529), ("rate_limit_error", 429), ("novel", 500)]
)
def test_anthropic_raises_its_own_error(ask_claude, way, kind, status):
    anthropic = pytest.importorskip("anthropic")
    with pytest.raises(anthropic.APIStatusError, match="Too much") as caught:
        ask_claude(way, claude.error(kind, "Too much.", retry_after=0.5))

    assert caught.value.status_code == status
    assert caught.value.response.headers["retry-after"] == "0.5"
    assert caught.value.request_id.startswith("req_")


@pytest.mark.sdk
def test_anthropic_retries_after_an_overload():
    anthropic, lib = pytest.importorskip("anthropic"), pytest.importorskip("httpx2")
    script = Script(claude.error("overloaded_error", "Busy.", retry_after=0.01), claude.text(SAID))
    with lib.Client(transport=scripted.transport(script, lib)) as http:
        message = anthropic.Anthropic(http_client=http, api_key="k").messages.create(**PLAN)

    assert message.content[0].text == SAID
    assert len(script.requests) == 2


# -- read by the openai SDK --------------------------------------------------------------------


@pytest.fixture(params=["sync", "async"])
def ask_gpt(request):
    openai, lib = pytest.importorskip("openai"), pytest.importorskip("httpx2")

    def ask(way, *items):
        script = Script(*items)
        options = {"api_key": "k", "max_retries": 0}
        if request.param == "sync":
            with lib.Client(transport=scripted.transport(script, lib)) as http:
                return gpt_sync(openai.OpenAI(http_client=http, **options), way)

        async def main():
            async with lib.AsyncClient(transport=scripted.async_transport(script, lib)) as http:
                return await gpt_async(openai.AsyncOpenAI(http_client=http, **options), way)

        return asyncio.run(main())

    return ask


ASK = {"model": "some-model", "messages": MESSAGES}
PUT = {"model": "some-model", "input": "Hi"}
COUNTED = {"stream_options": {"include_usage": True}}


def gpt_sync(client, way):
    match way:
        case "chat":
            return client.chat.completions.create(**ASK)
        case "chat stream":
            with client.chat.completions.stream(**ASK, **COUNTED) as stream:
                return stream.get_final_completion()
        case "chat chunks":
            with client.chat.completions.create(**ASK, stream=True) as chunks:
                return list(chunks)
        case "responses":
            return client.responses.create(**PUT)
        case "responses stream":
            with client.responses.stream(**PUT) as stream:
                return stream.get_final_response()
        case "responses events":
            with client.responses.create(**PUT, stream=True) as events:
                return list(events)


async def gpt_async(client, way):
    match way:
        case "chat":
            return await client.chat.completions.create(**ASK)
        case "chat stream":
            async with client.chat.completions.stream(**ASK, **COUNTED) as stream:
                return await stream.get_final_completion()
        case "chat chunks":
            async with await client.chat.completions.create(**ASK, stream=True) as chunks:
                return [chunk async for chunk in chunks]
        case "responses":
            return await client.responses.create(**PUT)
        case "responses stream":
            async with client.responses.stream(**PUT) as stream:
                return await stream.get_final_response()
        case "responses events":
            async with await client.responses.create(**PUT, stream=True) as events:
                return [e async for e in events]


IN_CHAT = pytest.mark.parametrize("way", ["chat", "chat stream"])
IN_RESPONSES = pytest.mark.parametrize("way", ["responses", "responses stream"])


@pytest.mark.sdk
@IN_CHAT
def test_openai_reads_a_chat_text(ask_gpt, way):
    completion = ask_gpt(way, gpt.text(SAID, input_tokens=7, output_tokens=9))
    [choice] = completion.choices

    assert (choice.message.content, choice.finish_reason) == (SAID, "stop")
    assert not choice.message.tool_calls
    assert (completion.model, completion.usage.total_tokens) == ("some-model", 16)


@pytest.mark.sdk
@IN_CHAT
@pytest.mark.parametrize("text", ["", SAID])
def test_openai_reads_a_chat_tool_call_after_any_text(ask_gpt, way, text):
    [choice] = ask_gpt(way, gpt.tool_call("book", INPUT, text=text)).choices
    [call] = choice.message.tool_calls

    assert (choice.message.content or "") == text
    assert (call.function.name, json.loads(call.function.arguments)) == ("book", INPUT)
    assert (choice.finish_reason, call.id[:5]) == ("tool_calls", "call_")


@pytest.mark.sdk
def test_openai_reads_the_bare_chunks_of_chat(ask_gpt):
    chunks = ask_gpt("chat chunks", gpt.text(SAID))

    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == SAID


@pytest.mark.sdk
@IN_RESPONSES
def test_openai_reads_a_response_text(ask_gpt, way):
    response = ask_gpt(way, gpt.text(SAID, input_tokens=7, output_tokens=9))

    assert (response.output_text, response.status, response.model) == (SAID, "completed", "some-model")
    assert response.usage.total_tokens == 16


@pytest.mark.sdk
@IN_RESPONSES
@pytest.mark.parametrize("text", ["", SAID])
def test_openai_reads_a_response_tool_call_after_any_text(ask_gpt, way, text):
    response = ask_gpt(way, gpt.tool_call("book", INPUT, text=text, id="call_7"))
    call = response.output[-1]

    assert response.output_text == text
    assert (call.type, call.name, call.call_id) == ("function_call", "book", "call_7")
    assert json.loads(call.arguments) == INPUT


@pytest.mark.sdk
def test_openai_reads_the_bare_events_of_a_response(ask_gpt):
    events = ask_gpt("responses events", gpt.tool_call("book", INPUT, text=SAID))

    assert [e.sequence_number for e in events] == list(range(len(events)))
    assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == SAID
    assert events[-1].type == "response.completed"


@pytest.mark.sdk
def test_openai_reads_an_incomplete_response(ask_gpt):
    response = ask_gpt("responses", gpt.text("Half", finish_reason="length"))
    events = ask_gpt("responses events", gpt.text("Half", finish_reason="length"))

    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
    assert events[-1].type == "response.incomplete"


@pytest.mark.sdk
@pytest.mark.parametrize("way", ["chat", "chat stream", "responses", "responses stream"])
@pytest.mark.parametrize("old", ["", "The old words, which nobody shall read."])
def test_openai_reads_a_recorded_answer_with_another_text(ask_gpt, way, old):
    url = CHAT if "chat" in way else RESPONSES
    request = asked("stream" in way, url, **(COUNTED if "chat" in way else {}))
    recorded = Exchange(request, gpt.tool_call("book", INPUT, text=old)(request))
    before, after = (ask_gpt(way, answer) for answer in (recorded.response, gpt.with_text(SAID)(recorded)))

    assert (after.id, after.usage, after.model) == (before.id, before.usage, before.model)
    if "chat" in way:
        assert after.choices[0].message.content == SAID
        assert after.choices[0].message.tool_calls == before.choices[0].message.tool_calls
        assert after.choices[0].finish_reason == before.choices[0].finish_reason
    else:
        assert after.output_text == SAID
        assert [item.type for item in after.output] == ["message", "function_call"]
        assert after.output[-1] == before.output[-1]


@pytest.mark.sdk
@pytest.mark.parametrize("way", ["chat", "responses stream"])
def test_openai_raises_its_own_error(ask_gpt, way):
    openai = pytest.importorskip("openai")
    with pytest.raises(openai.RateLimitError, match="Slow down") as caught:
        ask_gpt(way, gpt.error("rate_limit_error", "Slow down.", retry_after=2, code="rate_limit_exceeded"))

    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "2"


@pytest.mark.parametrize("url", [CHAT, RESPONSES])
def test_openai_with_text_needs_a_whole_recorded_answer(url):
    request = asked(stream=True, url=url)
    whole = gpt.text(SAID)(request)
    half = evolve(whole, chunks=whole.chunks[:-1])
    answers = (half, Fault("ReadError"), gpt.error("server_error", "x")(request), Response(200, (), (b"{}",)))

    with pytest.raises(TypeError, match="Exchange"):
        gpt.with_text("x")(request)
    for answer in answers:
        with pytest.raises(ValueError, match=r"recorded|no response came"):
            gpt.with_text("x")(Exchange(request, answer))


@pytest.mark.sdk
@pytest.mark.parametrize("stream", [False, True])
def test_groq_reads_the_same_chat(stream):
    groq, lib = pytest.importorskip("groq"), pytest.importorskip("httpx")
    with lib.Client(transport=scripted.transport(Script(gpt.text(SAID)), lib)) as http:
        answer = groq.Groq(http_client=http, api_key="k").chat.completions.create(**ASK, stream=stream)
        if stream:
            text = "".join(chunk.choices[0].delta.content or "" for chunk in answer)
        else:
            text = answer.choices[0].message.content

    assert text == SAID
