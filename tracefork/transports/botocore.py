"""An adapter for `botocore`, hence `boto3`: Amazon Bedrock, and whatever else its clients ask.

botocore brings its own HTTP, and events instead of transports: `before-send` may answer
a request. Signing, retries and parsing stay botocore's, and what is to be asked live
leaves through the client's own HTTP session.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from types import SimpleNamespace
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import urllib3.exceptions
from botocore import exceptions
from botocore.awsrequest import AWSRequest, AWSResponse
from urllib3._collections import HTTPHeaderDict

from ..core.values import End, Fault, Headers, Response
from ..errors import TraceforkError
from ..session.asking import Call
from ..session.bodies import Gathering
from ..session.served import is_bodiless
from ..session.session import Session
from ..session.strangers import PAST, Way
from ._seam import Seam, Tee

BEFORE_SEND, CREATING = "before-send", "creating-client-class"
VERSIONS = {10: "HTTP/1.0", 11: "HTTP/1.1", 20: "HTTP/2"}
LIB = SimpleNamespace(RequestError=(), ByteStream=tuple)  # the seam names exceptions by their dotted paths


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


class _Live:
    """What the network answers: `pieces` says how its body is to be read next.

    `stream` is None for a body that botocore has read to its end already.
    """

    def __init__(self, response: Any, sent: Any) -> None:
        self.raw = response.raw
        self.stream = self if sent.stream_output else None
        self.pieces: Callable[[], Iterable[bytes]] = self.raw.stream
        self.content: bytes = b"" if sent.stream_output else response.content
        self.bodiless = sent.stream_output or is_bodiless(sent.method, self.raw.status)

    def __iter__(self) -> Iterator[bytes]:
        yield from self.pieces()

    def close(self) -> None:
        self.raw.close()


class _Raw(io.IOBase, Tee):
    """A body as botocore reads it: the part of urllib3's response that it uses."""

    def __init__(self, call: Call, source: Any) -> None:
        Tee.__init__(self, call, source)
        self._headers = source.raw.headers if source is not None else {}
        self._rest = bytearray()  # served, and more than `read` was asked for
        self._position = 0

    def stream(self, amt: int = 2**16) -> Iterator[bytes]:
        """The chunks as they come, or as they came."""
        if self._inner is not None:
            self._inner.pieces = partial(self._inner.raw.stream, amt)
        if rest := self.read(len(self._rest)):
            yield rest
        for chunk in self._pulled():
            self._position += len(chunk)
            yield chunk

    def read(self, amt: int | None = None) -> bytes:
        """`amt` bytes, fewer only at the end; all that are left without it."""
        wanted = None if amt is None or amt < 0 else amt
        while wanted is None or len(self._rest) < wanted:
            if self._inner is not None:
                left = None if wanted is None else wanted - len(self._rest)
                self._inner.pieces = partial(_reads, self._inner.raw, left)
            if (chunk := next(self._pulled(), None)) is None:
                break
            self._rest += chunk
        data = bytes(self._rest[:wanted])
        del self._rest[:wanted]
        self._position += len(data)
        return data

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def readable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        Tee.close(self)
        io.IOBase.close(self)

    @property
    def _fp(self) -> Any:  # where StreamingBody.set_socket_timeout looks for the socket
        return NO_SOCKET if self._inner is None else self._inner.raw._fp  # noqa: SLF001

    def _live_end(self) -> End | None:
        return None if self._inner is None else _end(tuple(self._headers.items()), self._call.taken_length)

    def _pulled(self) -> Iterator[bytes]:
        if self.closed:
            return
        try:
            yield from Tee.__iter__(self)
        except TraceforkError:
            raise
        except exceptions.IncompleteReadError:  # for whoever counts to find: here it is but the end
            return
        except Exception as exc:  # the live one itself, or a likeness
            _dress(exc, self._call.url)
            raise


NO_SOCKET = SimpleNamespace(
    fp=SimpleNamespace(raw=SimpleNamespace(_sock=SimpleNamespace(settimeout=lambda _: None)))
)


class _Network:
    """What answers live, in the form of a transport."""

    def __init__(self, client: Any) -> None:
        self._send = client._endpoint.http_session.send  # noqa: SLF001

    def handle_request(self, request: Any) -> _Live | None:
        """Send a prepared request; outside of a run, botocore is left to send by itself."""
        return None if isinstance(request, _Asked) else _Live(self._send(request), request)


class _Door(Seam):
    """One client's `before-send`, in terms of the seam."""

    lib, stream, signs, switches = LIB, _Raw, True, False

    def __init__(self, client: Any) -> None:
        super().__init__(None, _Network(client))
        self.runs: list[
            Session | None
        ] = []  # as they were attached; None for the current one of whoever asks
        self._sign = client._request_signer.sign  # noqa: SLF001

    def answer(self, request: Any, event_name: str, **_: Any) -> Any:
        """Return the response, raise what the network raised, or None for a request that is none of ours."""
        try:
            return self.handle_request(_Asked(request, event_name.rpartition(".")[2]))
        except TraceforkError:
            raise
        except Exception as exc:  # the live one itself, or a likeness
            _dress(exc, request.url)
            raise

    def _way(self, request: Any) -> Way:
        for attached in reversed(self.runs):
            self._session = attached
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
        end = "eof" if source.bodiless else _end(headers, len(source.content))
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


def _end(headers: Headers, size: int) -> End:
    """How a body of `size` bytes ends: urllib3, as botocore uses it, does not mind if it is cut short."""
    promised = next((value for name, value in headers if name.lower() == "content-length"), "")
    if promised.isdigit() and size < int(promised):
        return Fault("botocore.exceptions.IncompleteReadError", f"{size} of {promised} bytes")
    return "eof"


def _reads(raw: Any, amt: int | None) -> Iterator[bytes]:
    while data := raw.read(amt):
        yield data


def _dress(exc: Exception, url: str) -> None:
    """Give `exc`, if it was rebuilt from a tape, the attributes of its class: no `__init__` has run."""
    has: dict[str, Any] = {}
    if isinstance(exc, exceptions.BotoCoreError):
        has = {"kwargs": {"endpoint_url": url, "error": str(exc)}, "request": None, "response": None}
    elif isinstance(exc, urllib3.exceptions.RequestError):
        has = {"pool": None, "url": None}  # as the live one: urllib3 does not know it there
    for name, value in has.items():
        vars(exc).setdefault(name, value)


def _bytes(text: Any) -> bytes:
    return text.encode() if isinstance(text, str) else bytes(text)
