"""More vendors' SDKs, and frameworks that make a client of their own, as in test_sdks."""

from __future__ import annotations

import subprocess
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest
from vendors import ASKED, SAID, as_json, as_lines, as_sse, same_offline

from tracefork.providers import anthropic as anthropic_says
from tracefork.providers import openai as openai_says
from tracefork.testing.scripted import by_rule

pytestmark = pytest.mark.sdk

WORDS = ("It left ", "Lisbon ", "on Monday.")


def streams(request):
    return b'"stream": true' in request.body or b'"stream":true' in request.body


# -- google-genai ---------------------------------------------------------------


def gemini(request):
    def part(text, **more):
        content = {"role": "model", "parts": [{"text": text}]}
        return {
            "candidates": [{"content": content, "index": 0, **more}],
            "usageMetadata": {"promptTokenCount": 5, "candidatesTokenCount": 6, "totalTokenCount": 11},
            "modelVersion": "m",
            "responseId": "r",
        }

    if ":streamGenerateContent" in request.url:
        return as_sse(*map(part, WORDS), part("", finishReason="STOP"))
    return as_json(part(SAID, finishReason="STOP"))


def genai(url, **options):
    from google.genai import Client
    from google.genai.types import HttpOptions

    return Client(api_key="not-a-real-key", http_options=HttpOptions(base_url=url, **options))


def heard(response):
    """A response of Gemini's without the headers that a tape hides."""
    dumped = response.model_dump()
    headers = dumped["sdk_http_response"]["headers"]
    assert len([name for name in list(headers) if name.lower() in HIDDEN and headers.pop(name)]) == 2
    return dumped


HIDDEN = ("set-cookie", "x-corp-trace")


def genai_create(url):
    with genai(url) as client:
        return heard(client.models.generate_content(model="m", contents="hi"))


def genai_stream(url):
    with genai(url) as client:
        return [heard(e) for e in client.models.generate_content_stream(model="m", contents="hi")]


async def genai_create_async(url):
    async with httpx2.AsyncClient() as http, genai(url, httpx_async_client=http).aio as client:
        return heard(await client.models.generate_content(model="m", contents="hi"))


async def genai_stream_async(url):
    async with httpx2.AsyncClient() as http, genai(url, httpx_async_client=http).aio as client:
        events = await client.models.generate_content_stream(model="m", contents="hi")
        return [heard(event) async for event in events]


async def genai_create_as_it_comes(url):
    async with genai(url).aio as client:  # over aiohttp, if that can be imported
        return heard(await client.models.generate_content(model="m", contents="hi"))


async def genai_stream_as_it_comes(url):
    async with genai(url).aio as client:
        events = await client.models.generate_content_stream(model="m", contents="hi")
        return [heard(event) async for event in events]


# -- mistralai --------------------------------------------------------------------


def chat(request):
    return openai_says.text(SAID)(request)


def mistral(url):
    from mistralai.client import Mistral

    return Mistral(api_key="not-a-real-key", server_url=url)


def mistral_create(url):
    with mistral(url) as client:
        return client.chat.complete(model="m", messages=ASKED).model_dump()


def mistral_stream(url):
    with mistral(url) as client, client.chat.stream(model="m", messages=ASKED) as events:
        return [event.model_dump() for event in events]


async def mistral_create_async(url):
    async with mistral(url) as client:
        return (await client.chat.complete_async(model="m", messages=ASKED)).model_dump()


async def mistral_stream_async(url):
    async with mistral(url) as client, await client.chat.stream_async(model="m", messages=ASKED) as events:
        return [event.model_dump() async for event in events]


# -- cohere -----------------------------------------------------------------------


def coherent(request):
    usage = {"billed_units": {"input_tokens": 5, "output_tokens": 6}, "tokens": {"input_tokens": 70}}
    if not streams(request):
        message = {"role": "assistant", "content": [{"type": "text", "text": SAID}]}
        return as_json({"id": "c", "finish_reason": "COMPLETE", "message": message, "usage": usage})
    deltas = [
        {"type": "content-delta", "index": 0, "delta": {"message": {"content": {"text": word}}}}
        for word in WORDS
    ]
    first = {"type": "message-start", "id": "c", "delta": {"message": {"role": "assistant", "content": []}}}
    opened = {
        "type": "content-start",
        "index": 0,
        "delta": {"message": {"content": {"type": "text", "text": ""}}},
    }
    last = {"type": "message-end", "delta": {"finish_reason": "COMPLETE", "usage": usage}}
    return as_sse(first, opened, *deltas, {"type": "content-end", "index": 0}, last, named="type")


