"""The bytes of a body, from each of the forms in which recorders write one."""

from __future__ import annotations

import base64
import binascii
import codecs
import json
from collections.abc import Mapping
from urllib.parse import urlencode

from attrs import frozen

from ...core.values import Headers
from .headers import find_length, find_value
from .shapes import Misfit, Pieces, expect_text, name_kind

_WRAPPERS = frozenset({"string", "base64_string", "encoding"})
_NO_CHARSETS = frozenset(
    {"idna", "punycode", "undefined", "unicode-escape", "unicode_escape", "raw-unicode-escape"}
)
_STYLES: tuple[Mapping[str, object], ...] = (
    {},
    {"separators": (",", ":"), "ensure_ascii": False},
    {"separators": (",", ":")},
    {"ensure_ascii": False},
    {"indent": 2},
    {"indent": 2, "ensure_ascii": False},
)


@frozen
class Body:
    """The bytes of a body; they are not `exact` where its cassette keeps what was read of them."""

    data: bytes = b""
    exact: bool = True


EMPTY = Body()


def read_body(value: object, headers: Headers) -> Body:
    """The body that vcrpy, betamax or Ruby VCR wrote as `value`.

    That is text, bytes, pieces of either, or a table with a `string` or a `base64_string`; what else
    there is was data that its client made a body of.

    Raises:
        Misfit: it is said to be base64, and is none.
    """
    match value:
        case None:
            return EMPTY
        case str():
            return Body(encode(value))
        case bytes():
            return Body(value)
        case Pieces():
            return Body(b"".join([read_body(piece, headers).data for piece in value]))
        case dict() if _WRAPPERS.issuperset(value):
            return _unwrap(value, headers)
        case dict() if "x-www-form-urlencoded" in find_value(headers, "content-type"):
            return Body(encode(urlencode(value, doseq=True)), exact=False)
    return write_json(value, headers)


def read_typed_body(kind: object, content: object, headers: Headers | None = None) -> Body:
    """The body that cassetter wrote as `content` of this `kind`: none, json, text, or binary in hex.

    JSON is written as cassetter serves it; as `write_json` does it, if there are `headers`.

    Raises:
        Misfit: there is no such kind, or it is not of it.
    """
    match kind:
        case None | "none":
            return EMPTY
        case "json":
            return write_json(content, headers or ())
        case "text":
            return Body(encode(_as_text(content)))
        case "binary":
            try:
                return Body(bytes.fromhex(_as_text(content)))
            except ValueError:
                raise Misfit("a body is said to be binary, and is not written in hex") from None
    raise Misfit(f"a body is of the type {str(kind)[:40]!r}, and should be of none, json, text or binary")


def write_json(value: object, headers: Headers) -> Body:
    """The body that was parsed as `value`, written as clients and servers do, and as long as it was.

    It counts as exact where one way of writing has the length that the headers give.
    """
    length, first = find_length(headers), b""
    for style in _STYLES if length is not None else _STYLES[:1]:
        made = encode(_dump(value, style))
        if length == len(made):
            return Body(made)
        if length == len(made) + 1 and "indent" in style:
            return Body(made + b"\n")
        first = first or made
    return Body(first, exact=False)


def parse_json(text: object) -> object:
    """What JSON `text` says.

    Raises:
        Misfit: it is none.
    """
    try:
        return json.loads(expect_text(text, "the content of a body"))
    except (ValueError, RecursionError):
        raise Misfit("a body is said to be JSON, and is none") from None


def encode(text: str, *charsets: str) -> bytes:
    """The bytes of `text` in the first of `charsets` that there is and that can write it; else in UTF-8."""
    for charset in charsets:
        try:
            found = codecs.lookup(charset)
            if found.name not in _NO_CHARSETS:
                return text.encode(found.name)
        except (LookupError, ValueError):
            continue
    return text.encode("utf-8", "surrogatepass")


def decode_base64(text: str) -> bytes:
    """The bytes that are base64 of this text.

    Raises:
        Misfit: it is none.
    """
    try:
        return base64.b64decode(text.encode("ascii"))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise Misfit(f"a body is said to be base64, and is none: {error}") from None


def _unwrap(value: Mapping[str, object], headers: Headers) -> Body:
    given, packed, charset = value.get("string"), value.get("base64_string"), value.get("encoding")
    if isinstance(packed, str) and not given:
        return Body(decode_base64(packed))
    if isinstance(given, str):
        return Body(encode(given, charset if isinstance(charset, str) and charset else "utf-8"))
    return read_body(given, headers)


def _as_text(content: object) -> str:
    """Text that a writer did not put into quotes may look as a number."""
    if content is None:
        return ""
    if isinstance(content, int | float) and not isinstance(content, bool):
        return str(content)
    return expect_text(content, "the content of a body")


def _dump(value: object, style: Mapping[str, object]) -> str:
    try:
        return json.dumps(value, **style)  # type: ignore[arg-type]  # see _STYLES
    except (TypeError, ValueError, RecursionError):  # there are bytes in it, or it has too many levels
        raise Misfit(f"a body is {name_kind(value)} that is no JSON") from None
