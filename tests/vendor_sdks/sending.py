"""Sends a recorded request again: by the SDK of its vendor, or, where none sends it, by a client of HTTP."""

from __future__ import annotations

import asyncio

from . import others, stainless
from .rows import Heard

BY = {
    "anthropic": stainless.send,
    "azure-openai": stainless.send,
    "deepseek": stainless.send,
    "groq": stainless.send,
    "openai": stainless.send,
    "together": stainless.send,
    "aws-bedrock": others.bedrock,
    "cohere": others.cohere,
    "google-gemini": others.google,
    "google-vertex": others.google,
    "mistral": others.mistral,
    "ollama": others.ollama,
}
"""By whom a vendor's requests are sent."""

_OWN = {"host", "content-length", "connection", "accept-encoding", "transfer-encoding"}


def send(row):
    """What was heard as an answer to `row`."""
    sender = BY.get(row.provider)
    heard = sender(row) if sender is not None else None
    return heard if heard is not None else _send_plainly(row)


def _send_plainly(row):
    """By each library in turn; by httpx where an answer is encoded: under vcrpy no other undoes that."""
    headers = {name: value for name, value in row.headers if name.lower() not in _OWN}
    ways = (_httpx, _requests, _urllib3, _aiohttp)
    by = ways[0 if row.encoded else row.number % len(ways)]
    try:
        status, said = by(row.method.upper(), row.url, headers, row.body)
    except Exception as error:
        return Heard(by.__name__[1:], f"raises {type(error).__name__}", None, str(error))
    return Heard(by.__name__[1:], "bytes", status, said.decode("utf-8", "backslashreplace"))


def _httpx(method, url, headers, body):
    import httpx

    got = httpx.request(method, url, headers=headers, content=body)
    return got.status_code, got.content


def _requests(method, url, headers, body):
    import requests

    got = requests.request(method, url, headers=headers, data=body, timeout=9)
    return got.status_code, got.content


def _urllib3(method, url, headers, body):
    import urllib3

    got = urllib3.request(method, url, headers=headers, body=body, retries=False)
    return got.status, got.data


def _aiohttp(method, url, headers, body):
    import aiohttp
    from yarl import URL

    async def ask():
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, URL(url, encoded=True), headers=headers, data=body) as got,
        ):
            return got.status, await got.read()

    return asyncio.run(ask())