def cohere_create(url):
    import cohere

    with cohere_client(cohere.ClientV2, url) as client:
        return client.chat(model="m", messages=ASKED).model_dump()


def cohere_stream(url):
    import cohere

    with cohere_client(cohere.ClientV2, url) as client:
        return [event.model_dump() for event in client.chat_stream(model="m", messages=ASKED)]


async def cohere_create_async(url):
    import cohere

    async with cohere_client(cohere.AsyncClientV2, url) as client:
        return (await client.chat(model="m", messages=ASKED)).model_dump()


async def cohere_stream_async(url):
    import cohere

    async with cohere_client(cohere.AsyncClientV2, url) as client:
        return [event.model_dump() async for event in client.chat_stream(model="m", messages=ASKED)]


def cohere_client(kind, url):
    return kind(api_key="not-a-real-key", base_url=url)


# -- ollama -----------------------------------------------------------------------


def llama(request):
    def line(text, **more):
        message = {"role": "assistant", "content": text}
        return {"model": "m", "created_at": "2026-11-01T00:00:00Z", "message": message, "done": False, **more}

    last = {"done": True, "done_reason": "stop", "total_duration": 5, "eval_count": 6}
    if b'"stream":false' in request.body.replace(b" ", b""):
        return as_json(line(SAID, **last))
    return as_lines(*map(line, WORDS), line("", **last))


def ollama_create(url):
    import ollama

    with ollama.Client(host=url) as client:
        return client.chat(model="m", messages=ASKED).model_dump()


def ollama_stream(url):
    import ollama

    with ollama.Client(host=url) as client:
        return [part.model_dump() for part in client.chat(model="m", messages=ASKED, stream=True)]


async def ollama_create_async(url):
    import ollama

    async with ollama.AsyncClient(host=url) as client:
        return (await client.chat(model="m", messages=ASKED)).model_dump()


async def ollama_stream_async(url):
    import ollama

    async with ollama.AsyncClient(host=url) as client:
        parts = await client.chat(model="m", messages=ASKED, stream=True)
        return [part.model_dump() async for part in parts]


# -- frameworks -------------------------------------------------------------------


def claude(request):
    return anthropic_says.text(SAID)(request)


def either(request):
    return claude(request) if "/messages" in request.url else chat(request)


def langchain(vendor, url):
    if vendor == "openai":
        from langchain_openai import ChatOpenAI

        return ChatOpenAI(model="m", api_key="not-a-real-key", base_url=f"{url}/v1", use_responses_api=False)
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model="m", api_key="not-a-real-key", base_url=url, max_tokens=9)


def told(message):
    """A message of langchain's without the id that it makes up."""
    return {k: v for k, v in message.model_dump().items() if k != "id"}


def langchain_openai_create(url):
    return told(langchain("openai", url).invoke("hi"))


def langchain_openai_stream(url):
    return list(map(told, langchain("openai", url).stream("hi")))


async def langchain_openai_create_async(url):
    return told(await langchain("openai", url).ainvoke("hi"))


async def langchain_openai_stream_async(url):
    return [told(part) async for part in langchain("openai", url).astream("hi")]


def langchain_anthropic_create(url):
    return told(langchain("anthropic", url).invoke("hi"))


def langchain_anthropic_stream(url):
    return list(map(told, langchain("anthropic", url).stream("hi")))


async def langchain_anthropic_create_async(url):
    return told(await langchain("anthropic", url).ainvoke("hi"))


async def langchain_anthropic_stream_async(url):
    return [told(part) async for part in langchain("anthropic", url).astream("hi")]


@asynccontextmanager
async def openai_agent(url):
    import agents
    from openai import AsyncOpenAI

    agents.set_tracing_disabled(disabled=True)  # it reports over a client of its own
    async with AsyncOpenAI(api_key="not-a-real-key", base_url=f"{url}/v1") as client:
        model = agents.OpenAIChatCompletionsModel(model="m", openai_client=client)
        yield agents.Agent(name="a", model=model)


async def openai_agents_run(url):
    from agents import Runner

    async with openai_agent(url) as agent:
        return (await Runner.run(agent, "hi")).final_output


