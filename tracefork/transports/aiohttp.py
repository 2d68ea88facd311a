"""Clients of `aiohttp`, met where they ask for a connection: below redirects, above the socket.

What has an answer on the tape gets a connection to nowhere, which takes no place in the pool. In either
case the library itself writes the request, reads the head and makes the response; the body is `Body`'s.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Any

import aiohttp as lib
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from ..core.values import Headers, Request, Response
from ..host.patching import Target
from ..runtime import lanes
from ..session.asking import Call
from ..session.bodies import Gathering
from ..session.served import is_bodiless
from ..session.session import Session
from ._aiohttp_connections import Live, Nowhere
from ._aiohttp_faults import Faults
from ._aiohttp_payload import gather, swap_body
from ._aiohttp_reader import ENCODINGS, Body
from ._aiohttp_sockets import Socket, SocketFaults
from ._seam import Seam
from ._ways import past
from ._web_socket import Conversation
from ._web_socket_peer import Peer, write_handshake

SWITCHED = 101
CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield lib.BaseConnector, "connect", _connect
    yield lib.BaseConnector, "close", _close
    yield lib.ClientSession, "_ws_connect", _open_socket


class _Door(Seam):
    """Where a request of aiohttp's goes, in terms of the seam."""

    async def connect(self, connect: Any, connector: Any, request: Any) -> Any:
        """A connection for `request`, by `connect`, or to nowhere if the tape has the answer."""
        way = self._way(request)
        run = way.run
        if run is None:
            with past(way, str(request.url)):
                return await connect()
        headers = _list_headers(request)
        read = await gather(run, request, headers)
        asked = Request(request.method, str(request.url), headers, read.content, read.omitted)
        if way.stranger and not run.port.has_answer(asked):
            raise run.refuse(f"{asked.method} {asked.url}", "thread")
        faults = Faults(request)
        call = Call(run, asked, faults, switches=_switched.get() is not None)
        return await _Exchange(run, call, faults, request, read).connect(connect, connector)

    def _unreachable(self, request: Any) -> Exception:
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "not recorded, and refused in a replay")
        return lib.ClientConnectorError(request.connection_key, refused)


_DOOR = _Door(None, None)


async def _connect(original: Any, connector: Any, request: Any, *args: Any, **how: Any) -> Any:
    return await _DOOR.connect(lambda: original(connector, request, *args, **how), connector, request)


async def _open_socket(original: Any, session: Any, *args: Any, **how: Any) -> Any:
    """A web socket whose handshake is an exchange, and what is said over it too."""
    switched: list[_Exchange] = []
    before, _ = _switched.get(), _switched.set(switched)
    try:
        socket = await original(session, *args, **how)
    except BaseException:
        for exchange in switched:  # the library does not like its handshake
            exchange.leave()
        raise
    finally:
        _switched.set(before)
    for exchange in switched:
        exchange.converse(socket)
    return socket


_switched: ContextVar[list[_Exchange] | None] = ContextVar("tracefork.aiohttp.switched", default=None)
"""Where a handshake that is on its way puts itself, once the server has switched protocols."""


def _close(original: Any, connector: Any, *args: Any, **how: Any) -> Any:
    with lanes.aside():  # over TLS that sends something
        return original(connector, *args, **how)


def _list_headers(request: Any) -> Headers:
    """The headers of `request`, but for those of what aiohttp does to its body on the way out."""
    left_out = {"transfer-encoding"} if request.chunked else set()
    if request.compress:
        left_out.add("content-encoding")
    return tuple([(str(n), _latin(v)) for n, v in request.headers.items() if n.lower() not in left_out])


