"""Services whose answers are to be followed, each with the agents that follow them.

A service refuses what does not hold the secrets that it gave out, to the letter: a live agent that was
handed anything else fails. What an agent returns says what it did with a secret and what it could read of
it, `shape` and all, and never the secret itself.
"""

from __future__ import annotations

import hashlib
import http.client
import io
import json
import os
import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import requests
from attrs import frozen
from urllib3 import HTTPResponse

from tracefork import Response

KEY = "Qm7Zt4Xw9Rb2Nc6Vk1Hs"
"""The secret of who asks, as SHOP_API_KEY."""

NOW = 1_790_000_000
"""What the clock says to those who compare it to a token's claims."""

PIECE = 1000
"""Bytes of an upload that are sent at once."""

VIDEO = hashlib.shake_256(b"a video").digest(5 * PIECE // 2)


@frozen
class Follower:
    """An agent, the service that it asks, and what must be importable for it."""

    agent: Callable[[str], Any]
    service: Callable[[], Service]
    needs: tuple[str, ...] = ()
    turns: int = 0
    """The exchange that first needs a secret which an answer gave; 0: none that a test goes to."""

    says_key: bool = False
    """It sends the key in a body, so that a replay needs one as well, though any does."""


FOLLOWERS: dict[str, Follower] = {}
"""All of them; filled by the modules beside this one."""


def follows(service, *needs, name="", **more):
    """Put an agent into the table."""

    def kept(agent):
        FOLLOWERS[name or agent.__name__] = Follower(agent, service, needs, **more)
        return agent

    return kept


class Service:
    """Answers requests; `secrets` are those that no tape may have."""

    secrets: tuple[str, ...] = ()

    def __call__(self, request):
        at = urlsplit(request.url)
        asked = SimpleNamespace(
            way=(request.method, at.path),
            url=request.url,
            host=f"{at.scheme}://{at.netloc}",
            query=dict(parse_qsl(at.query)),
            headers={name.lower(): value for name, value in request.headers},
            body=request.body,
        )
        return self.answer(asked) or said({"error": f"no {request.method} {request.url}"}, 403)


def said(tree, status=200, *headers):
    """An answer of JSON, or of bytes."""
    body = tree if isinstance(tree, bytes) else json.dumps(tree).encode()
    kind = "application/octet-stream" if isinstance(tree, bytes) else "application/json"
    given = () if any(name.lower() == "content-type" for name, _ in headers) else (("content-type", kind),)
    return Response(status, (*given, ("content-length", str(len(body))), *headers), (body,))


def shape(text):
    """What stays of a secret when it is replaced: its length, and the kind of each of its letters."""
    return re.sub("[a-z]", "a", re.sub("[A-Z]", "A", re.sub("[0-9]", "0", text)))


def key():
    return os.environ.get("SHOP_API_KEY", "nobody has set one")


def drawn(seed, length, alphabet="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"):
    """A text as if drawn, the same each time."""
    bits = int.from_bytes(hashlib.shake_256(seed.encode()).digest(2 * length), "big")
    return "".join(alphabet[bits // 2 ** (16 * n) % 65536 % len(alphabet)] for n in range(length))


def client(**options):
    return httpx.Client(trust_env=False, **options)


def sound(response):
    response.raise_for_status()
    return response


class OverHttpx(requests.adapters.HTTPAdapter):
    """What clients that are made of requests send by: httpx, which runs record."""

    def send(self, request, **options):
        body = request.body.encode() if isinstance(request.body, str) else request.body
        try:
            with client() as http_client:
                got = http_client.request(
                    request.method, request.url, headers=dict(request.headers), content=body
                )
        except httpx.TransportError as exc:
            raise requests.ConnectionError(str(exc), request=request) from exc
        message = http.client.HTTPMessage()
        for name, value in got.headers.multi_items():
            if name != "transfer-encoding":
                message[name] = value
        raw = HTTPResponse(
            io.BytesIO(got.content),
            headers=message.items(),
            status=got.status_code,
            reason=got.reason_phrase,
            preload_content=False,
            original_response=SimpleNamespace(msg=message, isclosed=lambda: True, close=lambda: None),
        )
        return self.build_response(request, raw)
