"""What all vendors share: reads requests, makes ids, frames responses, decodes bodies.

Everything is a function of its arguments: ids come from a hash, never from chance,
and no clock is read.

Another vendor is a folder beside this file: `build.py` makes its answers, with `builders.py`; `read.py` and
`stream.py` read them, `edit.py` changes what they say and `calls.py` what they call. `paths.py` knows its
URLs; `read.py`, `route.py` and `turns.py`, here, list it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias
from urllib.parse import urlsplit

from attrs import evolve

from ..core.content_encoding import decode_body as decode
from ..core.content_encoding import is_encoded
from ..core.values import Exchange, Headers, Request, Response
from . import _json, paths

Asked: TypeAlias = "Exchange | Request"
Payload: TypeAlias = _json.Payload
"""A JSON object on its way to or from text."""

OK = 200

MAX_DECODED = 64 << 20
"""Bytes; the most that a content-encoded body may unfold to."""

_DELTA = 12  # characters; about what vendors send in one delta


class Builder(Protocol):
    """Builds the answer to a question; streamed if the question asks for a stream."""

    def __call__(self, asked: Asked) -> Response: ...


# -- the question ----------------------------------------------------------------


def question(asked: Asked) -> Request:
    """Return the request, whether given alone or in its exchange."""
    return asked.request if isinstance(asked, Exchange) else asked


def payload(body: bytes | str) -> Payload:
    """The JSON object that `body` holds, or an empty one if it holds anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def path(request: Request) -> str:
    return urlsplit(request.url).path.rstrip("/")


def model_of(request: Request) -> str:
    """The model that the request names in its body or, as some hosts have it, in its path; or "unknown"."""
    model = payload(request.body).get("model")
    if isinstance(model, str):
        return model
    place = paths.place(request.url)
    if place is not None:
        return place.model or "unknown"  # of Azure's, the name of a deployment says nothing
    return paths.find_model(request.url) or "unknown"


def streams(request: Request) -> bool:
    """True if the JSON body says `"stream": true`."""
    return payload(request.body).get("stream") is True


# -- the answer ------------------------------------------------------------------


def ident(prefix: str, *parts: str | bytes) -> str:
    """An id that depends on nothing but `parts`: `prefix` and 24 hex characters."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data) + data)
    return prefix + digest.hexdigest()[:24]


def estimate(size: int) -> int:
    """A token count for `size` bytes or characters: one for every four, at least one."""
    return max(1, (size + 3) // 4)


def compact(value: object) -> str:
    """JSON text in the vendors' own manner: compact, not escaped beyond need.

    Half of a surrogate pair needs it: it has no UTF-8.

    Raises:
        TypeError: something in it has no JSON form.
    """
    try:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    except TypeError:
        if not _json.has_verbatim(value):
            raise
        return _json.write(value)
    return text if _is_text(text) else json.dumps(value, separators=(",", ":"))


def size_of(text: str) -> int:
    """How many bytes `text` takes; half of a surrogate pair takes some as well."""
    return len(text.encode("utf-8", "surrogatepass"))


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def pieces(text: str) -> Iterator[str]:
    """Cut `text` into deltas: two or more when it has two or more characters."""
    size = max(1, min(_DELTA, len(text) // 2))
    return (text[i : i + size] for i in range(0, len(text), size))


def respond(value: Payload, headers: Headers = (), *, status: int = 200) -> Response:
    """Return a response with `value` as its JSON body, and a `content-length`."""
    body = compact(value).encode()
    own = (("content-type", "application/json"), ("content-length", str(len(body))))
    return Response(status, own + headers, (body,))


def stream(events: Iterable[bytes], headers: Headers = ()) -> Response:
    """Return a `text/event-stream` response, one chunk per event."""
    own = (("content-type", "text/event-stream; charset=utf-8"), ("cache-control", "no-cache"))
    return Response(200, own + headers, tuple(events))


# -- a recorded answer -----------------------------------------------------------


def header(headers: Headers, name: str) -> str:
    """The first value under `name` (lower case), or ""."""
    return next((value for key, value in headers if key.lower() == name), "")


def is_stream(response: Response, body: bytes) -> bool:
    """True for server-sent events, by the content type or, where none was kept, by the decoded `body`."""
    kind = header(response.headers, "content-type").lower()
    return "event-stream" in kind if kind else body.startswith((b"event:", b"data:", b":"))


def rewrite_headers(recorded: Response, chunks: Iterable[bytes]) -> Headers:
    """Return the recorded headers adapted to the decoded `chunks`: no content-encoding, and their length."""
    size = sum(map(len, chunks))
    return tuple(
        (key, str(size) if key.lower() == "content-length" else value)
        for key, value in recorded.headers
        if key.lower() != "content-encoding"
    )


def replace_body(recorded: Response, chunks: tuple[bytes, ...]) -> Response:
    """Return `recorded` with the decoded `chunks` as its body, ended by itself."""
    return evolve(recorded, headers=rewrite_headers(recorded, chunks), chunks=chunks, end="eof")


def decode_body(message: Request | Response) -> bytes:
    """Return the body without its content-encoding.

    Raises:
        ValueError: the encoding is unknown here, or the data are damaged or unfold to too much.
    """
    if not is_encoded(message.headers):
        return message.body
    chunks = (message.body,) if isinstance(message, Request) else message.chunks
    pieces = decode(message.headers, chunks, MAX_DECODED)
    if pieces is None:
        encoding = header(message.headers, "content-encoding")
        raise ValueError(f"cannot read the body, which says that it is {encoding!r}")
    return b"".join(pieces)
