"""One question and its answer as a cassette has them, and what was found of where and when."""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from attrs import field, frozen

from ...core.values import Fault, Headers, Request, Response, Timing
from .bodies import Body
from .headers import find_value, fit_length, undo_encoding
from .shapes import Misfit, expect_text

_FIRST, _LAST = 100, 999
_NO_BODY = (204, 304)


@frozen
class Interaction:
    """A question and its answer. `at` is when it was recorded, in seconds since the epoch, if that is kept.

    `inexact` counts the bodies whose very bytes the cassette has not, `missing` those that it has not at all;
    `undone` is true if the answer was kept decoded while its headers say that it is encoded.
    """

    request: Request
    answer: Response | Fault
    at: float | None = None
    timing: Timing = field(default=Timing())
    inexact: int = 0
    undone: bool = False
    missing: int = 0


def make_request(method: object, url: object, headers: Headers, body: Body) -> Request:
    """The question.

    Raises:
        Misfit: the method or the URL is no text.
    """
    return Request(expect_text(method, "the method").upper(), expect_text(url, "the URL"), headers, body.data)


def make_response(
    request: Request, status: object, reason: object, headers: Headers, body: Body, version: object = None
) -> tuple[Response, bool]:
    """The answer, its headers made to fit its body; and whether that was kept decoded.

    Raises:
        Misfit: the status is none.
    """
    code = _read_status(status)
    plain = undo_encoding(headers, body.data)
    has_none = request.method == "HEAD" or code in _NO_BODY
    fitted = plain if has_none and not body.data else fit_length(plain, body.data)
    chunks = (body.data,) if body.data else ()
    phrase = reason if isinstance(reason, str) else ""
    return Response(code, fitted, chunks, reason=phrase, http_version=read_version(version)), plain != headers


def read_version(value: object) -> str:
    """The version of HTTP as tapes have it; 1.1 where it is not known."""
    found = str(value or "").upper().removeprefix("HTTP/")
    match found[:2]:
        case "1.":
            return "HTTP/1.0" if found == "1.0" else "HTTP/1.1"
        case "2" | "2." | "H2":
            return "HTTP/2"
        case "3" | "3." | "H3":
            return "HTTP/3"
    return "HTTP/1.1"


def read_time(value: object) -> float | None:
    """The seconds since the epoch of a date, of ISO 8601 or as in headers; None if it is none."""
    if not isinstance(value, str):
        return None
    for parse in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = parse(value)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None


def find_date(answer: Response | Fault) -> float | None:
    """When the server says that it answered."""
    return read_time(find_value(answer.headers, "date")) if isinstance(answer, Response) else None


def _read_status(value: object) -> int:
    if isinstance(value, str) and value[:3].isascii() and value[:3].isdigit():
        value = int(value[:3])
    if type(value) is not int or not _FIRST <= value <= _LAST:
        raise Misfit(f"the status is {str(value)[:40]!r}, and should be a number such as 200")
    return value
