"""Each of 893 real exchanges through its vendor's SDK: objects, events and errors are the same in replay."""

from __future__ import annotations

import asyncio
import inspect
import json
from collections import Counter
from contextlib import asynccontextmanager, contextmanager
from typing import ClassVar

import httpx
import httpx2
import pytest
from peers import corpus

import tracefork

pytestmark = [
    pytest.mark.sdk,
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # models and interfaces that were of use then
]


class OpenAI:
    """Puts recorded questions to the SDK, and knows what it makes of all the answers.

    `gives` counts them by what they become: 713 of 730 are parsed. The others
    are errors of the vendor's, and three bodies that the cassette lacks.
    """

    vendor = "openai"
    gives: ClassVar = {
        "ChatCompletion": 389,
        "Completion": 50,
        "Message": 18,
        "Response": 70,
        "CursorPage[Message]": 15,
        "a stream": 171,
        "raises AuthenticationError": 3,
        "raises BadRequestError": 8,
        "raises JSONDecodeError": 3,
        "raises NotFoundError": 3,
    }

    lib = httpx2

    def __init__(self):
        self.sdk = pytest.importorskip("openai")

    @contextmanager
    def client(self, url):
        own = self.lib.Client()
        with self.sdk.OpenAI(api_key="not-a-real-key", base_url=f"{url}/v1", http_client=own) as client:
            yield client

    @asynccontextmanager
    async def aclient(self, url):
        own = self.lib.AsyncClient()
        async with self.sdk.AsyncOpenAI(
            api_key="not-a-real-key", base_url=f"{url}/v1", http_client=own
        ) as client:
            yield client

    def ask(self, client, row):
        match row.path.partition("?")[0].split("/")[2:]:
            case ["chat", "completions"]:
                return typed(client.chat.completions.create, row)
            case ["completions"]:
                return typed(client.completions.create, row)
            case ["responses"]:
                return typed(client.responses.create, row)
            case ["threads", thread, "messages"]:
                messages = client.beta.threads.messages
                return typed(
                    messages.create if row.method == "POST" else messages.list, row, thread_id=thread
                )
        raise LookupError(row.path)


class Legacy(OpenAI):
    """The same over httpx, which the SDK still takes."""

    lib = httpx


class Anthropic:
    vendor = "anthropic"
    gives: ClassVar = {"Message": 72, "a stream": 44}

    def __init__(self):
        self.sdk = pytest.importorskip("anthropic")

    @contextmanager
    def client(self, url):
        with self.sdk.Anthropic(api_key="not-a-real-key", base_url=url) as client:
            yield client

    @asynccontextmanager
    async def aclient(self, url):
        async with self.sdk.AsyncAnthropic(api_key="not-a-real-key", base_url=url) as client:
            yield client

    def ask(self, client, row):
        return typed(client.messages.create, row, timeout=30)


class Google:
    vendor = "google-gemini"
    gives: ClassVar = {"GenerateContentResponse": 38, "a stream": 9}

    def __init__(self):
        self.sdk = pytest.importorskip("google.genai")

    def made(self, url, **options):
        options |= {"base_url": url, "api_version": "v1beta"}
        return self.sdk.Client(api_key="not-a-real-key", http_options=options)

    @contextmanager
    def client(self, url):
        with self.made(url) as client:
            yield client

    @asynccontextmanager
    async def aclient(self, url):
        async with httpx2.AsyncClient() as own:  # else it takes aiohttp, if that is there
            with self.made(url, httpx_async_client=own) as client:
                yield client.aio

    def ask(self, client, row):
        body = json.loads(row.body)
        contents, config = body.pop("contents"), body.pop("generationConfig", {})
        model, _, verb = row.path.partition("?")[0].rpartition("/")[2].partition(":")
        verbs = client.models.generate_content, client.models.generate_content_stream
        ask = verbs[verb == "streamGenerateContent"]
        options = {"headers": {corpus.ROW: str(row.number)}}
        return ask(model=model, contents=contents, config={**config, **body, "http_options": options})


