"""What httpx and httpx2 share: lifting requests to values, serving answers, teeing bodies.

`lib` is the httpx-like module that an adapter serves; nothing here imports one.
The application sees just what it would see without us: every chunk as it comes,
all headers and extensions, the library's own exceptions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from ..core.values import End, Fault, Headers, Request, Response
from ..session.asking import Call
from ..session.bodies import Gathering, gather_body
from ..session.faults import DOTTED
from ..session.session import Session
from ..session.strangers import Way
from ..session.tools.effects import message_of
from ._bodies import agather, gather
from ._httpx_sockets import AsyncStream, Stream, is_handshake
from ._ways import find_way, past

SWITCHED, STREAM = 101, "network_stream"


class Seam:
    """The httpx transport protocol in terms of a run; each flavour mixes this in.

    Without a run of its own it belongs to the run of whoever asks, if any.
    """

    lib: Any
    stream: Any
    again: Any
    signs = False
    switches = True

    def __init__(self, session: Session | None, inner: Any) -> None:
        self._session = session
        self._inner = inner

    @property
    def inner(self) -> Any:
        """What forwards live requests."""
        return self._inner

    def handle_request(self, request: Any) -> Any:
        way = self._way(request)
        run = way.run
        if run is None:
            with past(way, str(request.url)):
                return self._inner.handle_request(request)
        headers = _pairs(request.headers)
        sent = gather(request, gather_body(run, headers, spooled=self._streams(request)))
        call = self._call(way, run, lift(request, headers, sent), request)
        call.begin()
        source = None
        try:
            if call.served is None:
                outgoing = self._outgoing(call, request, sent)
                with call.aside():
                    source = self._inner.handle_request(outgoing)
            head = call.head(None if source is None else self._head(source))
        except BaseException as exc:
            call.leave(exc)
            if source is not None:
                source.close()
            raise
        response = self._response(request, head, source, self.stream(call, source))
        return self._switch(run, call, response, head, Stream) if head.status == SWITCHED else response

    async def handle_async_request(self, request: Any) -> Any:
        way = self._way(request)
        run = way.run
        if run is None:
            with past(way, str(request.url)):
                return await self._inner.handle_async_request(request)
        headers = _pairs(request.headers)
        sent = await agather(request, gather_body(run, headers, spooled=self._streams(request)))
        call = self._call(way, run, lift(request, headers, sent), request)
        await call.abegin()
        source = None
        try:
            if call.served is None:
                outgoing = self._outgoing(call, request, sent)
                with call.aside():
                    source = await self._inner.handle_async_request(outgoing)
            head = await call.ahead(None if source is None else self._head(source))
        except BaseException as exc:
            await call.aleave(exc)
            if source is not None:
                await source.aclose()
            raise
        response = self._response(request, head, source, self.stream(call, source))
        return self._switch(run, call, response, head, AsyncStream) if head.status == SWITCHED else response

    def _switch(self, run: Session, call: Call, response: Any, head: Response, stream: Any) -> Any:
        """`response`, of a server that has switched to a web socket: what is said over it is the run's."""
        live = response.extensions.get(STREAM) if call.served is None else None
        core = "httpcore2" if self.lib.__name__ == "httpx2" else "httpcore"
        response.extensions = {**response.extensions, STREAM: stream(run, call, head, live, core)}
        return response

    def _call(self, way: Way, run: Session, asked: Request, request: Any) -> Call:
        """The call of `run` that `asked` is, as `request` of the library.

        Raises:
            Refused: who asks knows no run, and the tape has no answer.
        """
        if way.stranger and not run.port.has_answer(asked):
            raise run.refuse(f"{asked.method} {asked.url}", "thread")
        switches = self.switches and request.method == "GET" and is_handshake(request.headers)
        return Call(run, asked, _Faults(self.lib, request), signs=self.signs, switches=switches)

    def _streams(self, request: Any) -> bool:
        """True for a body that can be read once, and has been when it leaves."""
        return not isinstance(request.stream, self.lib.ByteStream)

    def _way(self, request: Any) -> Way:
        """Where `request` goes.

        Raises:
            Refused: it would leave a replay, and nobody can say whose it is.
        """
        way = find_way(request.method, str(request.url), self._session)
        if way.nowhere:
            raise self._unreachable(request)
        return way

    def _unreachable(self, request: Any) -> Exception:
        """What a call that none may record meets in a replay: nobody listens."""
        error: Exception = self.lib.ConnectError("not recorded, and refused in a replay", request=request)
        return error

    def _outgoing(self, call: Call, request: Any, sent: Gathering) -> Any:
        """`request` as it leaves: edited, with a readable body, and the secrets that the tape had hidden."""
        streams = self._streams(request)
        if not call.is_refilled and not streams:
            return request
        true, headers = call.outgoing, request.headers.raw
        stream = self.again(sent) if streams else request.stream
        if call.is_refilled:
            headers = _raw(true.headers)
            stream = stream if true.omitted else self.lib.ByteStream(true.body)
        extensions = request.extensions
        return self.lib.Request(true.method, true.url, headers=headers, stream=stream, extensions=extensions)

    def _head(self, source: Any) -> Response:
        """The head of a live response, as a value."""
        extensions = source.extensions
        version = extensions.get("http_version", b"HTTP/1.1").decode("latin-1")
        default = b"" if version == NO_REASONS else source.reason_phrase.encode()
        reason = extensions.get("reason_phrase", default).decode("latin-1")
        return Response(source.status_code, _pairs(source.headers), (), "eof", reason, version)

    def _response(self, request: Any, head: Response, source: Any, body: Any) -> Any:  # noqa: ARG002
        """What the client gets: the live status, headers and extensions, or the recorded ones.

        Never the live object itself: one that was read already would not read our body.
        """
        if source is not None:
            return self.lib.Response(
                source.status_code, headers=source.headers, stream=body, extensions=source.extensions
            )
        extensions: dict[str, Any] = {"http_version": head.http_version.encode("latin-1", "replace")}
        if head.reason or head.http_version != NO_REASONS:  # an empty one is not a missing one
            extensions["reason_phrase"] = head.reason.encode("latin-1", "replace")
        return self.lib.Response(head.status, headers=_raw(head.headers), stream=body, extensions=extensions)


