"""Headers as recorders write them, as pairs; and made to fit a body that was kept decoded."""

from __future__ import annotations

import re
import zlib
from functools import partial
from importlib import import_module

from ...core.content_encoding import is_encoded, list_encodings
from ...core.values import Headers
from .shapes import Misfit, expect_text, name_kind

_BREAKS = re.compile(r"\s*[\r\n]+\s*")
_ENOUGH = 16 << 20  # bytes that a body decodes to: by then it is no accident
_SIP = 1 << 20
_MAGIC = {"gzip": b"\x1f\x8b", "x-gzip": b"\x1f\x8b", "zstd": b"\x28\xb5\x2f\xfd"}


def read_headers(value: object) -> Headers:
    """The pairs of a table of lists or texts, or of a list of lines, of pairs, or of names and values.

    Raises:
        Misfit: it is none of these.
    """
    if value is None:
        return ()
    if isinstance(value, dict):
        return tuple((_encode(name), text) for name, given in value.items() for text in _list_values(given))
    if not isinstance(value, list):
        raise Misfit(f"the headers are {name_kind(value)}, and should be a table")
    return tuple(_read_pair(item) for item in value)


def find_length(headers: Headers) -> int | None:
    """How long the headers say that the body is, if they do."""
    found = find_value(headers, "content-length")
    return int(found) if found.isascii() and found.isdigit() and len(found) < 20 else None  # noqa: PLR2004


def find_value(headers: Headers, name: str) -> str:
    """The first value of the header of this lower-case name; "" if there is none."""
    return next((value.strip() for given, value in headers if given.lower() == name), "")


def undo_encoding(headers: Headers, body: bytes) -> Headers:
    """The headers without their content-encoding, if `body` is not encoded as they say."""
    if not body or not is_encoded(headers) or _is_as_said(list_encodings(headers)[-1], body):
        return headers
    return tuple(pair for pair in headers if pair[0].lower() != "content-encoding")


def fit_length(headers: Headers, body: bytes) -> Headers:
    """The headers with the content-length of `body`, if they have another; none beside a transfer-encoding.

    vcrpy adds one to what it decodes, though no server sends both, and clients refuse it.
    """
    given = [value for name, value in headers if name.lower() == "content-length"]
    fits = find_value(headers, "transfer-encoding") == ""
    if not given or (fits and given == [str(len(body))]):
        return headers
    fitted = list[tuple[str, str]]()
    for name, value in headers:
        if name.lower() != "content-length":
            fitted.append((name, value))
        elif fits:
            fitted.append((name, str(len(body))))
            fits = False
    return tuple(fitted)


def is_text(body: bytes) -> bool:
    """True if `body` is UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def _read_pair(item: object) -> tuple[str, str]:
    match item:
        case str():
            name, colon, value = item.partition(":")
            if not colon:
                raise Misfit(f"a header is {item[:40]!r}, and should be a name, a colon and a value")
            return _encode(name.strip()), _encode(value.strip())
        case [name, value]:
            return _encode(expect_text(name, "the name of a header")), _read_value(value)
        case {"name": name, "value": value}:
            return _encode(expect_text(name, "the name of a header")), _read_value(value)
    raise Misfit(f"a header is {name_kind(item)}, and should be a name and a value")


def _list_values(given: object) -> list[str]:
    if given is None:
        return []
    return [_read_value(value) for value in (given if isinstance(given, list) else [given])]


def _read_value(value: object) -> str:
    match value:
        case None:
            return ""
        case bytes():
            return value.decode("latin-1")
        case bool():
            return "true" if value else "false"
        case str() | int() | float():
            return _encode(str(value))
    raise Misfit(f"the value of a header is {name_kind(value)}, and should be a text")


def _encode(text: str) -> str:
    """The text of a header as on the wire: one line, a character for each byte."""
    line = _BREAKS.sub(" ", text) if "\n" in text or "\r" in text else text
    try:
        line.encode("latin-1")
    except UnicodeEncodeError:
        return line.encode("utf-8", "surrogatepass").decode("latin-1")
    return line


def _is_as_said(encoding: str, body: bytes) -> bool:
    """False if `body` cannot have been encoded so; true of an encoding that is unknown here."""
    magic = _MAGIC.get(encoding)
    if magic is not None:
        return body.startswith(magic)
    if encoding == "deflate":
        return _inflates(body, zlib.MAX_WBITS) or (not is_text(body) and _inflates(body, -zlib.MAX_WBITS))
    if encoding == "br":
        return _is_brotli(body)
    return not is_text(body)


def _inflates(body: bytes, bits: int) -> bool:
    """True if `body` inflates: to its end if it may be text, else as far as there is of it."""
    it, made, left = zlib.decompressobj(bits), 0, body
    try:
        while left and not it.eof and made < _ENOUGH:
            made += len(it.decompress(left, _SIP))
            left = it.unconsumed_tail
    except zlib.error:
        return False
    return it.eof or made >= _ENOUGH or not is_text(body)


def _is_brotli(body: bytes) -> bool:
    """As `_inflates`; without the library that tells, what is no text is."""
    try:
        it = import_module("brotli").Decompressor()
        process, is_finished = partial(it.process, output_buffer_limit=_SIP), it.is_finished
        process(b"")
    except (ImportError, AttributeError, TypeError):
        return not is_text(body)
    try:
        process(body)
    except Exception:  # noqa: BLE001  the library raises its own error
        return False
    return bool(is_finished()) or not is_text(body)
