"""What httpx and httpx2 share: lifting requests to values, serving answers, teeing bodies.

`lib` is the httpx-like module that an adapter serves; nothing here imports one.
The application sees just what it would see without us: every chunk as it comes,
all headers and extensions, the library's own exceptions.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from attrs import evolve

from .. import lanes
from ..core.values import CANCELLED, Answer, End, Fault, Headers, Request, Response
from ..effects import class_name, rebuilt, said
from ..errors import Refused, TraceforkError
from ..flight import Flight
from ..session import Session, current


class Seam:
    """The httpx transport protocol in terms of a session; each flavour mixes this in.

    Without a session of its own it belongs to the context's run, if any.
    """

    lib: Any
    stream: Any

    def __init__(self, session: Session | None, inner: Any) -> None:
        self._session = session
        self._inner = inner

    def handle_request(self, request: Any) -> Any:
        session = self._run()
        if session is None:
            return self._inner.handle_request(request)
        request.read()
        lifted = lift(request)
        flight = session.port.ask(lifted)
        source = None
        try:
            if flight.served is not None:
                if flight.served == CANCELLED:
                    session.port.hang(flight)
                if isinstance(flight.served, Fault):
                    session.port.end(flight, flight.served)
                    raise _raised(self.lib, flight.served, request)
                head = cast("Response", flight.served)
            else:
                try:
                    source, head = self._forward(session, request, lifted)
                except TraceforkError:
                    raise
                except Exception as exc:  # whatever the transport raises is its answer
                    session.port.end(flight, _fault(self.lib, exc))
                    raise
            body = self.stream(session, flight, head, source)
            session.port.head(flight, body.taken)
        except BaseException:
            session.port.drop(flight, CANCELLED)
            if source is not None:
                source.close()
            raise
        return self._response(request, head, source, body)

    async def handle_async_request(self, request: Any) -> Any:
        session = self._run()
        if session is None:
            return await self._inner.handle_async_request(request)
        await request.aread()
        lifted = lift(request)
        flight = await session.port.aask(lifted)
        source = None
        try:
            if flight.served is not None:
                if flight.served == CANCELLED:
                    await session.port.ahang(flight)
                if isinstance(flight.served, Fault):
                    await session.port.aend(flight, flight.served)
                    raise _raised(self.lib, flight.served, request)
                head = cast("Response", flight.served)
            else:
                try:
                    source, head = await self._aforward(session, request, lifted)
                except TraceforkError:
                    raise
                except Exception as exc:  # whatever the transport raises is its answer
                    await session.port.aend(flight, _fault(self.lib, exc))
                    raise
            body = self.stream(session, flight, head, source)
            await session.port.ahead(flight, body.taken)
        except BaseException:
            session.port.drop(flight, CANCELLED)
            if source is not None:
                await source.aclose()
            raise
        return self._response(request, head, source, body)

    def _run(self) -> Session | None:
        """The run that this request belongs to; None when it is none of ours."""
        session = self._session or current()
        if session is None or session.is_aside() or (session.over and session.live):
            return None
        return session

    def _forward(self, session: Session, request: Any, lifted: Request) -> tuple[Any, Response]:
        with lanes.aside():
            source = self._inner.handle_request(self._outgoing(session, request, lifted))
        if source.status_code == SWITCHING:
            source.close()
            raise session.port.fail(_upgraded(lifted))
        return source, _head(source)

    async def _aforward(self, session: Session, request: Any, lifted: Request) -> tuple[Any, Response]:
        with lanes.aside():
            source = await self._inner.handle_async_request(self._outgoing(session, request, lifted))
        if source.status_code == SWITCHING:
            await source.aclose()
            raise session.port.fail(_upgraded(lifted))
        return source, _head(source)

    def _outgoing(self, session: Session, request: Any, lifted: Request) -> Any:
        """`request`, or one with the secrets back in that the tape had hidden from the agent."""
        true = session.port.outgoing(lifted)
        if true is lifted or true == lifted:
            return request
        headers = [(n, str(len(true.body)) if n.lower() == "content-length" else v) for n, v in true.headers]
        return self.lib.Request(
            true.method,
            true.url,
            headers=_raw(tuple(headers)),
            content=true.body,
            extensions=request.extensions,
        )

    def _response(self, request: Any, head: Response, source: Any, body: Any) -> Any:
        """What the client gets: the live status, headers and extensions, or the recorded ones.

        Never the live object itself: one that was read already would not read our body.
        """
        if source is not None:
            return self.lib.Response(
                source.status_code, headers=source.headers.raw, stream=body, extensions=source.extensions
            )
        extensions: dict[str, Any] = {"http_version": head.http_version.encode("latin-1", "replace")}
        if head.reason:
            extensions["reason_phrase"] = head.reason.encode("latin-1", "replace")
        headers = _raw(_corrected(request, head))
        return self.lib.Response(head.status, headers=headers, stream=body, extensions=extensions)


class Tee:
    """A body on its way to the agent; reports what was taken, once, when reading stops.

    An object and no generator: a generator that was never started runs no `finally`.
    """

    lib: Any

    def __init__(self, session: Session, flight: Flight, head: Response, source: Any) -> None:
        self._session, self._flight, self._head = session, flight, head
        self._inner = source.stream if source is not None else None
        self._served = iter(head.chunks)  # one for all who iterate: a second reader goes on, as on the wire
        self._taken: list[bytes] = []
        self._over = False
        self._closed = False

    def taken(self) -> Answer:
        """What the agent has read, as a body that it closed."""
        return self._got("closed")

    def __iter__(self) -> Iterator[bytes]:
        try:
            for chunk in self._served if self._inner is None else self._inner:
                self._take(chunk)
                yield chunk
            end = self._served_end()
            self._close_inner()  # before the end is told, as below
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
                for chunk in self._served:
                    self._take(chunk)
                    yield chunk
                if self._head.end == "cancelled":
                    await self._session.port.ahang(self._flight)  # until the agent gives up again
            else:
                async for chunk in self._inner:
                    self._take(chunk)
                    yield chunk
                await self._aclose_inner()  # before the end is told: afterwards nothing takes time
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
        self._taken.append(chunk)  # before the agent has it: nothing it saw may be missing
        self._flight.saw_chunk()

    def _got(self, end: End) -> Response:
        return evolve(self._head, chunks=tuple(self._taken), end=end)

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


def lift(request: Any) -> Request:
    """The request as a value; its body must have been read."""
    return Request(request.method, str(request.url), _pairs(request.headers), request.content)


def _head(source: Any) -> Response:
    extensions = source.extensions
    reason = extensions.get("reason_phrase", b"").decode("latin-1")
    version = extensions.get("http_version", b"HTTP/1.1").decode("latin-1")
    return Response(source.status_code, _pairs(source.headers), (), "eof", reason, version)


def _pairs(headers: Any) -> Headers:
    return tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers.raw)


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]


def _corrected(request: Any, head: Response) -> Headers:
    """The headers to serve: a changed body's stale content-length is set right."""
    if head.end != "eof" or request.method == "HEAD" or head.status == NOT_MODIFIED:
        return head.headers
    size = str(sum(map(len, head.chunks)))
    return tuple((n, size if n.lower() == "content-length" else v) for n, v in head.headers)


NOT_MODIFIED = 304


def _fault(lib: Any, exc: Exception) -> Fault:
    own = getattr(lib, type(exc).__name__, None) is type(exc)
    return Fault(type(exc).__name__ if own else class_name(exc), said(exc))


def _raised(lib: Any, fault: Fault, request: Any = None) -> Exception:
    """The exception that `fault` was: the library's own class, or whatever class it names."""
    kind = getattr(lib, fault.kind, None)
    if isinstance(kind, type) and issubclass(kind, lib.RequestError):
        error: Exception = kind(fault.message, request=request)
        return error
    return rebuilt(fault.kind, [fault.message])


def _upgraded(request: Request) -> Refused:
    return Refused(f"{request.url} (it switched protocols, and what follows is not HTTP)", "an upgrade")
