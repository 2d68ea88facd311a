"""One line for a step: what kind of answer it got, a title, and the beginning of what was said."""

from __future__ import annotations

import re
from typing import Literal
from urllib.parse import urlsplit

from attrs import frozen

from ..core.values import Exchange, Fault, Response
from ..providers.messages import Completion

Kind = Literal["text", "tool", "error", "fault", "http"]

LINE = 120
"""Characters of a preview."""

_ERROR = 400  # the first status that is one
_BLANK = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_UNPRINTABLE = re.compile("[\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@frozen
class Title:
    """`kind` is what came: words, a tool call, an error, no response, or another server's answer."""

    kind: Kind
    title: str
    preview: str


def title(exchange: Exchange, completion: Completion | None, body: bytes) -> Title:
    """The line for a step; `body` is its response, decoded."""
    answer = exchange.answer
    if isinstance(answer, Fault):
        return Title("fault", line(answer.kind), line(answer.message))
    if completion and completion.failure:
        return Title(
            "error", f"HTTP {answer.status}", line(completion.failure.message or completion.failure.type)
        )
    if answer.status >= _ERROR:
        return Title("error", f"HTTP {answer.status}", beginning(body))
    if completion is None or not completion.choices:
        return Title("http", line(place(exchange)), beginning(body))
    if calls := completion.calls:
        more = f" +{len(calls) - 1}" if len(calls) > 1 else ""
        return Title("tool", line(calls[0].name) + more, line(completion.text or calls[0].arguments))
    return Title("text", line(completion.stop_reason or "reply"), line(completion.text))


def place(exchange: Exchange) -> str:
    """Method, host and path."""
    try:
        parts = urlsplit(exchange.request.url)
    except ValueError:  # a bracket that is no address
        return f"{exchange.request.method} {exchange.request.url}"
    return f"{exchange.request.method} {parts.netloc}{parts.path}"


def line(text: str, most: int = LINE) -> str:
    """The beginning of `text` as one line that changes nothing around it."""
    flat = _BLANK.sub(" ", _UNPRINTABLE.sub("\ufffd", text[: 4 * most])).strip()
    return flat if len(flat) <= most else flat[: most - 1] + "…"


def beginning(body: bytes) -> str:
    """The first line of a body, if it is text."""
    return line(body[: 4 * LINE].decode("utf-8", "replace"))


def status(exchange: Exchange) -> str:
    """`200`, or the fault's kind."""
    answer = exchange.answer
    return str(answer.status) if isinstance(answer, Response) else line(answer.kind)
