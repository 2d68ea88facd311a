"""Bodies of requests as texts that can be edited, and back, with headers that fit what came of them. Pure."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from collections.abc import Callable

from attrs import evolve, frozen

from ..core.content_encoding import decode_body, is_encoded
from ..core.json_text import Document, read_document
from ..core.values import Headers, Request


class Unreadable(ValueError):
    """A body cannot be read as the text that its headers say it is."""


@frozen
class Text:
    """A decoded body, and how it is encoded again; what is no text in it stays as it was."""

    text: str
    encoding: str

    def encode(self) -> bytes:
        try:
            return self.text.encode(self.encoding, "surrogateescape")
        except UnicodeEncodeError as exc:
            raise Unreadable(f"what it says now cannot be written in {self.encoding}") from exc


def read_json(request: Request) -> tuple[Document, Text] | None:
    """Return the JSON of a body, and the text that it is; None where it is none.

    Raises:
        Unreadable: it is said to be JSON, and is compressed in a way that is unknown here, damaged, or was
            too long to be looked at.
    """
    is_json = "json" in read_kind(request.headers)
    if request.omitted is not None:
        if is_json:
            raise Unreadable(f"its body of {request.omitted.length:,} bytes is longer than max_body")
        return None
    content = _decode(request, refuse=is_json)
    if content is None or content.lstrip(b"\xef\xbb\xbf \t\r\n\0\xff\xfe")[:1] not in (b"{", b"["):
        return None
    text = _read(content)
    document = None if text is None else read_document(text.text)
    return None if text is None or document is None else (document, text)


def read_plain(request: Request) -> Text | None:
    """Return a body of plain text; None where its headers say that it is something else, or it is none."""
    kind = read_kind(request.headers)
    if request.omitted is not None or not (kind.startswith("text/") or "ndjson" in kind or kind == ""):
        return None
    content = _decode(request, refuse=False)
    if not content:
        return None
    try:
        return Text(content.decode(), "utf-8")
    except UnicodeDecodeError:
        return None


def with_body(request: Request, body: bytes) -> Request:
    """Return `request` with a plain `body`, no more compressed; its other headers are made anew later."""
    pairs = tuple(pair for pair in request.headers if pair[0].lower() != "content-encoding")
    return evolve(request, headers=pairs, body=body)


def remake_headers(before: Request, after: Request) -> Request:
    """Return `after` with headers that fit its body, where that is not the one of `before`."""
    if after.body == before.body:
        return after
    pairs = [pair for name, value in after.headers for pair in _remake(name, value, after.body)]
    return evolve(after, headers=tuple(pairs))


def read_kind(headers: Headers) -> str:
    """Return the content type that `headers` name, without its parameters, in lower case; or ""."""
    found = next((value for name, value in headers if name.lower() == "content-type"), "")
    return found.partition(";")[0].strip().lower()


# -- below -----------------------------------------------------------------------------


def _decode(request: Request, *, refuse: bool) -> bytes | None:
    if not is_encoded(request.headers):
        return request.body
    pieces = decode_body(request.headers, (request.body,))
    if pieces is None and refuse:
        raise Unreadable("its body does not decode as its content-encoding says")
    return None if pieces is None else b"".join(pieces)


def _read(content: bytes) -> Text | None:
    encoding = json.detect_encoding(content)
    try:
        return Text(content.decode(encoding, "surrogateescape"), encoding)
    except UnicodeDecodeError:
        return None


def _remake(name: str, value: str, body: bytes) -> Headers:
    """The header as it fits `body`: nothing, where it is of a kind that is not made here."""
    low = name.lower()
    if low == "content-length":
        return ((name, str(len(body))),)
    if low == "content-md5":
        return ((name, _pack("md5", body)),)
    if low == "x-amz-content-sha256":
        is_hash = len(value) == hashlib.sha256().digest_size * 2
        return ((name, hashlib.sha256(body).hexdigest() if is_hash else value),)
    if low in ("digest", "content-digest", "repr-digest"):
        made = _remake_digests(value, body, in_colons=low != "digest")
        return ((name, made),) if made else ()
    if low.startswith("x-amz-checksum-"):
        how = _SUMS.get(low.removeprefix("x-amz-checksum-"))
        return ((name, how(body)),) if how else ()
    return ((name, value),)


def _remake_digests(value: str, body: bytes, *, in_colons: bool) -> str:
    made = []
    for part in value.split(","):
        name = part.strip().partition("=")[0]
        how = _HASHES.get(name.lower())
        if how is not None:
            made.append(f"{name}=:{_pack(how, body)}:" if in_colons else f"{name}={_pack(how, body)}")
    return ", ".join(made)


def _pack(how: str, body: bytes) -> str:
    return base64.b64encode(hashlib.new(how, body, usedforsecurity=False).digest()).decode()


def _sum(body: bytes) -> str:
    return base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()


_HASHES = {"md5": "md5", "sha": "sha1", "sha-1": "sha1", "sha-256": "sha256", "sha-512": "sha512"}
_SUMS: dict[str, Callable[[bytes], str]] = {
    "crc32": _sum,
    "sha1": lambda body: _pack("sha1", body),
    "sha256": lambda body: _pack("sha256", body),
}
