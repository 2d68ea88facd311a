"""Sockets of `websockets`, of its asyncio and of its synchronous client.

The library makes the handshake, and frames and closes, live and in a replay: there over a connection in
memory, whose far end is a `Peer`. What the agent sends and receives is a `Conversation`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from types import CodeType, FunctionType, SimpleNamespace
from typing import Any, cast

import websockets.asyncio.client as aio
import websockets.sync.client as sync
from websockets.client import ClientProtocol
from websockets.http11 import USER_AGENT
from websockets.uri import parse_uri

from ..core.values import Headers, Request, Response
from ..host.patching import Target
from ..session.asking import Call
from ..session.session import Session
from ._seam import Seam
from ._ways import past
from ._web_socket import Conversation
from ._web_socket_peer import Peer
from ._web_socket_pipes import NoTLS, Pipe, Socket
from ._websockets_faults import FAULTS
from ._websockets_sockets import AsyncSocket, SyncSocket

SWITCHED = 101


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield aio.connect, "create_connection", _connect_async
    yield aio.connect, "__await_impl__", _open_async
    yield ENTRY, "call", _connect


class _Entry:
    """The function `websockets.sync.client.connect` as an attribute, `call`.

    Whoever has imported it holds the function itself: while something else stands here, that is what the
    function does.
    """

    call: Any

    def __init__(self, function: FunctionType) -> None:
        made = FunctionType(function.__code__, function.__globals__, function.__name__, function.__defaults__)
        made.__kwdefaults__ = function.__kwdefaults__
        vars(self).update(_function=function, _code=function.__code__, _made=made, call=made)

    def __setattr__(self, name: str, value: Any) -> None:
        vars(self)[name] = value
        code: CodeType = self._code if value is self._made else _stand_in.__code__
        self._function.__code__ = code

    _function: Any
    _code: Any
    _made: Any


def _stand_in(*args: Any, **kwargs: Any) -> Any:
    from tracefork.transports.websockets import ENTRY as entry  # noqa: N811, PLC0415  it runs elsewhere

    return entry.call(*args, **kwargs)


ENTRY = _Entry(cast("FunctionType", sync.connect))


class _Door(Seam):
    """Where a handshake goes, in terms of the seam."""

    def find(self, url: str) -> tuple[Any, Any]:
        asked = SimpleNamespace(method="GET", url=url)
        return self._way(asked), asked

    def ask(self, way: Any, url: str, headers: Headers) -> Call:
        run: Session = way.run
        asked = Request("GET", url, headers)
        if way.stranger and not run.port.has_answer(asked):
            raise run.refuse(f"GET {url}", "thread")
        return Call(run, asked, FAULTS, switches=True)

    def _unreachable(self, request: Any) -> Exception:  # noqa: ARG002
        return ConnectionRefusedError("not recorded, and refused in a replay")


_DOOR = _Door(None, None)


def _list_headers(
    url: str, additional: Any, user_agent: str | None, origin: Any, subprotocols: Any
) -> Headers:
    """The headers that the library asks with, but for a key of its own."""
    request = ClientProtocol(parse_uri(url), origin=origin, subprotocols=subprotocols).connect()
    if additional is not None:
        request.headers.update(additional)
    if user_agent is not None:
        request.headers.setdefault("User-Agent", user_agent)
    return tuple((n, v) for n, v in request.headers.raw_items() if n.lower() != "sec-websocket-key")


def _head_of(response: Any) -> Response:
    pairs = tuple((str(n), str(v)) for n, v in response.headers.raw_items())
    body = bytes(response.body or b"")
    return Response(response.status_code, pairs, (body,) if body else (), "eof", response.reason_phrase)


# -- asyncio -------------------------------------------------------------------------------------


async def _connect_async(original: Any, connecting: Any) -> Any:
    """A connection whose handshake is asked of the run."""
    way, asked = _DOOR.find(connecting.uri)
    if way.run is None:
        with past(way, str(asked.url)):
            return await original(connecting)
    sample = connecting.protocol_factory(parse_uri(connecting.uri)).protocol
    headers = _list_headers(
        connecting.uri,
        *_find_given(connecting),
        sample.origin,
        sample.available_subprotocols,
    )
    call = _DOOR.ask(way, connecting.uri, headers)
    await call.abegin()
    connecting.pending = call
    try:
        if call.served is None:
            with call.aside():
                _refill(connecting, call)
                connection = await original(connecting)
            connection.handshake = partial(_shake_hands, connection, call, way.run, connection.handshake)
        else:
            head = await call.ahead()
            connection = connecting.protocol_factory(parse_uri(connecting.uri))
            body = b"".join([data async for data in call.athrough()]) if head.status != SWITCHED else b""
            with call.aside():
                connection.connection_made(Pipe(Peer(head, body), connection))
            if head.status == SWITCHED:
                AsyncSocket(connection, Conversation(way.run, call, FAULTS), connection.transport.peer)
    except Exception as exc:
        await call.aleave(exc)
        raise
    return connection


def _find_given(connecting: Any) -> tuple[Any, str | None]:
    """The headers that the agent has given, and its user agent."""
    if hasattr(connecting, "handshake_args"):  # up to version 14
        given: tuple[Any, str | None] = connecting.handshake_args
        return given
    return connecting.additional_headers, connecting.user_agent_header


def _refill(connecting: Any, call: Call) -> None:
    """Let the handshake leave as it must."""
    if call.is_refilled:
        connecting.uri = call.outgoing.url
        additional, agent = _find_given(connecting)
        given = {name.lower() for name, _ in _pairs_of(additional)}
        connecting.additional_headers = [(n, v) for n, v in call.outgoing.headers if n.lower() in given]
        if hasattr(connecting, "handshake_args"):
            connecting.handshake_args = connecting.additional_headers, agent


def _pairs_of(headers: Any) -> list[tuple[str, str]]:
    if headers is None:
        return []
    return list(headers.items()) if isinstance(headers, Mapping) else list(headers)


async def _shake_hands(connection: Any, call: Call, run: Session, original: Any, *args: Any) -> None:
    del connection.handshake
    try:
        with call.aside():
            await original(*args)
    except Exception as exc:
        await _record_refusal(call, connection.response, exc)
        raise
    await call.ahead(_head_of(connection.response))
    AsyncSocket(connection, Conversation(run, call, FAULTS))


async def _record_refusal(call: Call, response: Any, exc: Exception) -> None:
    if response is None:
        await call.aleave(exc)
        return
    head = _head_of(response)
    await call.ahead(head)
    for data in head.chunks:
        call.chunk(data)
    if head.status == SWITCHED:  # the library does not like it
        call.drop("closed")
    else:
        await call.afinish()


async def _open_async(original: Any, connecting: Any) -> Any:
    """Open a socket, and end the handshake that was interrupted as it is told."""
    try:
        return await original(connecting)
    except BaseException as exc:
        pending = vars(connecting).get("pending")
        if pending is not None:
            await pending.aleave(exc)
        raise
    finally:
        vars(connecting).pop("pending", None)


# -- threads -------------------------------------------------------------------------------------


def _connect(original: Any, uri: str, **how: Any) -> Any:
    """A synchronous connection whose handshake is asked of the run."""
    way, asked = _DOOR.find(uri)
    if way.run is None:
        with past(way, str(asked.url)):
            return original(uri, **how)
    agent = how.get("user_agent_header", USER_AGENT)
    headers = _list_headers(
        uri, how.get("additional_headers"), agent, how.get("origin"), how.get("subprotocols")
    )
    call = _DOOR.ask(way, uri, headers)
    call.begin()
    try:
        if call.served is None:
            connection = _connect_live(original, uri, how, call)
            peer = None
        else:
            head = call.head()
            body = b"".join(call.through()) if head.status != SWITCHED else b""
            peer = Peer(head, body)
            sock = Socket(peer)
            with call.aside():
                secure = {"ssl": NoTLS()} if parse_uri(uri).secure else {}
                connection = original(uri, **{**how, **secure, "sock": sock})
    except BaseException as exc:
        call.leave(exc)
        raise
    SyncSocket(connection, Conversation(way.run, call, FAULTS), peer)
    return connection


def _connect_live(original: Any, uri: str, how: dict[str, Any], call: Call) -> Any:
    if call.is_refilled:
        uri = call.outgoing.url
        given = {name.lower() for name, _ in _pairs_of(how.get("additional_headers"))}
        how = {**how, "additional_headers": [p for p in call.outgoing.headers if p[0].lower() in given]}
    made: list[Any] = []
    factory = how.get("create_connection") or sync.ClientConnection

    def create_connection(*args: Any, **kwargs: Any) -> Any:
        made.append(factory(*args, **kwargs))
        return made[0]

    try:
        with call.aside():
            connection = original(uri, **{**how, "create_connection": create_connection})
    except Exception:
        response = made[0].response if made else None
        if response is not None:
            head = call.head(_head_of(response))
            for data in _head_of(response).chunks:
                call.chunk(data)
            if head.status == SWITCHED:
                call.drop("closed")
            else:
                call.finish()
        raise
    call.head(_head_of(connection.response))
    return connection
