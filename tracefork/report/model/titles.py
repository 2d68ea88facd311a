"""A step's kind of answer, its title and its preview, each in one line."""

from __future__ import annotations

import re
from codecs import getincrementaldecoder
from typing import Literal
from urllib.parse import urlsplit

from attrs import frozen

from ...core.values import Exchange, Fault
from ...providers.messages import Completion, Embeddings, Other, Part

Kind = Literal["text", "tool", "error", "fault", "http"]

LINE = 120
"""Characters of a preview."""

_DECODER = getincrementaldecoder("utf-8")
_WIDEST = 4  # bytes of a character
_ERROR = 400  # the first status that is one
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
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
        return Title(
            "http", line(f"{exchange.request.method} {host_and_path(exchange.request.url)}"), beginning(body)
        )
    if calls := completion.calls:
        more = f" +{len(calls) - 1}" if len(calls) > 1 else ""
        return Title("tool", line(calls[0].name) + more, line(completion.text or calls[0].arguments))
    message = completion.choices[0].message
    if completion.kind != "answer" and not message.text:
        return Title("text", line(message.role), line(", ".join(map(_describe, message.parts))))
    return Title("text", line(completion.stop_reason or "reply"), line(completion.text))


def _describe(part: Part) -> str:
    """What was measured or is kept, in a line."""
    return part.json if isinstance(part, Other) else str(part) if isinstance(part, Embeddings) else ""


def host_and_path(url: str) -> str:
    """The URL without its scheme and its query."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is no address
        return url
    return f"{parts.netloc}{parts.path}"


def line(text: str, most: int = LINE) -> str:
    """The beginning of `text` as one line that changes nothing around it; "…" stands for what is left out."""
    start = _behind_blanks(text, 0)
    stop = start + 4 * most
    flat = _BLANKS.sub(" ", _UNPRINTABLE.sub("\ufffd", text[start:stop])).strip()
    if len(flat) <= most and _behind_blanks(text, stop) >= len(text):
        return flat
    return flat[: most - 1].rstrip() + "…"


def _behind_blanks(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def beginning(body: bytes) -> str:
    """The first line of a body, if it is text."""
    start = body.lstrip()[: _WIDEST * (4 * LINE + 1)]
    return line(_DECODER("replace").decode(start, final=len(start) == len(body)))
