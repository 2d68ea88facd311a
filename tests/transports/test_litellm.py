"""litellm: its asynchronous clients are httpx over a transport of aiohttp's, and are recorded above it."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec

import pytest
from vendors import ASKED, SAID, ran, recorded, same_offline

import tracefork
from tracefork.providers import anthropic as anthropic_says
from tracefork.providers import openai as openai_says
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.skipif(
        not find_spec("litellm"), reason="litellm wants openai<3: it has an environment of its own"
    ),
    pytest.mark.filterwarnings(
        "ignore::DeprecationWarning", "ignore::ResourceWarning", "ignore::UserWarning"
    ),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),  # it closes no client
]


@pytest.fixture(autouse=True)
def litellm(monkeypatch):
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it downloads one when imported
    import litellm

    litellm.in_memory_llm_clients_cache.flush_cache()
    return litellm


def answer(request):
    says = anthropic_says if "/messages" in request.url else openai_says
    return says.text(SAID)(request)


def options(vendor, url):
    base = f"{url}/v1" if vendor == "openai" else url
    return {"model": f"{vendor}/m", "api_base": base, "api_key": "not-a-real-key", "messages": ASKED}


def plain(response):
    """What was answered; litellm makes up ids and times of its own for Anthropic."""
    return {k: v for k, v in response.model_dump().items() if k not in ("id", "created")}


def create(vendor):
    import litellm

    return lambda url: plain(litellm.completion(**options(vendor, url)))


def stream(vendor):
    import litellm

    return lambda url: [plain(part) for part in litellm.completion(**options(vendor, url), stream=True)]


def create_async(vendor):
    import litellm

    async def agent(url):
        return plain(await litellm.acompletion(**options(vendor, url)))

    return agent


def stream_async(vendor):
    import litellm

    async def agent(url):
        parts = await litellm.acompletion(**options(vendor, url), stream=True)
        return [plain(part) async for part in parts]

    return agent


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize(
    "agent", [create, stream, create_async, stream_async], ids=lambda agent: agent.__name__
)
def test_litellm_gets_the_same_from_the_tape_with_the_server_gone(agent, vendor):
    same_offline(by_rule(answer), agent(vendor))


@pytest.mark.parametrize("vendor", ["openai", "anthropic"])
@pytest.mark.parametrize("agent", [create_async, stream_async], ids=lambda agent: agent.__name__)
def test_its_aiohttp_carries_the_live_call_and_never_connects_in_a_replay(agent, vendor, monkeypatch):
    import aiohttp

    connected = []
    connect = aiohttp.TCPConnector._create_connection

    async def counted(connector, *args, **kwargs):
        connected.append(connector)
        return await connect(connector, *args, **kwargs)

    monkeypatch.setattr(aiohttp.TCPConnector, "_create_connection", counted)
    tape, url, live = recorded(by_rule(answer), agent(vendor))
    assert len(connected) == 1
    with LoopbackServer(by_rule(answer), port=int(url.rpartition(":")[2])) as server:
        with tracefork.replay(tape):
            replayed = ran(agent(vendor)(url))
        assert server.requests == ()

    assert len(connected) == 1
    assert replayed == live


def test_side_by_side_they_keep_their_order():
    async def many(url):
        one = create_async("openai")
        return await asyncio.gather(*(one(url) for _ in range(4)))

    same_offline(by_rule(answer), many, exchanges=4)
