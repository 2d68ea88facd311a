"""The proxy as an ASGI application: each request is put to a run, and answered by it or by the real server.

What a client sends is asked as it came, but for its host and what belongs to the connection; what
comes back is passed on chunk by chunk. A failure of the network is one for the client, too: its connection
is closed. What the run itself refuses is said in a form that SDKs understand and do not retry.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, TypeAlias
from urllib.parse import urlsplit

import httpx
from attrs import evolve, frozen

from ...core.values import Fault, Headers, Request, Response, is_abandoned
from ...errors import TraceforkError
from ...runtime import lanes
from ...session.asking import Call
from ...session.session import Session
from .addresses import read_address
from .refusals import UPGRADE_REQUIRED, Refusal, refuse

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]

LANE, RUN = "x-tracefork-lane", "x-tracefork-run"
"""Headers by which a client names a lane of the run, and the run; they go no further."""

OF_CONNECTION = frozenset(
    """
    connection expect http2-settings keep-alive proxy-authenticate proxy-authorization proxy-connection te
    trailer transfer-encoding upgrade
    """.split()
)
"""Headers that belong to one connection, and are made anew for the next."""

HERE = frozenset({"127.0.0.1", "localhost", "[::1]"})

BROWSERS = frozenset({"origin", "sec-fetch-site"})
"""Headers that pages send: none is let in that was not told a key."""


@frozen
class Caller:
    """Who asks: by the `key` in the address, "" for none, the run it names, its host and port, and ours."""

    key: str
    run: str
    host: str
    port: int
    served: int = 0


@frozen
class Place:
    """Where what somebody asks belongs: the run, and the lane in it; `look` is awaited once it was asked."""

    run: Session
    lane: str = ""
    look: Callable[[], Awaitable[None]] | None = None


FindPlace: TypeAlias = Callable[[Caller], Place]
"""Returns the place of a caller, or raises a TraceforkError that says why there is none."""

Beside: TypeAlias = Callable[[], AbstractAsyncContextManager[None]]
"""What is to be served beside the gateway, in its loop."""

Breaks: TypeAlias = Callable[[Any], None]
"""Closes the connection that an ASGI scope came by."""


class Gateway:
    """The application; `find_place` says whose a request is, and `breaks` closes its connection.

    If it `is_keyed`, whoever names a key that `find_place` knows was told it; else keys are but names.
    """

    def __init__(
        self, find_place: FindPlace, breaks: Breaks, beside: Beside, *, is_keyed: bool = True
    ) -> None:
        self._find_place = find_place
        self._is_keyed = is_keyed
        self._break = breaks
        self._beside = beside
        self._client: httpx.AsyncClient | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
        elif scope["type"] == "http" and (refused := await self._handle(scope, receive, send)):
            await _send_whole(refused, send)

    async def _live(self, receive: Receive, send: Send) -> None:
        client = httpx.AsyncClient(timeout=None, follow_redirects=False)  # noqa: S113  the agent has its own
        async with client as self._client, self._beside():
            while (message := await receive())["type"] != "lifespan.shutdown":
                await send({"type": f"{message['type']}.complete"})
        await send({"type": "lifespan.shutdown.complete"})

    async def _handle(self, scope: Any, receive: Receive, send: Send) -> Refusal | None:
        headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in scope["headers"])
        named = {name.lower(): value for name, value in headers}
        raw = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        found = read_address(f"{raw}?{query}" if query else raw)
        if found is None:
            return refuse("NotFound", f"{raw} stands for no server: ask .../to/https/HOST/PATH", 404)
        key, url = found
        if not (key and self._is_keyed) and (BROWSERS & named.keys() or not _is_here(named.get("host", ""))):
            return refuse("Refused", "a page in a browser asked, and no program of this machine", 403)
        if named.get("upgrade", "").lower() == "websocket":
            return refuse("Refused", "the gateway passes on HTTP, and no web sockets", UPGRADE_REQUIRED)
        host, port = scope.get("client") or ("", 0)
        caller = Caller(key, named.get(RUN, ""), host, port, scope["server"][1])
        try:
            place = self._find_place(caller)
        except TraceforkError as exc:
            return refuse(type(exc).__name__, str(exc))
        if place.run.over:
            return refuse("Refused", f"the run {place.run.run_id} is over")
        if (body := await _read_body(receive)) is None:
            return None  # the client has left amid its question
        asked = Request(scope["method"], url, _pass_headers(headers, url), body)
        assert self._client is not None
        lane = f"{place.lane}/{named.get(LANE, '')}".strip("/")
        exchange = _Exchange(evolve(place, lane=lane), asked, self._client, send)
        return await self._watch(exchange, scope, receive)

    async def _watch(self, exchange: _Exchange, scope: Any, receive: Receive) -> Refusal | None:
        """Carry out `exchange`, for as long as the client waits for it; return what else to tell it."""
        working = asyncio.ensure_future(exchange.carry_out())
        leaving = asyncio.ensure_future(_wait_until_left(receive))
        try:
            await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
            if not working.done():  # what was served to its end ends as it did, though nobody listens
                left = asyncio.ensure_future(exchange.may_be_left.wait())
                await asyncio.wait({working, left}, return_when=asyncio.FIRST_COMPLETED)
                left.cancel()
                working.cancel()
        except asyncio.CancelledError:  # the gateway ends
            working.cancel()
            await asyncio.wait({working})
            raise
        finally:
            leaving.cancel()
        try:
            await working
        except asyncio.CancelledError:
            if not working.cancelled():
                raise
        except TraceforkError as exc:
            if not exchange.is_begun:
                return refuse(type(exc).__name__, str(exc))
            self._break(scope)
        except Exception:  # noqa: BLE001  whatever the network did, the client's connection does
            self._break(scope)
        return None


class _Exchange:
    """One request of a client on its way through the run at `place`, and the answer on its way back."""

    def __init__(self, place: Place, asked: Request, client: httpx.AsyncClient, send: Send) -> None:
        self._run, self._look = place.run, place.look
        self._asked, self._client, self._send = asked, client, send
        self._strand = lanes.Strand(place.run, place.lane, foreign=True)
        self.is_begun = False
        """True once the client has been given a head."""
        self.may_be_left = asyncio.Event()
        """Set where a client that leaves ends the step: while it is live, or where it left when recorded."""

    async def carry_out(self) -> None:
        """Answer the request.

        Raises:
            TraceforkError: the run cannot answer it.
            Exception: what the network raised, or did when recorded.
        """
        with lanes.within(self._strand):
            if self._is_none_of_the_runs():
                await self._pass_by()
                return
            async with self._run.asking(self._asked) as call, AsyncExitStack() as opened:
                source = None
                if self._look is not None:
                    await self._look()
                if call.served is None:
                    self.may_be_left.set()
                    with call.aside():
                        source = await self._ask(call.outgoing)
                    opened.push_async_callback(source.aclose)
                elif isinstance(call.served, Fault) and is_abandoned(call.served):
                    self.may_be_left.set()
                await self._give_head(await call.ahead(None if source is None else _read_head(source)))
                await self._give_body(call, source)

    async def _give_body(self, call: Call, source: httpx.Response | None) -> None:
        async for chunk in _iterate(call.chunks()) if source is None else source.aiter_raw():
            call.chunk(chunk)
            await self._give_chunk(chunk)
        self.may_be_left.set()
        await call.afinish()
        await self._send({"type": "http.response.body", "body": b""})

    def _is_none_of_the_runs(self) -> bool:
        url = urlsplit(self._asked.url)
        return self._run.passes(url.hostname or "", self._asked.method, url.path)

    async def _pass_by(self) -> None:
        """Let through what `passthrough=` names; in a replay nobody listens there."""
        self.may_be_left.set()
        if not self._run.live:
            raise ConnectionRefusedError(f"not recorded, and refused in a replay: {self._asked.url}")
        with lanes.aside():
            source = await self._ask(self._asked)
        try:
            await self._give_head(_read_head(source))
            async for chunk in source.aiter_raw():
                await self._give_chunk(chunk)
            await self._send({"type": "http.response.body", "body": b""})
        finally:
            await source.aclose()

    async def _ask(self, true: Request) -> httpx.Response:
        headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in true.headers]
        asked = httpx.Request(true.method, true.url, headers=headers, content=true.body or None)
        return await self._client.send(asked, stream=True)

    async def _give_head(self, head: Response) -> None:
        headers = [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in head.headers
            if name.lower() not in OF_CONNECTION
        ]
        self.is_begun = True
        await self._send({"type": "http.response.start", "status": head.status, "headers": headers})

    async def _give_chunk(self, chunk: bytes) -> None:
        await self._send({"type": "http.response.body", "body": chunk, "more_body": True})


def _is_here(host: str) -> bool:
    """True of the names that this machine has for itself: others may be made to mean it."""
    return host.rpartition(":")[0].lower() in HERE or host.lower() in HERE


def _pass_headers(headers: Headers, url: str) -> Headers:
    """The headers of a request as the real server is to see them."""
    host = urlsplit(url).netloc.rpartition("@")[2]
    kept = (pair for pair in headers if pair[0].lower() not in OF_CONNECTION | {LANE, RUN})
    return tuple((name, host if name.lower() == "host" else value) for name, value in kept)


def _read_head(source: httpx.Response) -> Response:
    headers = tuple((n.decode("latin-1"), v.decode("latin-1")) for n, v in source.headers.raw)
    return Response(source.status_code, headers, (), "eof", source.reason_phrase, source.http_version)


async def _read_body(receive: Receive) -> bytes | None:
    """The whole body of a request; None if the client left before its end."""
    chunks = []
    while (message := await receive())["type"] == "http.request":
        chunks.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(chunks)
    return None


async def _wait_until_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _iterate(chunks: Iterator[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk


async def _send_whole(refused: Refusal, send: Send) -> None:
    await send({"type": "http.response.start", "status": refused.status, "headers": list(refused.headers)})
    await send({"type": "http.response.body", "body": refused.body})
