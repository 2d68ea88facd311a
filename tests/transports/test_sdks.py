"""The vendors' own SDKs: recorded against a real server, replayed with the server gone, all equal."""

from __future__ import annotations

import asyncio

import pytest
from vendors import ASKED, MORE, SAID, same_offline

import tracefork
from tracefork.providers import anthropic as anthropic_says
from tracefork.providers import openai as openai_says
from tracefork.testing.scripted import Script
from tracefork.testing.server import LoopbackServer

pytestmark = pytest.mark.sdk


def anthropic_create(sdk, url):
    client = made(sdk, "", url)
    raw = client.messages.with_raw_response.create(model="m", max_tokens=9, messages=ASKED)
    message = raw.parse()
    return (
        message.model_dump(),
        message._request_id,
        raw.status_code,
        raw.http_response.content,
        *kept(raw.headers),
    )


def anthropic_stream(sdk, url):
    client = made(sdk, "", url)
    with client.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
        events = [event.model_dump() for event in stream]
        return events, stream.get_final_message().model_dump(), stream.request_id


def anthropic_raw_events(sdk, url):
    client = made(sdk, "", url)
    events = client.messages.create(model="m", max_tokens=9, messages=ASKED, stream=True)
    return [event.model_dump() for event in events]


def anthropic_bytes(sdk, url):
    client = made(sdk, "", url)
    with client.messages.with_streaming_response.create(
        model="m", max_tokens=9, messages=ASKED, stream=True
    ) as raw:
        return list(raw.http_response.iter_raw())


async def anthropic_create_async(sdk, url):
    async with made(sdk, "Async", url) as client:
        message = await client.messages.create(model="m", max_tokens=9, messages=ASKED)
        return message.model_dump(), message._request_id


async def anthropic_stream_async(sdk, url):
    async with made(sdk, "Async", url) as client:
        async with client.messages.stream(model="m", max_tokens=9, messages=ASKED) as stream:
            events = [event.model_dump() async for event in stream]
        return events, (await stream.get_final_message()).model_dump()


def chat_create(sdk, url):
    client = made(sdk, "", url)
    raw = client.chat.completions.with_raw_response.create(model="m", messages=ASKED)
    return raw.parse().model_dump(), raw.status_code, raw.http_response.content, *kept(raw.headers)


def chat_stream(sdk, url):
    events = made(sdk, "", url).chat.completions.create(model="m", messages=ASKED, stream=True)
    return [event.model_dump() for event in events]


async def chat_create_async(sdk, url):
    async with made(sdk, "Async", url) as client:
        completion = await client.chat.completions.create(model="m", messages=ASKED)
        return completion.model_dump(), getattr(completion, "_request_id", None)


async def chat_stream_async(sdk, url):
    async with made(sdk, "Async", url) as client:
        events = await client.chat.completions.create(model="m", messages=ASKED, stream=True)
        return [event.model_dump() async for event in events]


def responses_create(sdk, url):
    response = made(sdk, "", url).responses.create(model="m", input="hi")
    return response.model_dump(), response._request_id


def responses_stream(sdk, url):
    events = made(sdk, "", url).responses.create(model="m", input="hi", stream=True)
    return [event.model_dump() for event in events]


async def responses_create_async(sdk, url):
    async with made(sdk, "Async", url) as client:
        return (await client.responses.create(model="m", input="hi")).model_dump()


async def responses_stream_async(sdk, url):
    async with made(sdk, "Async", url) as client:
        events = await client.responses.create(model="m", input="hi", stream=True)
        return [event.model_dump() async for event in events]


def made(sdk, prefix, url):
    """A client of the vendor's; a synchronous one is closed after the test."""
    vendor = {"anthropic": "Anthropic", "openai": "OpenAI", "groq": "Groq"}[sdk.__name__]
    base = f"{url}/v1" if vendor == "OpenAI" else url
    client = getattr(sdk, prefix + vendor)(api_key="not-a-real-key", base_url=base)
    if not prefix:
        CLIENTS.append(client)
    return client