async def openai_agents_run_streamed(url):
    from agents import Runner

    async with openai_agent(url) as agent:
        result = Runner.run_streamed(agent, "hi")
        kinds = [event.type async for event in result.stream_events()]
        return kinds, result.final_output


@asynccontextmanager
async def pydantic_agent(url):
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(api_key="not-a-real-key", base_url=url)
    async with provider.client:
        yield Agent(AnthropicModel("m", provider=provider))


async def pydantic_ai_run(url):
    async with pydantic_agent(url) as agent:
        result = await agent.run("hi")
        return result.output, result.usage


async def pydantic_ai_run_streamed(url):
    async with pydantic_agent(url) as agent, agent.run_stream("hi") as result:
        return [text async for text in result.stream_text(debounce_by=None)], await result.get_output()


CASES = [
    ("google.genai", gemini, genai_create),
    ("google.genai", gemini, genai_stream),
    ("google.genai", gemini, genai_create_async),
    ("google.genai", gemini, genai_stream_async),
    ("mistralai.client", chat, mistral_create),
    ("mistralai.client", chat, mistral_stream),
    ("mistralai.client", chat, mistral_create_async),
    ("mistralai.client", chat, mistral_stream_async),
    ("cohere", coherent, cohere_create),
    ("cohere", coherent, cohere_stream),
    ("cohere", coherent, cohere_create_async),
    ("cohere", coherent, cohere_stream_async),
    ("ollama", llama, ollama_create),
    ("ollama", llama, ollama_stream),
    ("ollama", llama, ollama_create_async),
    ("ollama", llama, ollama_stream_async),
    ("langchain_openai", either, langchain_openai_create),
    ("langchain_openai", either, langchain_openai_stream),
    ("langchain_openai", either, langchain_openai_create_async),
    ("langchain_openai", either, langchain_openai_stream_async),
    ("langchain_anthropic", either, langchain_anthropic_create),
    ("langchain_anthropic", either, langchain_anthropic_stream),
    ("langchain_anthropic", either, langchain_anthropic_create_async),
    ("langchain_anthropic", either, langchain_anthropic_stream_async),
    ("agents", either, openai_agents_run),
    ("agents", either, openai_agents_run_streamed),
    ("pydantic_ai", either, pydantic_ai_run),
    ("pydantic_ai", either, pydantic_ai_run_streamed),
]


@pytest.mark.parametrize(("module", "answer", "agent"), CASES, ids=[a.__name__ for _, _, a in CASES])
def test_an_sdk_gets_the_same_from_the_tape_with_the_server_gone(module, answer, agent):
    pytest.importorskip(module)

    tape = same_offline(by_rule(answer), agent)

    assert tape[0].response.end in ("eof", "closed")
    if "stream" in agent.__name__:
        assert len(tape[0].response.chunks) > 1


# -- what is not over httpx ---------------------------------------


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Inheritance class:DeprecationWarning")  # google-auth's own
@pytest.mark.parametrize("agent", [genai_create_as_it_comes, genai_stream_as_it_comes])
def test_the_async_client_of_genai_is_recorded_over_aiohttp(agent):
    pytest.importorskip("google.genai")
    pytest.importorskip("aiohttp")
    tape = same_offline(by_rule(gemini), agent)

    assert "aiohttp" in sys.modules and not tape.escaped


@pytest.mark.slow
def test_where_aiohttp_is_not_installed_it_is_recorded():
    pytest.importorskip("google.genai")
    script = """
import sys
sys.modules["aiohttp"] = None
from transports.test_more_sdks import gemini, genai_create_as_it_comes, same_offline, by_rule
same_offline(by_rule(gemini), genai_create_as_it_comes)
"""
    done = in_a_process(script)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("module", "agent"),
    [
        ("google.genai", "gemini, genai_stream"),
        ("ollama", "llama, ollama_stream_async"),
    ],
)
def test_an_sdk_that_is_first_imported_inside_the_run_is_recorded(module, agent):
    pytest.importorskip(module)
    script = f"""
import sys
from transports.test_more_sdks import *
answer, agent = {agent}
assert {module!r} not in sys.modules
same_offline(by_rule(answer), agent)
assert {module!r} in sys.modules
"""
    done = in_a_process(script)

    assert done.returncode == 0, done.stderr


def in_a_process(script):
    here = str(Path(__file__).parents[1])
    return subprocess.run(
        [sys.executable, "-c", script], cwd=here, capture_output=True, text=True, check=False, timeout=60
    )