def typed(create, row, **more):
    """Call `create` with the recorded body; what it does not know of that goes as `extra_body`."""
    body = json.loads(row.body or b"{}")
    known = inspect.signature(create).parameters
    given = {key: body.pop(key) for key in list(body) if key in known}
    extra = {"extra_body": body} if body else {}
    return create(**given, **extra, **more, extra_headers={corpus.ROW: str(row.number)})


def plain(thing):
    kind = type(thing).__name__.removeprefix("Async").removeprefix("Sync")
    return kind, thing.model_dump(warnings=False)


def failed(error):
    return f"raises {type(error).__name__}", str(error)


def in_turn(how, rows, url):
    def heard(client, row):
        try:
            said = how.ask(client, row)
            return ("a stream", [plain(event) for event in said]) if row.streamed else plain(said)
        except Exception as error:
            return failed(error)

    with how.client(url) as client:
        return [heard(client, row) for row in rows]


def awaited(how, rows, url):
    async def heard(client, row):
        try:
            said = await how.ask(client, row)
            return ("a stream", [plain(event) async for event in said]) if row.streamed else plain(said)
        except Exception as error:
            return failed(error)

    async def main():
        async with how.aclient(url) as client:
            return [await heard(client, row) for row in rows]

    return asyncio.run(main())


CASES = [
    pytest.param(OpenAI, in_turn, id="openai"),
    pytest.param(OpenAI, awaited, id="openai-async", marks=pytest.mark.nightly),
    pytest.param(Legacy, in_turn, id="openai-httpx", marks=pytest.mark.nightly),
    pytest.param(Legacy, awaited, id="openai-httpx-async", marks=pytest.mark.nightly),
    pytest.param(Anthropic, in_turn, id="anthropic"),
    pytest.param(Anthropic, awaited, id="anthropic-async"),
    pytest.param(Google, in_turn, id="google"),
    pytest.param(Google, awaited, id="google-async"),
]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "agent"), CASES)
def test_what_an_sdk_makes_of_every_exchange_it_makes_again_of_the_tape(how, agent, rows):
    how = how()
    mine = [row for row in rows if row.vendor == how.vendor]
    with corpus.serve(mine) as server:
        with tracefork.record() as run:
            live = agent(how, mine, server.url)
        assert server.errors == ()
    with tracefork.replay(run.tape) as again:
        replayed = agent(how, mine, server.url)

    assert Counter(kind for kind, _ in live) == how.gives
    assert all(said for kind, said in live if kind == "a stream")
    assert [shaped(*said) for said in replayed] == [shaped(*said) for said in live]
    assert len(run.tape) == len(mine) == sum(how.gives.values())
    assert again.forwarded == 0
    assert again.tape.digest() == run.tape.digest()


def test_every_exchange_of_the_corpus_has_its_sdk(rows):
    vendors = (OpenAI, Anthropic, Google)

    assert Counter(row.vendor for row in rows) == {how.vendor: sum(how.gives.values()) for how in vendors}


@pytest.mark.slow
def test_a_client_that_takes_aiohttp_is_recorded_and_replayed_with_the_server_gone(rows):
    pytest.importorskip("aiohttp")
    how = Google()
    [row, *_] = (row for row in rows if row.vendor == how.vendor)

    async def agent():
        async with how.made(url).aio as client:
            return (await how.ask(client, row)).model_dump()

    with corpus.serve([row]) as server, tracefork.record() as run:
        url = server.url
        said = asyncio.run(agent())
    with tracefork.replay(run.tape):
        again = asyncio.run(agent())

    assert said["candidates"] and len(run.tape) == 1
    assert shaped("whole", again) == shaped("whole", said)


def shaped(kind, said):
    """`said` without the surrogates in cookies: google's objects hold the answer's headers."""
    for event in said if kind == "a stream" else [said]:
        if isinstance(event, tuple):
            shaped(*event)
        elif isinstance(event, dict) and event.get("sdk_http_response"):
            headers = event["sdk_http_response"]["headers"]
            headers.update({name: corpus.shaped(name, value) for name, value in headers.items()})
    return kind, said
