"""Small agents on the vendors' SDKs: each asks for a title, and then for a poem of that title."""

from __future__ import annotations

import asyncio

import httpx
import pytest

TITLE = {"role": "user", "content": "Write a title."}
POEM = {"role": "user", "content": "Write a poem."}
TEXTS = "A title: Rain, 雨.", "Rain, rain, go away; come again another day."
"""What the peers are told to answer."""

MOST = 12
"""Tokens: a real model on a processor takes its time."""

TIMEOUT = 60
VENDORS = {"anthropic": "Anthropic", "openai": "OpenAI", "groq": "Groq"}


class Maker:
    """Makes clients for the server at `url`; `headers` go with each of their requests."""

    def __init__(self, url, headers=None):
        self.url, self.headers = url, headers

    def __call__(self, vendor, **options):
        return self._made(vendor, VENDORS[vendor], options)

    def task(self, vendor, **options):
        return self._made(vendor, f"Async{VENDORS[vendor]}", options)

    def _made(self, vendor, kind, options):
        base = f"{self.url}/v1" if vendor == "openai" else self.url
        return getattr(pytest.importorskip(vendor), kind)(
            api_key="not-a-real-key", base_url=base, timeout=TIMEOUT, default_headers=self.headers, **options
        )


def twice(ask):
    """Both answers, each as all that `ask` gives; the first of that is its text."""
    first = ask([TITLE])
    return first, ask([TITLE, {"role": "assistant", "content": first[0] or "None."}, POEM])


async def atwice(ask):
    first = await ask([TITLE])
    return first, await ask([TITLE, {"role": "assistant", "content": first[0] or "None."}, POEM])


def anthropic_create(make):
    with make("anthropic") as client:
        return twice(lambda said: message(client.messages.create(model="m", max_tokens=MOST, messages=said)))


def anthropic_stream(make):
    def ask(said):
        with client.messages.stream(model="m", max_tokens=MOST, messages=said) as events:
            seen = [plain(event) for event in events]
            return *message(events.get_final_message()), seen

    with make("anthropic") as client:
        return twice(ask)


def anthropic_create_async(make):
    async def main():
        async def ask(said):
            return message(await client.messages.create(model="m", max_tokens=MOST, messages=said))

        async with make.task("anthropic") as client:
            return await atwice(ask)

    return asyncio.run(main())


def anthropic_stream_async(make):
    async def main():
        async def ask(said):
            async with client.messages.stream(model="m", max_tokens=MOST, messages=said) as events:
                seen = [plain(event) async for event in events]
                return *message(await events.get_final_message()), seen

        async with make.task("anthropic") as client:
            return await atwice(ask)

    return asyncio.run(main())


def chat_create(make, vendor="openai", **options):
    with make(vendor, **options) as client:
        return twice(
            lambda said: completion(client.chat.completions.create(model="m", max_tokens=MOST, messages=said))
        )


def chat_stream(make, vendor="openai", **options):
    def ask(said):
        return deltas(
            map(plain, client.chat.completions.create(model="m", max_tokens=MOST, messages=said, stream=True))
        )

    with make(vendor, **options) as client:
        return twice(ask)


def chat_create_async(make, vendor="openai", **options):
    async def main():
        async def ask(said):
            return completion(await client.chat.completions.create(model="m", max_tokens=MOST, messages=said))

        async with make.task(vendor, **options) as client:
            return await atwice(ask)

    return asyncio.run(main())


def chat_stream_async(make, vendor="openai", **options):
    async def main():
        async def ask(said):
            events = await client.chat.completions.create(
                model="m", max_tokens=MOST, messages=said, stream=True
            )
            return deltas([plain(event) async for event in events])

        async with make.task(vendor, **options) as client:
            return await atwice(ask)

    return asyncio.run(main())


def responses_create(make):
    def ask(said):
        response = client.responses.create(model="m", max_output_tokens=MOST, input=said)
        return response.output_text, plain(response)

    with make("openai") as client:
        return twice(ask)


def responses_stream_async(make):
    async def main():
        async def ask(said):
            events = await client.responses.create(model="m", max_output_tokens=MOST, input=said, stream=True)
            seen = [plain(event) async for event in events]
            return "".join(e["delta"] for e in seen if e["type"] == "response.output_text.delta"), seen

        async with make.task("openai") as client:
            return await atwice(ask)

    return asyncio.run(main())


def legacy_create(make):
    return chat_create(make, http_client=httpx.Client())


def legacy_stream_async(make):
    return chat_stream_async(make, http_client=httpx.AsyncClient())


def groq_stream(make):
    return chat_stream(make, "groq")


def groq_create_async(make):
    return chat_create_async(make, "groq")


def plain(thing):
    return thing.model_dump(warnings=False)


def message(said):
    return "".join(block.text for block in said.content if block.type == "text"), plain(said)


def completion(said):
    return said.choices[0].message.content, plain(said)


def deltas(events):
    events = list(events)
    return "".join(c["delta"]["content"] or "" for e in events for c in e["choices"]), events


ALL = (
    anthropic_create,
    anthropic_stream,
    anthropic_create_async,
    anthropic_stream_async,
    chat_create,
    chat_stream,
    chat_create_async,
    chat_stream_async,
    responses_create,
    responses_stream_async,
    legacy_create,
    legacy_stream_async,
    groq_stream,
    groq_create_async,
)
