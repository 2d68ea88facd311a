"""Requests of the corpus as a driver of an SDK wants them, and what it makes of answers: plain values."""

from __future__ import annotations

import asyncio
import base64
import inspect
import json
from urllib.parse import parse_qsl, unquote, urlsplit

from attrs import frozen

KEY = "not-a-real-key"


@frozen
class Row:
    """A recorded request. `body` may have been changed since."""

    number: int
    run: str
    provider: str
    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    encoded: bool  # its answer

    @classmethod
    def of(cls, kept):
        return cls(
            kept["number"],
            kept["run"],
            kept["provider"],
            kept["method"],
            kept["url"],
            tuple(map(tuple, kept["req_headers"])),
            base64.b64decode(kept["req_body_b64"]),
            any(name.lower() == "content-encoding" for name, _ in kept["resp_headers"]),
        )

    @property
    def host(self):
        return urlsplit(self.url).hostname

    @property
    def parts(self):
        """The segments of the path."""
        return [unquote(part) for part in urlsplit(self.url).path.split("/")[1:]]

    @property
    def query(self):
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def json(self):
        return json.loads(self.body or b"{}")

    @property
    def asks_stream(self):
        return self.json.get("stream") is True or "stream" in self.parts[-1]

    @property
    def agent(self):
        return next((value for name, value in self.headers if name.lower() == "user-agent"), "")


@frozen
class Heard:
    """What became of a request: `by` is the client that sent it, `said` plain values, or what was raised."""

    by: str
    kind: str
    status: int | None
    said: object


def typed(create, body):
    """The arguments of `create` that send `body`: what it does not know of that goes as `extra_body`."""
    left = dict(body)
    known = inspect.signature(create).parameters
    given = {key: left.pop(key) for key in list(left) if key in known}
    return {**given, **({"extra_body": left} if left else {})}


def plain(thing):
    """`thing` as plain values."""
    if hasattr(thing, "model_dump"):
        return thing.model_dump(mode="json", warnings=False)
    if isinstance(thing, list | tuple):
        return [plain(one) for one in thing]
    if isinstance(thing, dict):
        return {str(key): plain(value) for key, value in thing.items()}
    if isinstance(thing, bytes):
        return thing.decode("utf-8", "backslashreplace")
    return thing if isinstance(thing, str | int | float | bool | None) else repr(thing)


async def finished(thing):
    """What an SDK gives, be it the asynchronous one or the other."""
    return await thing if inspect.isawaitable(thing) else thing


async def events(stream):
    """All events of a stream, of either kind."""
    stream = await finished(stream)
    if hasattr(stream, "__aiter__"):
        return [plain(event) async for event in stream]
    return [plain(event) for event in stream]


def run(work, *, in_loop):
    """What the coroutine `work` gives; without a loop, if it never waits."""
    if in_loop:
        return asyncio.run(work)
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("a client that should not be asynchronous waits")
