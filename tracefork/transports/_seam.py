"""What httpx and httpx2 share: lifting requests to values, serving answers, teeing bodies.

`lib` is the httpx-like module that an adapter serves; nothing here imports one.
The application sees just what it would see without us: every chunk as it comes,
all headers and extensions, the library's own exceptions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import nullcontext
from typing import Any, cast
from urllib.parse import urlsplit

from ..core.matching import NORMAL, find_boundary
from ..core.values import CANCELLED, Answer, End, Fault, Headers, Request, Response
from ..errors import Refused, TraceforkError
from ..runtime import lanes
from ..runtime.flight import Flight
from ..session import strangers
from ..session.session import Session, current
from ..session.strangers import ASIDE, PAST, Way
from ..session.tools.effects import class_name, make_fault, said
from ._bodies import Gathering, agathered, gathered
from ._served import served


class Seam:
    """The httpx transport protocol in terms of a session; each flavour mixes this in.

    Without a session of its own it belongs to the run of whoever asks, if any.
    """

    lib: Any
    stream: Any
    again: Any

    def __init__(self, session: Session | None, inner: Any) -> None:
        self._session = session
        self._inner = inner

    @property
    def inner(self) -> Any:
        """What forwards live requests."""
        return self._inner

    def handle_request(self, request: Any) -> Any:
        way = self._way(request)
        session = way.run
        if session is None:
            with lanes.aside() if way.aside else nullcontext():
                return self._inner.handle_request(request)
        headers = _pairs(request.headers)
        sent = gathered(request, self._gathering(session, request, headers))
        lifted = lift(request, headers, sent)
        self._admit(way, session, lifted)
        flight = session.port.ask(lifted)
        source = None
        try:
            if flight.served is not None:
                if flight.served == CANCELLED:
                    session.port.hang(flight)
                head = cast("Response | Fault", flight.served)
                if isinstance(head, Fault):
                    session.port.end(flight, head)
                    raise _raised(self.lib, head, request)
            else:
                source = self._forward(session, flight, self._outgoing(session, request, lifted, sent))
                head = self._head(source)
            body = self.stream(session, flight, head, source)
            session.port.head(flight, body.taken)
            if head.status == SWITCHING:
                raise _upgraded(session, flight, body.taken())
        except BaseException:
            session.port.drop(flight, CANCELLED)
            if source is not None:
                source.close()
            raise
        return self._response(session, request, head, source, body)

    async def handle_async_request(self, request: Any) -> Any:
        way = self._way(request)
        session = way.run
        if session is None:
            with lanes.aside() if way.aside else nullcontext():
                return await self._inner.handle_async_request(request)
        headers = _pairs(request.headers)
        sent = await agathered(request, self._gathering(session, request, headers))
        lifted = lift(request, headers, sent)
        self._admit(way, session, lifted)
        flight = await session.port.aask(lifted)
        source = None
        try:
            if flight.served is not None:
                if flight.served == CANCELLED:
                    await session.port.ahang(flight)
                head = cast("Response | Fault", flight.served)
                if isinstance(head, Fault):
                    await session.port.aend(flight, head)
                    raise _raised(self.lib, head, request)
            else:
                source = await self._aforward(session, flight, self._outgoing(session, request, lifted, sent))
                head = self._head(source)
            body = self.stream(session, flight, head, source)
            await session.port.ahead(flight, body.taken)
            if head.status == SWITCHING:
                raise _upgraded(session, flight, body.taken())
        except BaseException:
            session.port.drop(flight, CANCELLED)
            if source is not None:
                await source.aclose()
            raise
        return self._response(session, request, head, source, body)

    def _gathering(self, session: Session, request: Any, headers: Headers) -> Gathering:
        replaced, ours = session.port.replacements(), find_boundary(headers)
        if ours:
            replaced = {**replaced, ours: NORMAL}
        return Gathering(session.max_body, replaced, spooled=self._streams(request))

    def _streams(self, request: Any) -> bool:
        """True for a body that can be read once, and has been when it leaves."""
        return not isinstance(request.stream, self.lib.ByteStream)

    def _way(self, request: Any) -> Way:
        """Where `request` goes.

        Raises:
            Refused: it would leave a replay, and nobody can say whose it is.
        """
        session = self._session or current()
        method, url = request.method, urlsplit(str(request.url))
        host, path = url.hostname or "", url.path
        if session is None:
            if lanes.current() is not None:
                return PAST
            way = strangers.way(method, host, url.port or url.scheme, path)
            if way.nowhere:
                raise self._unreachable(request)
            return way
        if session.is_aside() or (session.over and session.live):
            return PAST
        if self._session is None and session.passes(host, method, path):
            if session.live:
                return ASIDE
            raise self._unreachable(request)
        return Way(session)

    def _admit(self, way: Way, session: Session, asked: Request) -> None:
        """Let a call through that knows no run only if the tape has an answer for it.

        Raises:
            Refused: it has none.
        """
        if way.stranger and not session.port.has_answer(asked):
            raise session.refuse(f"{asked.method} {asked.url}", "thread")

    def _unreachable(self, request: Any) -> Exception:
        """What a call that none may record meets in a replay: nobody listens."""
        error: Exception = self.lib.ConnectError("not recorded, and refused in a replay", request=request)
        return error

    def _forward(self, session: Session, flight: Flight, outgoing: Any) -> Any:
        try:
            with lanes.aside():
                source = self._inner.handle_request(outgoing)
        except TraceforkError:
            raise
        except Exception as exc:  # whatever the transport raises is its answer
            session.port.end(flight, _fault(self.lib, exc))
            raise
        return source

    async def _aforward(self, session: Session, flight: Flight, outgoing: Any) -> Any:
        try:
            with lanes.aside():
                source = await self._inner.handle_async_request(outgoing)
        except TraceforkError:
            raise
        except Exception as exc:  # whatever the transport raises is its answer
            await session.port.aend(flight, _fault(self.lib, exc))
            raise
        return source

    def _outgoing(self, session: Session, request: Any, lifted: Request, sent: Gathering) -> Any:
        """`request` as it leaves: with a body that can be read, and the secrets that the tape had hidden."""
        true = session.port.outgoing(lifted)
        same = true is lifted or true == lifted
        if same and not self._streams(request):
            return request
        headers, content = request.headers.raw, self.again(sent) if self._streams(request) else request.stream
        if not same:
            content = content if true.omitted else self.lib.ByteStream(true.body)
            size = None if true.omitted else str(len(true.body))
            pairs = [(n, size if size and n.lower() == "content-length" else v) for n, v in true.headers]
            headers = _raw(tuple(pairs))
        extensions = request.extensions
        return self.lib.Request(true.method, true.url, headers=headers, stream=content, extensions=extensions)

    def _head(self, source: Any) -> Response:
        """The head of a live response, as a value."""
        extensions = source.extensions
        version = extensions.get("http_version", b"HTTP/1.1").decode("latin-1")
        default = b"" if version == NO_REASONS else source.reason_phrase.encode()
        reason = extensions.get("reason_phrase", default).decode("latin-1")
        return Response(source.status_code, _pairs(source.headers), (), "eof", reason, version)

    def _response(self, session: Session, request: Any, head: Response, source: Any, body: Any) -> Any:
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
        headers = served(head, request.method, instant=session.instant_retries)
        return self.lib.Response(head.status, headers=_raw(headers), stream=body, extensions=extensions)


class Tee:
    """A body on its way to the agent; reports what was taken, once, when reading stops.

    An object and no generator: a generator that was never started runs no `finally`.
    """

    lib: Any

    def __init__(self, session: Session, flight: Flight, head: Response, source: Any) -> None:
        self._session, self._flight, self._head = session, flight, head
        self._inner = source.stream if source is not None else None
        self._served = iter(head.chunks)  # one for all who iterate: a second reader goes on, as on the wire
        self._taken = Gathering(session.max_body)
        self._over = False
        self._closed = False

    def taken(self) -> Answer:
        """What the agent has read, as a body that it closed."""
        return self._got("closed")

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._recorded() if self._inner is None else self._inner:
                self._take(chunk)
                yield chunk
            if self._inner is None and self._head.end == "cancelled":
                self._session.port.hang(self._flight)  # until the agent is interrupted again
            self._close_inner()  # before the end is told: afterwards nothing takes time
            end = self._served_end()
        except GeneratorExit:
            raise
        except TraceforkError:
            self._drop("closed")
            raise
        except Exception as exc:  # whatever the stream raises is how it ended
            self._end(_fault(self.lib, exc))
            raise
        except BaseException:  # an interrupt
            self._drop("cancelled")
            raise
        self._end(end)
        if isinstance(end, Fault):
            raise _raised(self.lib, end)

    def close(self) -> None:
        self._close_inner()
        self._drop("closed")

    async def __aiter__(self) -> AsyncIterator[bytes]:
        try:
            if self._inner is None:
                for chunk in self._recorded():
                    self._take(chunk)
                    yield chunk
                if self._head.end == "cancelled":
                    await self._session.port.ahang(self._flight)  # until the agent gives up again
            else:
                async for chunk in self._inner:
                    self._take(chunk)
                    yield chunk
                await self._aclose_inner()
            end = self._served_end()
        except GeneratorExit:
            raise
        except TraceforkError:
            self._drop("closed")
            raise
        except Exception as exc:  # whatever the stream raises is how it ended
            await self._aend(_fault(self.lib, exc))
            raise
        except BaseException:
            self._drop("cancelled")
            raise
        await self._aend(end)
        if isinstance(end, Fault):
            raise _raised(self.lib, end)

    async def aclose(self) -> None:
        await self._aclose_inner()
        self._drop("closed")

    def _close_inner(self) -> None:
        if self._inner is not None and not self._closed:
            self._closed = True
            self._inner.close()

    async def _aclose_inner(self) -> None:
        if self._inner is not None and not self._closed:
            self._closed = True
            await self._inner.aclose()

    def _take(self, chunk: bytes) -> None:
        self._taken.take(chunk)  # before the agent has it: nothing it saw may be missing
        self._flight.saw_chunk()

    def _got(self, end: End) -> Response:
        head = self._head
        chunks, omitted = self._taken.chunks, self._taken.omitted
        return Response(head.status, head.headers, chunks, end, head.reason, head.http_version, omitted)

    def _recorded(self) -> Iterator[bytes]:
        if self._head.omitted:
            raise self._session.port.omitted(self._flight, self._head.omitted)
        return self._served

    def _end(self, end: End) -> None:
        if not self._over:
            self._over = True
            self._session.port.end(self._flight, self._got(end))

    async def _aend(self, end: End) -> None:
        if not self._over:
            self._over = True
            await self._session.port.aend(self._flight, self._got(end))

    def _drop(self, end: End) -> None:
        if not self._over:
            self._over = True
            self._session.port.drop(self._flight, self._got(end))

    def _served_end(self) -> End:
        """How a body that was read to its last chunk ends."""
        if self._inner is not None:
            return "eof"
        if self._head.end in ("closed", "cancelled"):
            raise self._session.port.stray(self._flight)
        return self._head.end


SWITCHING = 101


def lift(request: Any, headers: Headers, sent: Gathering) -> Request:
    """The request as a value, with the body that `sent` has gathered."""
    return Request(request.method, str(request.url), headers, sent.content, sent.omitted)


NO_REASONS = "HTTP/2"


def _pairs(headers: Any) -> Headers:
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw])


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _fault(lib: Any, exc: Exception) -> Fault:
    own = isinstance(exc, lib.RequestError) and getattr(lib, type(exc).__name__, None) is type(exc)
    return Fault(type(exc).__name__ if own else class_name(exc), said(exc))


def _raised(lib: Any, fault: Fault, request: Any = None) -> Exception:
    """The exception that `fault` was: the library's own class, or whatever class it names."""
    kind = getattr(lib, fault.kind, None)
    if isinstance(kind, type) and issubclass(kind, lib.RequestError):
        error: Exception = kind(fault.message, request=request)
        return error
    return make_fault(fault.kind, fault.message)


def _upgraded(session: Session, flight: Flight, closed: Answer) -> TraceforkError:
    """The refusal of what follows a change of protocols, live as from the tape, which has it as `closed`."""
    session.port.drop(flight, closed)
    url = cast("Request", flight.question).url
    return session.port.fail(
        Refused(f"{url} (it switched protocols, and what follows is not HTTP)", "an upgrade")
    )
