"""Sockets of the synchronous client of `websockets`; whoever has imported its `connect` holds a function."""

from __future__ import annotations

from collections.abc import Iterator
from types import CodeType, FunctionType
from typing import Any, cast

import websockets.sync.client as lib
from websockets.http11 import USER_AGENT
from websockets.uri import parse_uri

from ..host.patching import Target
from ..session.asking import Call
from ._ways import past
from ._web_socket import Conversation
from ._web_socket_peer import Peer
from ._web_socket_pipes import NoTLS, Socket
from ._websockets_door import DOOR, SWITCHED, head_of, list_headers, pairs_of
from ._websockets_faults import FAULTS
from ._websockets_sockets import SyncSocket


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
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
    from tracefork.transports.websockets_sync import ENTRY as entry  # noqa: N811, PLC0415  it runs elsewhere

    return entry.call(*args, **kwargs)


ENTRY = _Entry(cast("FunctionType", lib.connect))


def _connect(original: Any, uri: str, **how: Any) -> Any:
    """A synchronous connection whose handshake is asked of the run."""
    way, asked = DOOR.find(uri)
    if way.run is None:
        with past(way, str(asked.url)):
            return original(uri, **how)
    agent = how.get("user_agent_header", USER_AGENT)
    headers = list_headers(
        uri, how.get("additional_headers"), agent, how.get("origin"), how.get("subprotocols")
    )
    call = DOOR.ask(way, uri, headers)
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
        given = {name.lower() for name, _ in pairs_of(how.get("additional_headers"))}
        how = {**how, "additional_headers": [p for p in call.outgoing.headers if p[0].lower() in given]}
    made: list[Any] = []
    factory = how.get("create_connection") or lib.ClientConnection

    def create_connection(*args: Any, **kwargs: Any) -> Any:
        made.append(factory(*args, **kwargs))
        return made[0]

    try:
        with call.aside():
            connection = original(uri, **{**how, "create_connection": create_connection})
    except Exception:
        response = made[0].response if made else None
        if response is not None:
            head = call.head(head_of(response))
            for data in head_of(response).chunks:
                call.chunk(data)
            if head.status == SWITCHED:
                call.drop("closed")
            else:
                call.finish()
        raise
    call.head(head_of(connection.response))
    return connection