class Tee:
    """A body on its way to the agent, which ends its call when reading stops.

    An object and no generator: a generator that was never started runs no `finally`.
    """

    def __init__(self, call: Call, source: Any) -> None:
        self._call = call
        self._inner = source.stream if source is not None else None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        call = self._call
        try:
            for chunk in call.chunks() if self._inner is None else self._inner:
                call.chunk(chunk)
                yield chunk
            self._close_inner()  # before the end is told: afterwards nothing takes time
            call.finish(self._live_end())
        except GeneratorExit:
            raise
        except BaseException as exc:
            call.leave(exc)
            raise

    def close(self) -> None:
        self._close_inner()
        self._call.drop("closed")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        call = self._call
        try:
            if self._inner is None:
                for chunk in call.chunks():
                    call.chunk(chunk)
                    yield chunk
            else:
                async for chunk in self._inner:
                    call.chunk(chunk)
                    yield chunk
                await self._aclose_inner()
            await call.afinish(self._live_end())
        except GeneratorExit:
            raise
        except BaseException as exc:
            await call.aleave(exc)
            raise

    async def aclose(self) -> None:
        await self._aclose_inner()
        self._call.drop("closed")

    def _close_inner(self) -> None:
        if self._inner is not None and not self._closed:
            self._closed = True
            self._inner.close()

    async def _aclose_inner(self) -> None:
        if self._inner is not None and not self._closed:
            self._closed = True
            await self._inner.aclose()

    def _live_end(self) -> End | None:
        """How a live body that was read to its last chunk ends; None: as its head says."""
        return None


class _Faults:
    """The exceptions of `lib`: its own classes by their names, all others by their dotted paths."""

    def __init__(self, lib: Any, request: Any) -> None:
        self._lib, self._request = lib, request

    def of(self, exc: Exception) -> Fault:
        kind = type(exc)
        own = isinstance(exc, self._lib.RequestError) and getattr(self._lib, kind.__name__, None) is kind
        return Fault(kind.__name__, message_of(exc)) if own else DOTTED.of(exc)

    def make(self, fault: Fault) -> Exception:
        kind = getattr(self._lib, fault.kind, None)
        if isinstance(kind, type) and issubclass(kind, self._lib.RequestError):
            error: Exception = kind(fault.message, request=self._request)
            return error
        return DOTTED.make(fault)


def lift(request: Any, headers: Headers, sent: Gathering) -> Request:
    """Return the request as a value, with the body that `sent` has gathered."""
    return Request(request.method, str(request.url), headers, sent.content, sent.omitted)


NO_REASONS = "HTTP/2"


def _pairs(headers: Any) -> Headers:
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw])


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
