"""An SDK's own retries: every attempt is an exchange, and a replay need not sleep between them."""

from __future__ import annotations

import time

import httpx
import pytest

import tracefork
from tracefork import Response
from tracefork.session import served
from tracefork.testing.scripted import Script
from tracefork.testing.server import LoopbackServer

PAUSE = 30  # seconds that the server asks for; nobody here waits as long
OVERLOADED = Response(529, (("Retry-After", str(PAUSE)), ("content-type", "application/json")), (b"{}",))


def anthropic_says(url):
    sdk = pytest.importorskip("anthropic")
    client = sdk.Anthropic(api_key="k", base_url=url)
    return client, lambda: client.messages.create(
        model="m", max_tokens=5, messages=[{"role": "user", "content": "hi"}]
    )


def openai_says(url):
    sdk = pytest.importorskip("openai")
    client = sdk.OpenAI(api_key="k", base_url=url)
    return client, lambda: client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}]
    )


def groq_says(url):
    sdk = pytest.importorskip("groq")
    client = sdk.Groq(api_key="k", base_url=url)
    return client, lambda: client.chat.completions.create(
        model="m", messages=[{"role": "user", "content": "hi"}]
    )


AGENTS = {"anthropic": anthropic_says, "openai": openai_says, "groq": groq_says}


@pytest.mark.parametrize("vendor", AGENTS)
def test_a_replay_need_not_sleep_as_the_sdk_did(vendor, monkeypatch):
    builder = tracefork.providers.anthropic if vendor == "anthropic" else tracefork.providers.openai
    with LoopbackServer(Script(OVERLOADED, OVERLOADED, builder.text("At last."))) as server:
        url = server.url
        with tracefork.record() as run:
            client, agent = AGENTS[vendor](url)
            monkeypatch.setattr(client, "_calculate_retry_timeout", lambda *_, **__: 0.0)
            said = agent()

    assert [x.response.status for x in run.tape] == [529, 529, 200]
    began = time.monotonic()
    with tracefork.replay(run.tape, instant_retries=True) as again:
        assert AGENTS[vendor](url)[1]() == said
    assert time.monotonic() - began < PAUSE / 2
    assert ("Retry-After", str(PAUSE)) in again.tape[0].response.headers, "the tape keeps what was said"
    assert again.tape.digest() == run.tape.digest()
    assert tracefork.verify(run.tape, AGENTS[vendor](url)[1], instant_retries=True)


def answers(*given):
    queue = iter(given)
    return httpx.MockTransport(lambda _: next(queue))


def headers_of_a_replay(status, **options):
    given = httpx.Response(status, headers={"Retry-After": "30", "request-id": "r1"}, text="later")
    with tracefork.record() as run, httpx.Client(transport=answers(given)) as client:
        client.get("http://server/")
    with tracefork.replay(run.tape, **options), httpx.Client() as client:
        return client.get("http://server/").headers


@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 503, 529])
def test_what_asks_for_a_pause_is_served_without_one(status):
    served = headers_of_a_replay(status, instant_retries=True)

    assert (served["retry-after"], served["retry-after-ms"]) == ("0", "1")
    assert served["request-id"] == "r1"


@pytest.mark.parametrize("status", [200, 302, 404])
def test_other_answers_stay_as_they_are(status):
    assert headers_of_a_replay(status, instant_retries=True)["retry-after"] == "30"


def test_unless_it_is_asked_for_nothing_is_changed():
    served = headers_of_a_replay(429)

    assert served["retry-after"] == "30"
    assert "retry-after-ms" not in served


def test_a_fork_skips_the_pauses_of_its_past_alone():
    """What comes live says what it says."""

    def later():
        return httpx.Response(429, headers={"retry-after": "30"})

    def agent():
        with httpx.Client(transport=answers(later(), later())) as client:
            return [client.get("http://server/", params={"n": n}).headers["retry-after"] for n in range(2)]

    with tracefork.record() as run:
        agent()
    with tracefork.fork(run.tape, at=1, instant_retries=True):
        assert agent() == ["0", "30"]


def test_the_headers_are_a_function_of_the_answers():
    assert served.without_pause((("retry-after", "3"), ("a", "b"), ("RETRY-AFTER-MS", "3000"))) == (
        ("a", "b"),
        ("retry-after-ms", "1"),
        ("retry-after", "0"),
    )
