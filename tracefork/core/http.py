"""HTTP as it crossed the transport seam: requests, responses, and the faults that came in place of these."""

from __future__ import annotations

from hashlib import sha256
from typing import ClassVar, Literal, TypeAlias

from attrs import Attribute, evolve, field, frozen

from .deferred import Deferred

Headers: TypeAlias = "tuple[tuple[str, str], ...]"
"""Pairs of latin-1 text; order, case and duplicates as on the wire."""


@frozen
class Omitted:
    """A body longer than `max_body`: its length in bytes, and its sha-256 as 64 hex characters.

    Of a multipart request the hash is that of the body with its boundary normalised.
    """

    length: int
    sha256: str


@frozen
class Request:
    """An HTTP request as it crossed the transport seam; `body` is undecoded.

    It is empty where the body is `omitted`.
    """

    method: str
    url: str
    headers: Headers = ()
    _body: bytes | Deferred = b""
    omitted: Omitted | None = None

    __match_args__: ClassVar = ("method", "url", "headers", "body", "omitted")

    def __repr__(self) -> str:
        return f"Request(method={self.method!r}, url={self.url!r}, body={_size(self._body)})"

    @property
    def body(self) -> bytes:
        """The whole body, empty where it is `omitted`; a Deferred one is made on each look."""
        return self._body if isinstance(self._body, bytes) else bytes(self._body)

    @property
    def kept(self) -> bytes | Deferred:
        """The body as it is stored, perhaps as a Deferred: for who passes it on without a look."""
        return self._body

    @property
    def sha256(self) -> str:
        """The sha-256 of the body, omitted or not, as 64 hex characters."""
        return _sha256(self._body, self.omitted)


@frozen
class Fault:
    """A transport failure, replayed by raising the same class of exception.

    `kind` is a class name of the client library (`"ConnectError"`), or a dotted
    path for any other class. The kind `"cancelled"` is the agent's own doing: it
    gave up before the head came.
    """

    kind: str
    message: str = ""


CANCELLED = Fault("cancelled")

End: TypeAlias = 'Literal["eof", "closed", "cancelled"] | Fault'


def _check_chunks(_: Response, attribute: Attribute[tuple[()]], value: object) -> None:
    if isinstance(value, tuple):
        fits = all(isinstance(chunk, bytes) for chunk in value)
    else:
        fits = isinstance(value, Deferred)
    if not fits:
        msg = f"Response.{attribute.alias} must be a tuple of bytes, not {value!r:.60}"
        raise TypeError(msg)


@frozen
class Response:
    """An HTTP response; `chunks` keeps the boundaries the agent saw.

    Chunks are raw: still content-encoded, already de-chunked. `end` says how the
    body came to its end: "eof", "closed" or "cancelled" by the agent, or the
    Fault that cut it. A body that is `omitted` has no chunks, and cannot be replayed.
    """

    status: int
    headers: Headers = ()
    _chunks: tuple[bytes, ...] | Deferred = field(default=(), validator=_check_chunks)
    end: End = "eof"
    reason: str = ""
    http_version: str = "HTTP/1.1"
    omitted: Omitted | None = None

    __match_args__: ClassVar = ("status", "headers", "chunks", "end", "reason", "http_version", "omitted")

    def __repr__(self) -> str:
        shown = f"status={self.status!r}, chunks={_sizes(self._chunks)}, end={self.end!r}"
        return f"Response({shown}, reason={self.reason!r}, http_version={self.http_version!r})"

    @property
    def chunks(self) -> tuple[bytes, ...]:
        """The pieces of the body, as the agent saw them; those of a Deferred one are made on each look."""
        return _list_chunks(self._chunks)

    @property
    def body(self) -> bytes:
        """All chunks joined, raw as on the wire."""
        return b"".join(self._chunks) if isinstance(self._chunks, tuple) else bytes(self._chunks)

    @property
    def kept(self) -> tuple[bytes, ...] | Deferred:
        """The chunks as they are stored, perhaps as a Deferred: for who passes them on without a look."""
        return self._chunks

    @property
    def lengths(self) -> tuple[int, ...]:
        """How many bytes each chunk has."""
        chunks = self._chunks
        return tuple(map(len, chunks)) if isinstance(chunks, tuple) else chunks.lengths()

    @property
    def size(self) -> int:
        """How many bytes the body has."""
        return sum(map(len, self._chunks)) if isinstance(self._chunks, tuple) else len(self._chunks)

    @property
    def sha256(self) -> str:
        """The sha-256 of the body, omitted or not, as 64 hex characters."""
        return _sha256(self.body if isinstance(self._chunks, tuple) else self._chunks, self.omitted)

    def with_body(self, body: bytes) -> Response:
        """Return this response with `body` as its single chunk; headers stay as recorded."""
        return evolve(self, chunks=(body,) if body else (), omitted=None)


def _list_chunks(chunks: tuple[bytes, ...] | Deferred) -> tuple[bytes, ...]:
    return chunks if isinstance(chunks, tuple) else chunks.chunks()


def _sha256(body: bytes | Deferred, omitted: Omitted | None) -> str:
    if omitted:
        return omitted.sha256
    return sha256(body).hexdigest() if isinstance(body, bytes) else body.sha256()


def _size(data: bytes | Deferred) -> str:
    return f"<{len(data)} bytes>"


def _sizes(chunks: tuple[bytes, ...] | Deferred) -> str:
    cut = _list_chunks(chunks)
    return f"<{sum(map(len, cut))} bytes in {len(cut)} chunks>"
