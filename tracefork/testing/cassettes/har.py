"""Entries of a HAR file, of version 1.2 and as browsers write it. Bodies of answers are decoded there.

An entry with the status 0 is a request that failed: it is a fault. What HTTP/2 writes before the headers,
behind a colon, is in the method and the URL.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode

from ...core.content_encoding import is_encoded
from ...core.values import Fault, Headers, Request, Response, Timing
from .bodies import EMPTY, Body, decode_base64, encode
from .headers import find_length, find_value, is_text, read_headers
from .interaction import Interaction, make_request, make_response, read_time
from .shapes import Misfit, expect_table, expect_text, list_items

_LONGEST = 1e12  # milliseconds
_LOST = "\ufffd"
"""What stands for bytes that were no text."""
_WINDOWS = {ord(bytes([code]).decode("cp1252", "ignore") or chr(code)): code for code in range(0x80, 0xA0)}
"""The characters of Windows-1252 that are no Latin-1, and their bytes."""
_FAILED = (0, "0", None)


def read_entry(value: object) -> Interaction:
    """The interaction that is written as `value`.

    Raises:
        Misfit: it is none.
    """
    entry = expect_table(value, "an entry")
    asked = expect_table(entry.get("request"), "its request")
    headers = _read_headers(asked)
    body = _read_posted(asked.get("postData"))
    request = make_request(asked.get("method"), asked.get("url"), headers, body)
    answered = expect_table(entry.get("response"), "its response")
    at = read_time(entry.get("startedDateTime"))
    if answered.get("status") in _FAILED:
        return Interaction(request, _make_fault(entry, answered), at, _read_timing(entry, at), not body.exact)
    content = expect_table(answered.get("content") or {}, "the content of its response")
    kept_headers = _read_headers(answered)
    kept = _read_content(content, kept_headers)
    response, undone = _make_response(request, answered, kept_headers, kept)
    return Interaction(
        request,
        response,
        at,
        _read_timing(entry, at, response),
        inexact=(not body.exact) + (not kept.exact),
        undone=undone,
        missing=_is_missing(request.body, asked.get("bodySize"), find_length(headers))
        + _is_missing(response.body, content.get("size"), answered.get("bodySize")),
    )


def _make_response(
    request: Request, answered: Mapping[str, object], headers: Headers, body: Body
) -> tuple[Response, bool]:
    reason, version = answered.get("statusText"), answered.get("httpVersion")
    return make_response(request, answered.get("status"), reason, headers, body, version)


def _make_fault(entry: Mapping[str, object], answered: Mapping[str, object]) -> Fault:
    reason = answered.get("_error") or answered.get("statusText") or entry.get("_error")
    return Fault("ConnectError", reason if isinstance(reason, str) else "the request failed")


def _read_headers(message: Mapping[str, object]) -> Headers:
    return tuple(pair for pair in read_headers(message.get("headers")) if not pair[0].startswith(":"))


def _read_posted(value: object) -> Body:
    if not value:
        return EMPTY
    posted = expect_table(value, "what it posts")
    text = posted.get("text")
    if text is not None and (text != "" or not posted.get("params")):
        given = expect_text(text, "the text that it posts")
        if posted.get("encoding") == "base64":
            return Body(decode_base64(given))
        return Body(encode(given), exact=_LOST not in given)
    pairs = [_read_parameter(item) for item in list_items(posted.get("params"), "what it posts")]
    return Body(encode(urlencode(pairs)), exact=False) if pairs else EMPTY


def _read_parameter(item: object) -> tuple[str, str]:
    match item:
        case {"name": str(name), **others}:
            value = others.get("value")
            return name, "" if value is None else expect_text(value, "the value of a parameter")
    raise Misfit("a parameter that it posts has no name")


def _read_content(content: Mapping[str, object], headers: Headers) -> Body:
    text = content.get("text")
    if text is None:
        return EMPTY
    given = expect_text(text, "the text of its response")
    if content.get("encoding") == "base64":
        return Body(decode_base64(given))
    kind = find_value(headers, "content-type") or content.get("mimeType")
    charset = str(kind).lower().partition("charset=")[2].partition(";")[0].strip(" \"'")
    sent = None if is_encoded(headers) else find_length(headers)
    return Body(_encode_as_sent(given, charset, sent), exact=_LOST not in given)


def _encode_as_sent(text: str, charset: str, length: int | None) -> bytes:
    """The bytes of `text`, in a charset in which they have this `length`, if that is known.

    Browsers read UTF-8 of which no charset is told as Windows-1252, and keep that.
    """
    made = encode(text, charset or "utf-8")
    if text.isascii() or len(made) == length:
        return made
    windows = _encode_windows(text)
    misread = length is None and not charset and is_text(windows)
    if windows and (misread or len(windows) == length):
        return windows
    return made


def _encode_windows(text: str) -> bytes:
    """The bytes of `text` in Windows-1252, as browsers read it; none if it is not of that."""
    try:
        return text.translate(_WINDOWS).encode("latin-1")
    except UnicodeEncodeError:
        return b""


def _is_missing(body: bytes, *sizes: object) -> bool:
    """True if there is no body, and one of the sizes says that there was."""
    return not body and any(type(size) is int and size > 0 for size in sizes)


def _read_timing(entry: Mapping[str, object], at: float | None, response: Response | None = None) -> Timing:
    timings = entry.get("timings")
    received = _read_seconds(timings.get("receive")) if isinstance(timings, dict) else 0.0
    ended = _read_seconds(entry.get("time"))
    headed = max(ended - received, 0.0)
    return Timing(at or 0.0, headed, ended, (ended,) if response and response.chunks else ())


def _read_seconds(milliseconds: object) -> float:
    is_number = isinstance(milliseconds, int | float) and not isinstance(milliseconds, bool)
    return milliseconds / 1000 if is_number and 0 <= milliseconds < _LONGEST else 0.0  # type: ignore[operator]
