"""The nouns. Every value is frozen, compares by content, and knows nothing of I/O.

A run is a sequence of *steps*. A step is one question the agent put to the
world and the answer it got: an `Exchange` asks an HTTP server, a `Draw` asks a
source of chance (clock, random, environment), an `Effect` calls a tool.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from hashlib import sha256
from typing import ClassVar, Literal, TypeAlias

from attrs import Attribute, evolve, field, frozen

Headers: TypeAlias = "tuple[tuple[str, str], ...]"
"""Pairs of latin-1 text; order, case and duplicates as on the wire."""

Lane: TypeAlias = str
"""The strand that asked: a spawn path such as `"crew.0/fetch.3"`; the run's own is `""`."""


def _size(data: bytes | Deferred) -> str:
    return f"<{len(data)} bytes>"


def _sizes(chunks: tuple[bytes, ...] | Deferred) -> str:
    cut = _cut(chunks)
    return f"<{sum(map(len, cut))} bytes in {len(cut)} chunks>"


def _length(text: str) -> str:
    return f"<{len(text)} characters>"


class Deferred(ABC):
    """A body that is kept in less room, and made whenever somebody looks at it.

    It equals, and hashes as, the bytes or the tuple of chunks that it stands for.
    """

    __slots__ = ()

    @abstractmethod
    def __len__(self) -> int:
        """How many bytes it has."""

    @abstractmethod
    def __bytes__(self) -> bytes:
        """All of it."""

    @abstractmethod
    def chunks(self) -> tuple[bytes, ...]:
        """It as it was cut."""

    @abstractmethod
    def lengths(self) -> tuple[int, ...]:
        """How many bytes each chunk has."""

    @abstractmethod
    def sha256(self) -> str:
        """The sha-256 of it, as 64 hex characters."""

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Deferred):
            return self is other or (self.lengths() == other.lengths() and self.sha256() == other.sha256())
        if isinstance(other, bytes):
            return len(self) == len(other) and self.same(other)
        return isinstance(other, tuple) and self.chunks() == other

    def same(self, body: bytes) -> bool:
        """True if `body`, which is as long, is what it stands for; better than to make it and compare."""
        return bytes(self) == body

    @abstractmethod
    def __hash__(self) -> int: ...


@frozen
class Omitted:
    """A body longer than `max_body`: its length in bytes, and its sha-256 as 64 hex characters.

    Of a multipart request the hash is that of the body with its boundary normalised.
    """

    length: int
    sha256: str


# -- questions -------------------------------------------------------------------


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
        """The whole body, empty where it is `omitted`; where it is kept in less room, made on each look."""
        return self._body if isinstance(self._body, bytes) else bytes(self._body)

    @property
    def kept(self) -> bytes | Deferred:
        """The body as it is kept: for those who pass it on without a look."""
        return self._body

    @property
    def sha256(self) -> str:
        """The sha-256 of the body, omitted or not, as 64 hex characters."""
        return _sha256(self._body, self.omitted)


JOB = "job"
"""The kind of the source that says when an executor's job ends which a task awaits; `name` is what runs."""


@frozen
class Source:
    """A source of chance: `Source("clock")`, `Source("env", "HOME")`."""

    kind: str
    name: str = ""

    @property
    def is_job(self) -> bool:
        """True if this is the end of an executor's job: chance that orders a run and tells it nothing."""
        return self.kind == JOB


@frozen
class Call:
    """A tool call; `arguments` is canonical JSON text of `{"args": [...], "kwargs": {...}}`."""

    name: str
    arguments: str = field(default="", repr=_length)


# -- answers ---------------------------------------------------------------------


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


def _all_bytes(_: Response, attribute: Attribute[tuple[()]], value: object) -> None:
    if isinstance(value, tuple):
        fits = all(isinstance(chunk, bytes) for chunk in value)
    else:
        fits = isinstance(value, Deferred)
    if not fits:
        msg = f"Response.{attribute.alias} must be a tuple of bytes, not {value!r:.60}"
        raise TypeError(msg)


def _cut(chunks: tuple[bytes, ...] | Deferred) -> tuple[bytes, ...]:
    return chunks if isinstance(chunks, tuple) else chunks.chunks()


def _sha256(body: bytes | Deferred, omitted: Omitted | None) -> str:
    if omitted:
        return omitted.sha256
    return sha256(body).hexdigest() if isinstance(body, bytes) else body.sha256()


@frozen
class Response:
    """An HTTP response; `chunks` keeps the boundaries the agent saw.

    Chunks are raw: still content-encoded, already de-chunked. `end` says how the
    body came to its end: "eof", "closed" or "cancelled" by the agent, or the
    Fault that cut it. A body that is `omitted` has no chunks, and cannot be replayed.
    """

    status: int
    headers: Headers = ()
    _chunks: tuple[bytes, ...] | Deferred = field(default=(), validator=_all_bytes)
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
        """The pieces of the body, as the agent saw them; made anew where they are kept in less room."""
        return _cut(self._chunks)

    @property
    def body(self) -> bytes:
        """All chunks joined, raw as on the wire."""
        return b"".join(self._chunks) if isinstance(self._chunks, tuple) else bytes(self._chunks)

    @property
    def kept(self) -> tuple[bytes, ...] | Deferred:
        """The chunks as they are kept: for those who pass them on without a look."""
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


