"""Sockets of the asyncio client of `websockets`.

The library makes the handshake, and frames and closes, live and in a replay: there over a connection in
memory, whose far end is a `Peer`. What the agent sends and receives is a `Conversation`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import websockets.asyncio.client as lib
from websockets.uri import parse_uri

from ..host.patching import Target
from ..session.asking import Call
from ..session.session import Session
from ._ways import past
from ._web_socket import Conversation
from ._web_socket_peer import Peer
from ._web_socket_pipes import Pipe
from ._websockets_door import DOOR, SWITCHED, head_of, list_headers, pairs_of
from ._websockets_faults import FAULTS
from ._websockets_sockets import AsyncSocket


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    is_new = hasattr(lib.connect, "open_tcp_connection")  # since version 17
    yield lib.connect, "open_tcp_connection" if is_new else "create_connection", _connect_async
    yield lib.connect, "connect" if is_new else "__await_impl__", _open_async


async def _connect_async(original: Any, connecting: Any) -> Any:
    """A connection whose handshake is asked of the run."""
    way, asked = DOOR.find(connecting.uri)
    if way.run is None:
        with past(way, str(asked.url)):
            return await original(connecting)
    sample = _make_connection(connecting).protocol
    headers = list_headers(
        connecting.uri,
        *_find_given(connecting),
        sample.origin,
        sample.available_subprotocols,
    )
    call = DOOR.ask(way, connecting.uri, headers)
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
            connection = _make_connection(connecting)
            body = b"".join([data async for data in call.athrough()]) if head.status != SWITCHED else b""
            with call.aside():
                connection.connection_made(Pipe(Peer(head, body), connection))
            if head.status == SWITCHED:
                AsyncSocket(connection, Conversation(way.run, call, FAULTS), connection.transport.peer)
    except Exception as exc:
        await call.aleave(exc)
        raise
    return connection


def _make_connection(connecting: Any) -> Any:
    """A connection of the library's that is not connected yet."""
    make = connecting.factory if hasattr(connecting, "factory") else connecting.protocol_factory
    return make(parse_uri(connecting.uri))


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
        if hasattr(connecting, "ws_uri"):
            connecting.ws_uri = parse_uri(connecting.uri)
        additional, agent = _find_given(connecting)
        given = {name.lower() for name, _ in pairs_of(additional)}
        connecting.additional_headers = [(n, v) for n, v in call.outgoing.headers if n.lower() in given]
        if hasattr(connecting, "handshake_args"):
            connecting.handshake_args = connecting.additional_headers, agent


async def _shake_hands(connection: Any, call: Call, run: Session, original: Any, *args: Any) -> None:
    del connection.handshake
    try:
        with call.aside():
            await original(*args)
    except Exception as exc:
        await _record_refusal(call, connection.response, exc)
        raise
    await call.ahead(head_of(connection.response))
    AsyncSocket(connection, Conversation(run, call, FAULTS))


async def _record_refusal(call: Call, response: Any, exc: Exception) -> None:
    if response is None:
        await call.aleave(exc)
        return
    head = head_of(response)
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
