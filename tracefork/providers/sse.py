"""Server-sent events, read and written as the WHATWG HTML standard says (section 9.2).

Reading never fails: bytes that are no UTF-8 become U+FFFD, unknown fields and
comments are skipped, and an event that the body does not finish is dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import accumulate, islice

from attrs import frozen

_END_OF_LINE = re.compile(r"\r\n|\r|\n")
_END_OF_LINE_IN_BYTES = re.compile(rb"\r\n|\r|\n")
_DIGITS = re.compile(r"[0-9]+")
_BLANK = "\n\n"  # where no line ends otherwise, an event ends here and nowhere else
_BOM = b"\xef\xbb\xbf"


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


def list_data(body: bytes) -> list[str]:
    """Return the data of each event of a body, as `events` has them: quicker, for who needs no more."""
    text = _decode(body)
    if "\r" in text:
        return [event.data for event in events(body)]
    found = list[str]()
    for block in text.split(_BLANK)[:-1]:
        head, _, last = block.rpartition("\n")
        if last.startswith("data: ") and "data" not in head:
            found.append(last[6:])  # nearly all events are so
        elif lines := _list_data_lines(block):
            found.append("\n".join(lines))
    return found


def find_ends(body: bytes) -> list[int]:
    """Return the place behind the blank line of each event of a body, in the order of `events`."""
    start = len(_BOM) if body.startswith(_BOM) else 0
    if b"\r" in body:
        return list(_find_ends(body, start))
    blocks = body[start:].split(_BLANK.encode())[:-1]
    sizes = [len(block) + len(_BLANK) for block in blocks]
    ends = islice(accumulate(sizes, initial=start), 1, None)
    return [
        end
        for end, block in zip(ends, blocks, strict=True)
        if b"\ndata:" in block or block.startswith(b"data:") or b"data" in block.split(b"\n")
    ]


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


def _find_ends(body: bytes, start: int) -> Iterator[int]:
    has_data = False
    for found in _END_OF_LINE_IN_BYTES.finditer(body, start):
        line = body[start : found.start()]
        start = found.end()
        if not line:
            if has_data:
                yield start
            has_data = False
        elif line.partition(b":")[0] == b"data":
            has_data = True


def _list_data_lines(block: str) -> list[str]:
    return [
        line[5:].removeprefix(" ") for line in block.split("\n") if line.startswith("data:") or line == "data"
    ]


def _decode(body: bytes) -> str:
    return body.decode("utf-8", "replace").removeprefix("\ufeff")


def _lines(body: bytes) -> Iterator[str]:
    text = _decode(body)
    start = 0
    for end in _END_OF_LINE.finditer(text):
        yield text[start : end.start()]
        start = end.end()
    # what follows the last line end is an unfinished line of an unfinished event
