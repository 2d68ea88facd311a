"""An adapter for `botocore`, hence `boto3`: Amazon Bedrock, and whatever else its clients ask.

botocore brings its own HTTP. What its clients ask is met where they send it, below their retries; `attach`
meets it in an event, `before-send`, which may answer a request. Signing and parsing stay botocore's,
and what is to be asked live leaves through the client's own HTTP session.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, nullcontext
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

from botocore import exceptions
from botocore.awsrequest import AWSRequest, AWSResponse
from botocore.client import BaseClient
from botocore.endpoint import Endpoint
from urllib3._collections import HTTPHeaderDict

from ..core.values import Response
from ..errors import TraceforkError
from ..host.patching import Target
from ..runtime import lanes
from ..session.asking import Call
from ..session.bodies import Gathering
from ..session.current import current
from ..session.session import Session
from ..session.strangers import PAST, Way
from . import _aws_credentials
from ._botocore_bodies import Live, Raw, dress, find_end
from ._seam import Seam
from ._ways import find_way, inside

BEFORE_SEND, CREATING = "before-send", "creating-client-class"
VERSIONS = {10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}
LIB = SimpleNamespace(RequestError=(), ByteStream=tuple)  # the seam names exceptions by their dotted paths


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    yield BaseClient, "_make_api_call", _call
    yield Endpoint, "_send", _send
    yield from _aws_credentials.targets()


_heard: WeakSet[Any] = WeakSet()
"""Requests that an attached client let pass: the tool that makes them is told of."""

_CALLING: ContextVar[tuple[Any, str] | None] = ContextVar("tracefork.transports.botocore", default=None)
"""The client that is called here, and its operation."""


def _call(original: Any, client: Any, operation: str, *args: Any, **kwargs: Any) -> Any:
    before = _CALLING.get()
    _CALLING.set((client, operation))
    try:
        return original(client, operation, *args, **kwargs)
    finally:
        _CALLING.set(before)


def _send(original: Any, endpoint: Any, request: Any) -> Any:
    calling = _CALLING.get()
    if calling is None or calling[0]._endpoint is not endpoint:  # noqa: SLF001
        return original(endpoint, request)
    client, operation = calling
    door = _Door(client)
    door.way = way = find_way(request.method, request.url)
    if way.nowhere:
        raise door._unreachable(request)  # noqa: SLF001
    if way.run is None:
        heard = inside() if request in _heard else nullcontext()
        with lanes.aside() if way.aside else nullcontext(), heard:
            return original(endpoint, request)
    with inside():
        return door.answer(request, operation)


def attach(client: Any, run: Session | None = None) -> ExitStack:
    """Record and replay what `client` asks until the stack that is returned is closed, or left as a block.

    Args:
        client: a client of boto3 or botocore; or a session of either, for all clients
            that it makes from now on.
        run: the run that it belongs to; by default the current one of whoever asks,
            and outside of any run nothing changes. Attached twice, the later run wins
            until it is over.

    Raises:
        AttributeError: it is neither, or botocore no longer has what this stands on.
    """
    attached = ExitStack()
    if hasattr(client, "meta"):
        _enter(client, run)
        attached.callback(_leave, client, run)
        return attached
    clients = WeakSet[Any]()

    class Attached:
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            _enter(self, run)
            clients.add(self)

    def creating(base_classes: list[type], **_: Any) -> None:
        base_classes.insert(0, Attached)

    def leave() -> None:
        events.unregister(CREATING, creating)
        for made in list(clients):
            _leave(made, run)

    events = client.events if hasattr(client, "events") else client.get_component("event_emitter")
    events.register(CREATING, creating)
    attached.callback(leave)
    return attached


_doors: WeakKeyDictionary[Any, _Door] = WeakKeyDictionary()


def _enter(client: Any, run: Session | None) -> None:
    if client not in _doors:
        _doors[client] = _Door(client)
        client.meta.events.register_last(BEFORE_SEND, _doors[client].answer)
    _doors[client].runs.append(run)


def _leave(client: Any, run: Session | None) -> None:
    door = _doors[client]
    door.runs.remove(run)
    if not door.runs:
        client.meta.events.unregister(BEFORE_SEND, _doors.pop(client).answer)


class _Asked:
    """A prepared request in the form that the seam lifts."""

    def __init__(self, prepared: Any, operation: str) -> None:
        self.prepared, self.operation = prepared, operation
        self.method, self.url = prepared.method, prepared.url
        self.headers = SimpleNamespace(raw=[(_bytes(n), _bytes(v)) for n, v in prepared.headers.items()])
        self.stream = (self._read(),)

    def _read(self) -> bytes:
        body = self.prepared.body
        if not hasattr(body, "read"):
            return _bytes(body or b"")
        content: bytes = body.read()
        try:
            self.prepared.reset_stream()
        except exceptions.UnseekableStreamError:
            self.prepared.body = content
        return content


class _Network:
    """What answers live, in the form of a transport."""

    def __init__(self, client: Any) -> None:
        self._send = client._endpoint.http_session.send  # noqa: SLF001

    def handle_request(self, request: Any) -> Live | None:
        """Send a prepared request; outside of a run, botocore is left to send by itself."""
        return None if isinstance(request, _Asked) else Live(self._send(request), request)


class _Door(Seam):
    """One client's `before-send`, in terms of the seam."""

    lib, stream, signs, switches = LIB, Raw, True, False

    def __init__(self, client: Any) -> None:
        super().__init__(None, _Network(client))
        self.runs: list[
            Session | None
        ] = []  # as they were attached; None for the current one of whoever asks
        self.way: Way | None = None  # where all goes that comes through this door, if that is known
        self._sign = client._request_signer.sign  # noqa: SLF001

    def answer(self, request: Any, event_name: str, **_: Any) -> Any:
        """Return the response, raise what the network raised, or None for a request that is none of ours."""
        try:
            answer = self.handle_request(_Asked(request, event_name.rpartition(".")[2]))
        except TraceforkError:
            raise
        except Exception as exc:  # the live one itself, or a likeness
            dress(exc, request.url)
            raise
        if answer is None and is_intercepted():
            _heard.add(request)
        return answer

    def _way(self, request: Any) -> Way:
        if self.way is not None:
            return self.way
        for attached in reversed(self.runs):
            self._session = attached
            if attached is None and current() is None and is_intercepted():
                continue
            if (way := super()._way(request)).run is not None:
                return way
        return PAST

    def _unreachable(self, request: Any) -> Exception:
        why = "not recorded, and refused in a replay"
        error: Exception = exceptions.EndpointConnectionError(endpoint_url=request.url, error=why)
        return error

    def _head(self, source: Any) -> Response:
        raw, headers = source.raw, tuple(source.raw.headers.items())
        chunks = (source.content,) if source.content else ()
        end = "eof" if source.bodiless else find_end(headers, len(source.content))
        version = VERSIONS.get(raw.version, "HTTP/1.1")
        return Response(raw.status, headers, chunks, end, raw.reason or "", version)

    def _outgoing(self, call: Call, request: Any, _: Gathering) -> Any:
        """What leaves: edited, or with secrets that the tape had hidden from the agent, it is signed anew."""
        true = call.outgoing
        if not call.is_refilled:
            return request.prepared
        headers = {n: v for n, v in true.headers if n.lower() != "content-length"}
        again = AWSRequest(true.method, true.url, headers, true.body)
        again.context.update(getattr(request.prepared, "context", None) or {})
        again.stream_output = request.prepared.stream_output
        self._sign(request.operation, again)
        return again.prepare()

    def _response(self, request: Any, head: Response, source: Any, body: Any) -> Any:  # noqa: ARG002
        made = AWSResponse(request.url, head.status, HTTPHeaderDict(head.headers), body)
        if not request.prepared.stream_output:
            _ = made.content
        return made


def is_intercepted() -> bool:
    """True while clients are met that are not attached."""
    return hasattr(Endpoint._send, "__wrapped__")  # noqa: SLF001


def _bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
