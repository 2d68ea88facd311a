"""A server of web sockets on this machine, and one client's face on every library that has sockets.

A talk is a coroutine function of a `Talker`. The synchronous clients wear an asynchronous face that never
suspends, so that a talk is driven without a loop.
"""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager, contextmanager, suppress

import pytest
from clients import driven

websockets = pytest.importorskip("websockets")
server_lib = pytest.importorskip("websockets.sync.server")


DIRECT = {"proxy": None} if int(websockets.__version__.split(".")[0]) > 14 else {}


class Server:
    """Handles each socket by `handler(socket, request path)`, on a thread of its own."""

    def __init__(self, handler, **options):
        self._open = set()

        def handle(socket):
            self._open.add(socket)
            with suppress(websockets.ConnectionClosed, OSError):
                handler(socket)
            self._open.discard(socket)

        self._server = server_lib.serve(handle, "127.0.0.1", 0, **options)
        self.port = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self._server.shutdown()
        for socket in list(self._open):
            with suppress(OSError):
                socket.socket.shutdown(2)
        self._thread.join(5)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Closed(Exception):
    """The server has closed the socket."""


class Talker:
    """What a talk is given: `say`, `hear`, `close`."""

    def __init__(self, say, hear, close=None):
        self.say, self.hear, self.close = say, hear, close


def closing(exc):
    return Closed(type(exc).__name__, str(exc))


# -- websockets ------------------------------------------------------------------------------------


@asynccontextmanager
async def by_websockets(url, **options):
    from websockets.asyncio.client import connect

    async with connect(url.replace("http", "ws", 1), **DIRECT, **options) as socket:

        async def hear(timeout=None):
            try:
                return await asyncio.wait_for(socket.recv(), timeout)
            except websockets.ConnectionClosed as exc:
                raise closing(exc) from exc

        yield Talker(socket.send, hear, socket.close)


@asynccontextmanager
async def by_websockets_sync(url, **options):
    from websockets.sync.client import connect

    with connect(url.replace("http", "ws", 1), **DIRECT, **options) as socket:

        async def say(message):
            socket.send(message)

        async def hear(timeout=None):
            try:
                return socket.recv(timeout)
            except websockets.ConnectionClosed as exc:
                raise closing(exc) from exc

        async def close(*args):
            socket.close(*args)

        yield Talker(say, hear, close)


# -- aiohttp ---------------------------------------------------------------------------------------


@asynccontextmanager
async def by_aiohttp(url, **options):
    aiohttp = pytest.importorskip("aiohttp")
    options = {"headers" if n == "additional_headers" else n: v for n, v in options.items()}
    options = {"protocols" if n == "subprotocols" else n: v for n, v in options.items()}
    async with aiohttp.ClientSession() as session, session.ws_connect(url, **options) as socket:

        async def say(message):
            await (socket.send_str(message) if isinstance(message, str) else socket.send_bytes(message))

        async def hear(timeout=None):
            heard = await socket.receive(timeout)
            if heard.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                return heard.data
            raise Closed(heard.type.name, heard.data, heard.extra, socket.close_code)

        async def close(code=1000):
            await socket.close(code=code)

        yield Talker(say, hear, close)


# -- httpx-ws and httpx2 ---------------------------------------------------------------------------


def _faces(socket):
    wsproto = pytest.importorskip("wsproto")

    def read(event):
        return event.data if isinstance(event.data, str) else bytes(event.data)

    return read, wsproto


@asynccontextmanager
async def by_httpx_ws(url, **options):
    library, httpx = pytest.importorskip("httpx_ws"), pytest.importorskip("httpx")
    options = {"headers" if n == "additional_headers" else n: v for n, v in options.items()}
    async with httpx.AsyncClient(trust_env=False) as client:
        async with library.aconnect_ws(url, client, **options) as socket:
            yield _over_wsproto_async(socket, library)


@asynccontextmanager
async def by_httpx2(url, **options):
    library = pytest.importorskip("httpx2")
    pytest.importorskip("wsproto")
    options = {"headers" if n == "additional_headers" else n: v for n, v in options.items()}
    async with library.AsyncClient(trust_env=False) as client:
        async with client.websocket(url, **options) as socket:
            yield _over_wsproto_async(socket, pytest.importorskip("httpx2.websockets"))


def _over_wsproto_async(socket, library):
    read, _ = _faces(socket)

    async def say(message):
        await (socket.send_text(message) if isinstance(message, str) else socket.send_bytes(message))

    async def hear(timeout=None):
        try:
            return read(await socket.receive(timeout))
        except (library.WebSocketDisconnect, library.WebSocketNetworkError) as exc:
            raise closing(exc) from exc

    return Talker(say, hear, socket.close)


@contextmanager
def _sync_socket(url, **options):
    library, httpx = pytest.importorskip("httpx_ws"), pytest.importorskip("httpx")
    options = {"headers" if n == "additional_headers" else n: v for n, v in options.items()}
    with httpx.Client(trust_env=False) as client, library.connect_ws(url, client, **options) as socket:
        yield socket, library


@asynccontextmanager
async def by_httpx_ws_sync(url, **options):
    with _sync_socket(url, **options) as (socket, library):
        read, _ = _faces(socket)

        async def say(message):
            (socket.send_text if isinstance(message, str) else socket.send_bytes)(message)

        async def hear(timeout=None):
            import queue

            try:
                return read(socket.receive(timeout))
            except queue.Empty:
                raise TimeoutError from None
            except (library.WebSocketDisconnect, library.WebSocketNetworkError) as exc:
                raise closing(exc) from exc

        async def close(*args):
            socket.close(*args)

        yield Talker(say, hear, close)


CLIENTS = [by_websockets, by_websockets_sync, by_aiohttp, by_httpx_ws, by_httpx_ws_sync, by_httpx2]
clients = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.__name__)


def talk(client, url, scenario, **options):
    """What `scenario` comes to with a `Talker` of `client`."""

    async def main():
        async with client(url, **options) as talker:
            return await scenario(talker)

    return driven(main()) if client.__name__.endswith("_sync") else asyncio.run(main())


def greet(socket):
    """Says hello, answers each message twice, and closes when it is told to."""
    socket.send("hello")
    for heard in socket:
        if heard == "bye":
            socket.close(1000, "so long")
            return
        if heard == "fail":
            socket.close(4001, "no")
            return
        if heard == "vanish":
            socket.socket.shutdown(2)
            return
        socket.send(heard)
        socket.send(heard[::-1])
