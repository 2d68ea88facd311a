"""Clients of `aiohttp`, met where they ask for a connection: below redirects, above the socket.

What has an answer on the tape gets a connection to nowhere, which takes no place in the pool. In either
case the library itself writes the request, reads the head and makes the response; the body is `Body`'s.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator
from typing import Any

import aiohttp as lib
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from multidict import CIMultiDict
from yarl import URL

from ..core.values import Headers, Request, Response
from ..host.patching import Target
from ..runtime import lanes
from ..session.asking import Call
from ..session.bodies import Gathering
from ..session.served import is_bodiless
from ._aiohttp_faults import Faults
from ._aiohttp_payload import gather, swap_body
from ._aiohttp_reader import ENCODINGS, Body
from ._seam import Seam, past

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield lib.BaseConnector, "connect", _connect
    yield lib.BaseConnector, "close", _close


class _Door(Seam):
    """Where a request of aiohttp's goes, in terms of the seam."""

    async def connect(self, connect: Any, connector: Any, request: Any) -> Any:
        """A connection for `request`, by `connect`, or to nowhere if the tape has the answer."""
        way = self._way(request)
        run = way.run
        if run is None:
            with past(way, request):
                return await connect()
        headers = _list_headers(request)
        read = await gather(run, request, headers)
        asked = Request(request.method, str(request.url), headers, read.content, read.omitted)
        if way.stranger and not run.port.has_answer(asked):
            raise run.refuse(f"{asked.method} {asked.url}", "thread")
        faults = Faults(request)
        return await _Exchange(Call(run, asked, faults), faults, request, read).connect(connect, connector)

    def _unreachable(self, request: Any) -> Exception:
        refused = ConnectionRefusedError(errno.ECONNREFUSED, "not recorded, and refused in a replay")
        return lib.ClientConnectorError(request.connection_key, refused)


_DOOR = _Door(None, None)


async def _connect(original: Any, connector: Any, request: Any, *args: Any, **how: Any) -> Any:
    return await _DOOR.connect(lambda: original(connector, request, *args, **how), connector, request)


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

    def __init__(self, call: Call, faults: Faults, request: Any, read: Gathering) -> None:
        self._call, self._faults, self._request, self._read = call, faults, request, read
        self._response: Any = None
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
                    connection.__class__ = _Live
            else:
                if self._faults.is_connecting(call.served):
                    await call.ahead()
                connection = _Nowhere(connector, self._request)
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
                connection.protocol.data_received(_write_head(head))
                await response.start(connection)
            await self._give_body(response, head, source)
        except BaseException as exc:
            await self._fail(exc)
            raise
        return response

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


class _Live(Connection):
    """A connection that is closed aside: over TLS that sends something."""

    def close(self) -> None:
        with lanes.aside():
            super().close()

    def release(self) -> None:
        with lanes.aside():
            super().release()


class _Nowhere(Connection):
    """A connection that takes what is written, and is in no pool."""

    def __init__(self, connector: Any, request: Any) -> None:
        loop = asyncio.get_running_loop()
        protocol = ResponseHandler(loop)
        protocol.transport = _NoTransport()
        super().__init__(connector, request.connection_key, protocol, loop)

    def close(self) -> None:
        self._notify_release()
        self._protocol = None

    release = close

    def __del__(self, *_: Any) -> None:
        pass


class _NoTransport(asyncio.Transport):
    """Where nothing is sent."""

    def __init__(self) -> None:
        super().__init__()
        self._closed = False

    def write(self, data: Any) -> None:
        pass

    def writelines(self, list_of_data: Any) -> None:
        pass

    def is_closing(self) -> bool:
        return self._closed

    def close(self) -> None:
        self._closed = True

    abort = close

    def get_write_buffer_size(self) -> int:
        return 0

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


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