CLIENTS = []


@pytest.fixture(autouse=True)
def _closed():
    yield
    while CLIENTS:
        CLIENTS.pop().close()


def kept(headers):
    """Headers as a replay has them: a secret's value is not on the tape, all else is."""
    hidden = ("set-cookie", "x-corp-trace")
    return [(name, "hidden" if name in hidden else value) for name, value in headers.multi_items()], len(
        headers
    )


CASES = [
    ("anthropic", anthropic_create),
    ("anthropic", anthropic_stream),
    ("anthropic", anthropic_raw_events),
    ("anthropic", anthropic_bytes),
    ("anthropic", anthropic_create_async),
    ("anthropic", anthropic_stream_async),
    ("openai", chat_create),
    ("openai", chat_stream),
    ("openai", chat_create_async),
    ("openai", chat_stream_async),
    ("openai", responses_create),
    ("openai", responses_stream),
    ("openai", responses_create_async),
    ("openai", responses_stream_async),
    ("groq", chat_create),
    ("groq", chat_stream),
    ("groq", chat_create_async),
    ("groq", chat_stream_async),
]


def answering(vendor):
    says = anthropic_says if vendor == "anthropic" else openai_says

    def answer(request):
        response = says.text(SAID)(request)
        return tracefork.Response(200, (*response.headers, *MORE), response.chunks)

    return Script(answer)


@pytest.mark.parametrize(("vendor", "agent"), CASES, ids=[f"{v}-{a.__name__}" for v, a in CASES])
def test_an_sdk_gets_the_same_from_the_tape_with_the_server_gone(vendor, agent):
    sdk = pytest.importorskip(vendor)

    tape = same_offline(answering(vendor), lambda url: agent(sdk, url))

    assert ("X-Request-Id", "req-7") in tape[0].response.headers
    assert ("Set-Cookie", "session=[secret:set-cookie]") in tape.masked[0].response.headers


def test_the_live_sdk_sees_headers_that_the_tape_hides():
    sdk = pytest.importorskip("anthropic")
    with LoopbackServer(answering("anthropic")) as server, tracefork.record() as run:
        client = made(sdk, "", server.url)
        raw = client.messages.with_raw_response.create(model="m", max_tokens=9, messages=ASKED)

    assert raw.headers["set-cookie"] == "session=abcdef"
    assert "session=abcdef" not in repr(run.tape[0].response.headers)


def test_an_sdk_retries_by_itself_and_each_try_is_an_exchange():
    sdk = pytest.importorskip("anthropic")
    script = Script(
        anthropic_says.error("overloaded_error", "busy", retry_after=0.01),
        anthropic_says.error("rate_limit_error", "slower", retry_after=0.01),
        anthropic_says.text(SAID),
    )

    def agent():
        client = made(sdk, "", url)
        return client.messages.create(model="m", max_tokens=9, messages=ASKED).content[0].text

    with LoopbackServer(script) as server, tracefork.record() as run:
        url = server.url
        assert agent() == SAID
    verdict = tracefork.verify(run.tape, agent)

    assert [x.response.status for x in run.tape] == [529, 429, 200]
    assert verdict.ok, verdict


@pytest.mark.slow
def test_sdks_of_both_libraries_side_by_side():
    anthropic, openai, groq = map(pytest.importorskip, ("anthropic", "openai", "groq"))

    def answer(request):
        return (anthropic_says if "/messages" in request.url else openai_says).text(request.body[-40:].hex())(
            request
        )

    async def agent():
        jobs = [anthropic_create_async(anthropic, url) for _ in range(3)]
        jobs += [chat_create_async(openai, url) for _ in range(3)]
        jobs += [chat_stream_async(groq, url) for _ in range(2)]
        return await asyncio.gather(*jobs)

    with LoopbackServer(Script(*[answer] * 8), delay=0.005) as server, tracefork.record() as run:
        url = server.url
        asyncio.run(agent())
    for _ in range(10):
        verdict = tracefork.verify(run.tape, agent, patience=5)
        assert verdict.ok, verdict