@frozen
class Reading:
    """What a `Source` said, as text."""

    text: str = field(repr=_length)


DONE = Reading("done")
"""What the end of an executor's job reads."""

GIVEN_UP = Reading("given up")
"""What it reads where nobody waited for it any more."""


@frozen
class Reply:
    """What a tool call came to: `value` is JSON text.

    `kind` is "returned", "raised" (`value` holds the exception's arguments and
    `type` its dotted class) or "opaque": a result that has no JSON form, of which
    only `type` and a description are kept.
    """

    kind: Literal["returned", "raised", "opaque"]
    value: str = field(default="null", repr=_length)
    type: str = ""


Question: TypeAlias = "Request | Source | Call"
Answer: TypeAlias = "Response | Fault | Reading | Reply"


def abandoned(answer: Answer) -> bool:
    """True when the agent itself ended the step, perhaps from the garbage collector."""
    match answer:
        case Response(end="closed" | "cancelled") | Fault("cancelled") | Reading("given up"):
            return True
        case _:
            return False


# -- steps -----------------------------------------------------------------------


@frozen
class Span:
    """When a step happened, in ticks of the run's logical clock.

    `began < headed < ended` for an exchange with a body; a fault and a tool's
    reply have no head of their own, so that `headed == ended`, and so has the end of an
    executor's job; all three are equal for any other draw.
    """

    began: int
    headed: int
    ended: int


@frozen
class Timing:
    """When a step happened, by the wall clock; no part of any digest.

    `began` is in seconds since the epoch; `headed`, `ended` and each of `chunks`
    are seconds after it. `head_hops` and `end_hops` are turns of the event loop
    between this tick and the head or end before it on the same loop, or None when
    the loop had come to rest in between or the tick was not an event loop's.
    """

    began: float = 0.0
    headed: float = 0.0
    ended: float = 0.0
    chunks: tuple[float, ...] = field(default=(), repr=False)
    head_hops: int | None = None
    end_hops: int | None = None


@frozen
class Exchange:
    """A question to an HTTP server, and what came back."""

    request: Request
    answer: Response | Fault
    lane: Lane = ""
    span: Span = Span(0, 1, 2)
    timing: Timing = field(default=Timing(), eq=False, repr=False)

    @property
    def asked(self) -> Request:
        return self.request

    @property
    def response(self) -> Response:
        """The response.

        Raises:
            ValueError: the transport failed before any response came.
        """
        if isinstance(self.answer, Fault):
            msg = f"no response came: {self.answer.kind}: {self.answer.message}"
            raise ValueError(msg)  # noqa: TRY004  the value is of a right type: the transport failed
        return self.answer


@frozen
class Draw:
    """A question to a source of chance, and its reading."""

    source: Source
    reading: Reading
    lane: Lane = ""
    span: Span = Span(0, 0, 0)
    timing: Timing = field(default=Timing(), eq=False, repr=False)

    @property
    def asked(self) -> Source:
        return self.source

    @property
    def answer(self) -> Reading:
        return self.reading


@frozen
class Effect:
    """A tool call that replay must not repeat, and what it came to."""

    call: Call
    reply: Reply | Fault
    lane: Lane = ""
    span: Span = Span(0, 1, 1)
    timing: Timing = field(default=Timing(), eq=False, repr=False)

    @property
    def asked(self) -> Call:
        return self.call

    @property
    def answer(self) -> Reply | Fault:
        return self.reply


Step: TypeAlias = "Exchange | Draw | Effect"


@frozen
class Pending:
    """A question in flight when the recording died; `headed` if its head had been given."""

    asked: Request | Call
    lane: Lane
    began: int
    headed: int | None = None


# -- what became of a run ---------------------------------------------------------------


@frozen
class Outcome:
    """How a run ended: `returned`, `raised` (with the exception's class and text) or `unfinished`."""

    kind: Literal["returned", "raised", "unfinished"]
    type: str = ""
    message: str = ""

    def __str__(self) -> str:
        return f"raised {self.type}: {self.message}" if self.kind == "raised" else self.kind


@frozen
class Escape:
    """Something that left a run unrecorded, and how often.

    `kind` is "connection" (an uninstrumented client), "thread" (a call from a thread
    without the run's context), "process", or "run" (a live recording of its own within a replay);
    `target` is where it went or what was started, `site` the agent's line that led there.
    """

    kind: str
    target: str
    site: str
    count: int = 1

    def __str__(self) -> str:
        times = f", {self.count} times" if self.count > 1 else ""
        return f"{self.kind} {self.target}, from {self.site}{times}"


RETURNED = Outcome("returned")
UNFINISHED = Outcome("unfinished")


@frozen
class Branch:
    """The lineage of a run: it followed run `parent` up to its exchange `step`, then went its own way.

    `step` is the index of the exchange that was asked or answered anew; for a
    resumed run, the number of exchanges that it took over.
    """

    parent: str
    step: int
    name: str = ""
    desc: str = ""