class _Exchange:
    """One request on its way until its head is there, in the places where the library goes on with it."""

    def __init__(self, run: Session, call: Call, faults: Faults, request: Any, read: Gathering) -> None:
        self._run, self._call, self._faults, self._request, self._read = run, call, faults, request, read
        self._response: Any = None
        self._connection: Any = None
        self._decodes = True

    async def connect(self, connect: Any, connector: Any) -> Any:
        """The connection to send the request on."""
        call = self._call
        await call.abegin()
        try:
            if call.served is None:
                _ = call.outgoing  # what may not leave needs no connection
                with call.aside():
                    connection = await connect()
                if type(connection) is Connection:
                    connection.__class__ = Live
            else:
                if self._faults.is_connecting(call.served):
                    await call.ahead()
                connection = Nowhere(connector, self._request)
        except BaseException as exc:
            await self._fail(exc)
            raise
        self._faults.connecting = False
        self._keep_encoded(connection.protocol)
        self._request.send = self._send
        return connection

    def _keep_encoded(self, protocol: Any) -> None:
        """Let `protocol` leave the next body as it comes: `Body` decodes it."""

        def set_response_params(**params: Any) -> None:
            del protocol.set_response_params
            self._decodes = params.get("auto_decompress", True)
            protocol.set_response_params(**{**params, "auto_decompress": False})

        protocol.set_response_params = set_response_params

    async def _send(self, connection: Any) -> Any:
        """Send the request, with what must leave in the place of what the agent asked."""
        request, call = self._request, self._call
        del request.send
        as_asked = request.url, request.headers
        try:
            if call.served is None and call.is_refilled:
                self._refill(call.outgoing)
            with call.aside():
                self._response = response = await request.send(connection)
        except BaseException as exc:
            await self._fail(exc)
            raise
        finally:
            refilled, (request.url, request.headers) = request.headers is not as_asked[1], as_asked
        if refilled:
            response._request_info = request.request_info  # noqa: SLF001  what the agent asked
        response.start = self._start
        return response

    def _refill(self, true: Request) -> None:
        request = self._request
        kept = {name for name, _ in _list_headers(request)}
        added = [(n, v) for n, v in request.headers.items() if str(n) not in kept]
        request.url = URL(true.url, encoded=True)
        request.headers = CIMultiDict([*true.headers, *added])
        if not true.omitted:
            swap_body(request, self._read, true.body)

    async def _start(self, connection: Any) -> Any:
        """Read the head, or the recorded one in its place."""
        call, response = self._call, self._response
        del response.start
        source = None
        try:
            if call.served is None:
                await response.start(connection)
                source = response.content
                head = await call.ahead(_head_of(response))
            else:
                head = await call.ahead()
                if response._continue is not None:  # noqa: SLF001  what aiohttp waits for
                    connection.protocol.data_received(CONTINUE)
                connection.protocol.data_received(self._write_head(head))
                await response.start(connection)
            if head.status == SWITCHED:
                self._switch(connection, head)
            else:
                await self._give_body(response, head, source)
        except BaseException as exc:
            await self._fail(exc)
            raise
        return response

    def _write_head(self, head: Response) -> bytes:
        """A head as it comes over the wire: the library reads it as it reads live ones."""
        if head.status == SWITCHED:
            return write_handshake(head, self._request.headers.get("Sec-WebSocket-Key", "").encode())
        return _write_head(head)

    def _switch(self, connection: Any, head: Response) -> None:
        """The server has switched protocols: what follows is a conversation, with a peer in a replay."""
        if self._call.served is not None:
            connection.listen(Peer(head, greeted=True))
        self._connection = connection
        switched = _switched.get()
        if switched is not None:
            switched.append(self)

    def converse(self, socket: Any) -> None:
        """Let what is said over `socket` be the run's."""
        talk = Conversation(self._run, self._call, SocketFaults())
        if self._call.served is None:
            Socket(socket, talk)
        else:
            Socket(socket, talk, self._connection.peer, self._connection.give)

    def leave(self) -> None:
        """End the handshake, of which nothing came."""
        self._call.drop("closed")

    async def _give_body(self, response: Any, head: Response, source: Any) -> None:
        empty = response.headers.get("Content-Length") == "0" or is_bodiless(response.method, head.status)
        if empty and not head.chunks and head.end == "eof":
            await self._call.afinish()
            return
        coded = response.headers.get("Content-Encoding", "").lower() if self._decodes else ""
        chunked = "chunked" in response.headers.get("Transfer-Encoding", "").lower()
        coded = coded if coded in ENCODINGS else ""
        response.content = body = Body(self._call, source, coded, chunked=chunked)
        if source is None:
            body.on_eof(response._response_eof)  # noqa: SLF001  what the library gives each body

    async def _fail(self, exc: BaseException) -> None:
        """End the step by `exc`, raised here; a limit of all the request's time interrupts its task."""
        timer = self._request._timer  # noqa: SLF001  only it knows
        if isinstance(exc, asyncio.CancelledError) and getattr(timer, "_cancelled", False):
            self._faults.connecting = False
            exc = TimeoutError()
        await self._call.aleave(exc)


def _head_of(response: Any) -> Response:
    """The head of a live response, as a value."""
    pairs = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in response.raw_headers]
    major, minor = response.version
    reason = _latin(response.reason or "")
    return Response(response.status, tuple(pairs), (), "eof", reason, f"HTTP/{major}.{minor}")


def _write_head(head: Response) -> bytes:
    """A head as it comes over the wire: the library reads it as it reads live ones."""
    version = head.http_version if head.http_version in ("HTTP/1.0", "HTTP/1.1") else "HTTP/1.1"
    lines = [f"{version} {head.status:03d} {head.reason}", *(f"{n}: {v}" for n, v in head.headers), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def _latin(text: str) -> str:
    """`text` as aiohttp decodes what came over the wire, as it is kept."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")
