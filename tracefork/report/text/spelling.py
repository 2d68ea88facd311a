"""Spells values as lines to compare: a member a line, keys in order, texts at their own line ends. Pure.

What is no text is told by its kind, its size and the beginning of its sha-256.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from hashlib import sha256
from typing import TypeAlias
from urllib.parse import urlsplit

from ...core.matching import normalise
from ...core.values import Request, Response
from ...core.visible import visible
from ...providers import base, paths, sse
from ...providers._parts import hash_base64, size_of_base64
from ...providers.messages import Media
from ..figures import size

Lines: TypeAlias = Iterator[str]

INDENT = "  "
"""What stands before everything that was recorded; nothing that does begins a line by itself."""

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_STREAMED = (
    (re.compile(r"(?<=:)streamGenerateContent\b"), "generateContent"),
    (re.compile(r"(?<=:)streamRawPredict\b"), "rawPredict"),
    (re.compile(r"(?<=/)converse-stream\b"), "converse"),
    (re.compile(r"(?<=/)invoke-with-response-stream\b"), "invoke"),
    (re.compile(r"[?&]alt=sse$|(?<=[?&])alt=sse&"), ""),
)
"""How paths ask for a stream, and how for the same in one piece."""

_DEEP = 100  # characters of an indentation beyond which JSON goes on in one line
_DIGITS = 12  # of a sha-256 that are shown: nobody makes two images that share them by accident
_LONG = 200  # characters of base64 from which on nobody reads them
_BASE64 = re.compile(rf"[A-Za-z0-9+/]{{{_LONG},}}={{0,2}}|[A-Za-z0-9_-]{{{_LONG},}}={{0,2}}")
_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w.=+-]+)*;base64,([A-Za-z0-9+/=_-]*)")


def spell_text(text: str, pad: str = INDENT) -> Lines:
    """The lines of a text; a blank one has no blanks before it."""
    for line in _shorten(text).replace("\r\n", "\n").split("\n"):
        yield pad + line if line else ""


def spell_value(value: object, pad: str = INDENT, lead: str = "") -> Lines:
    """JSON in lines, `lead` before the first: no commas, so that a new member changes no other line."""
    match value:
        case dict() | list() if len(pad) > _DEEP:
            yield f"{pad}{lead}{_write(value)}"
        case dict() if value:
            yield f"{pad}{lead}{{"
            for key in sorted(value):
                yield from spell_value(value[key], pad + INDENT, f"{_quote(key)}: ")
            yield f"{pad}}}"
        case list() if any(isinstance(one, str | dict | list) for one in value):
            yield f"{pad}{lead}["
            for one in value:
                yield from spell_value(one, pad + INDENT)
            yield f"{pad}]"
        case str() if "\n" in value and _shorten(value) is value:
            yield f"{pad}{lead}|"
            yield from spell_text(value, pad + INDENT)
        case str():
            short = _shorten(value)
            yield f"{pad}{lead}{short if short is not value else _quote(value)}"
        case _:
            yield f"{pad}{lead}{json.dumps(value)}"


def spell_json(text: str, pad: str = INDENT) -> Lines:
    """JSON text in lines; as a text where it is none."""
    value = read_json(text)
    yield from spell_text(text, pad) if value is None else spell_value(value, pad)


def spell_body(message: Request | Response, pad: str = INDENT) -> Lines:
    """A body, its encoding undone: as JSON, as the events of a stream, as text, or in a word."""
    if message.omitted is not None:
        length = size(message.omitted.length)
        yield f"{pad}<{length} that were not kept, {_name_hash(message.omitted.sha256)}>"
        return
    body, kind = decode_body(message), base.header(message.headers, "content-type").partition(";")[0].strip()
    value = read_json(body)
    if value is not None:
        yield from spell_value(value, pad)
    elif isinstance(message, Response) and base.is_stream(message, body):
        for event in sse.events(body):
            yield from spell_text(f"event: {event.event}", pad) if event.event != "message" else ()
            yield from spell_json(event.data, pad)
    elif body:
        text = _read_text(body)
        shown = f"<{kind or 'bytes'}, {size(len(body))}, {_name_hash(sha256(body).hexdigest())}>"
        yield from [f"{pad}{shown}"] if text is None else spell_text(text, pad)


def spell_url(request: Request) -> str:
    """Method and URL in a line, without a port of this machine, and without the wish for a stream."""
    address = request.url
    try:
        url = urlsplit(address)
        if url.hostname in LOOPBACK and url.port is not None:
            address = url._replace(netloc=url.hostname or "").geturl()
    except ValueError:
        pass
    if paths.find_form(request.url):
        for verb, plain in _STREAMED:
            address = verb.sub(plain, address)
    return visible(f"{request.method} {address}", one_line=True)


def spell_media(media: Media) -> str:
    """`<image/png, 12.0 KiB, sha256 ab12cd34ef56>`, or where it is."""
    kind = media.media_type or media.kind
    if media.sha256:
        return f"<{kind}, {size(media.size or 0)}, {_name_hash(media.sha256)}>"
    return f"<{kind} {media.url}>" if media.url else f"<{kind}>"


def decode_body(message: Request | Response) -> bytes:
    """The body with its encoding undone where it can be, and a fixed boundary between its parts."""
    if isinstance(message, Request):
        message = normalise(message)
    try:
        return base.decode_body(message)
    except ValueError:
        return message.body


def read_json(text: str | bytes) -> object | None:
    """The object or the list that a text is, or None: a number or a word is read as it stands."""
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict | list) else None


def spell_key(key: str) -> str:
    """A key as it stands before its value, in quotes if it is no plain name."""
    return key if key.isidentifier() else _quote(key)


# -- below ---------------------------------------------------------------------------


def _shorten(text: str) -> str:
    """What is said of data in base64; the same text where it is none."""
    if len(text) < len("data:;base64,"):
        return text
    if text.startswith("data:") and (found := _DATA_URL.fullmatch(text)):
        return _describe(found[1] or "text/plain", found[2])
    if len(text) >= _LONG and _BASE64.fullmatch(text):
        return _describe("base64", text)
    return text


def _describe(kind: str, data: str) -> str:
    return f"<{kind}, {size(size_of_base64(data))}, {_name_hash(hash_base64(data))}>"


def _name_hash(digest: str) -> str:
    return f"sha256 {digest[:_DIGITS]}"


def _write(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, sort_keys=True)
    except RecursionError:
        return "<nested too deeply>"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _read_text(body: bytes) -> str | None:
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return None
    return None if "\x00" in text else text
