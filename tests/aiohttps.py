"""Scenarios for aiohttp: a coroutine function of a session, the same bare, recorded and replayed."""

from __future__ import annotations

import asyncio

import pytest
from clients import proves

from tracefork import Response
from tracefork.testing.scripted import by_rule
from tracefork.testing.server import LoopbackServer

aiohttp = pytest.importorskip("aiohttp")
VERSION = tuple(int(part) for part in aiohttp.__version__.split(".")[:2])


def run(scenario, **options):
    """What `scenario` comes to with a session that is made with `options`."""

    async def main():
        jar = aiohttp.CookieJar(unsafe=True)  # else it takes none of an address
        async with aiohttp.ClientSession(cookie_jar=jar, **options) as session:
            return await scenario(session)

    return asyncio.run(main())


def proved(scenario, server, tmp_path, **options):
    return proves(lambda: run(scenario, **options), server, tmp_path)


async def told(doing):
    """What an agent can tell of how `doing` failed."""
    try:
        return await doing
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        said = [type(exc), str(exc)]
        for name in ("errno", "host", "port", "status", "message", "headers", "os_error"):
            value = getattr(exc, name, None)
            said.append(value if isinstance(value, int) else str(value))
        return said


def at(listener):
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def echo(request):
    return Response(200, (("X-Method", request.method),), (request.body,))


def echoing():
    return LoopbackServer(by_rule(echo))


async def whole(session, url, **options):
    async with session.get(url, **options) as got:
        return await got.read()


async def pieces():
    for piece in (b"one, ", b"two, ", b"", b"three"):
        yield piece


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": scope["path"].encode()})
