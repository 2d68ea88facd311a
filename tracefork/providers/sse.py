"""Server-sent events, read and written as the WHATWG HTML standard says (section 9.2).

Reading never fails: bytes that are no UTF-8 become U+FFFD, unknown fields and
comments are skipped, and an event that the body does not finish is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import frozen

_END_OF_LINE = re.compile(r"\r\n|\r|\n")
_DIGITS = re.compile(r"[0-9]+")


@frozen
class Event:
    """One dispatched event.

    `event` is "message" where the stream names none; `data` holds its lines joined by
    newlines; `id` is the last event ID and `retry` the reconnection time (in
    milliseconds) in force when it was dispatched: both outlive the event that set them.
    """

    event: str = "message"
    data: str = ""
    id: str = ""
    retry: int | None = None


def events(body: bytes) -> Iterator[Event]:
    """Yield the events of a whole, content-decoded body in order.

    A block without a `data` line is no event; a body that stops before the blank
    line of its last event loses that event, as in a browser.
    """
    event, data, last_id, retry = "", list[str](), "", None
    for line in _lines(body):
        if not line:
            if data:
                yield Event(event or "message", "\n".join(data), last_id, retry)
            event, data = "", []
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                event = value
            case "data":
                data.append(value)
            case "id" if "\0" not in value:
                last_id = value
            case "retry" if _DIGITS.fullmatch(value):
                retry = int(value)
            case _:
                pass  # a comment (no name before the colon) or a field of the future


def encode(event: str, data: str) -> bytes:
    """Return one event on the wire; an empty `event` writes no `event:` line.

    Each line of `data` becomes a `data:` line; CRLF and CR come back as LF.

    Raises:
        ValueError: `event` holds a line break, which would forge a field.
    """
    if _END_OF_LINE.search(event):
        raise ValueError(f"an event name is one line, not {event!r}")
    head = f"event: {event}\n" if event else ""
    lines = "".join(f"data: {line}\n" for line in _END_OF_LINE.split(data))
    return f"{head}{lines}\n".encode("utf-8", "replace")


def _lines(body: bytes) -> Iterator[str]:
    text = body.decode("utf-8", "replace").removeprefix("\ufeff")
    start = 0
    for end in _END_OF_LINE.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    # what follows the last line end is an unfinished line of an unfinished event
