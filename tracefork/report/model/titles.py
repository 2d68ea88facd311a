"""A step's kind of answer, its title and its preview, each in one line."""

from __future__ import annotations

import json
import re
from codecs import getincrementaldecoder
from typing import Literal
from urllib.parse import urlsplit

from attrs import frozen

from ...core.values import Exchange, Fault, Request, Response
from ...providers.messages import Completion, Embeddings, Other, Part
from ..figures import size

Kind = Literal["text", "tool", "error", "fault", "http"]

LINE = 120
"""Characters of a preview."""
HEAD = 56
"""Characters of the first line of two."""

_ORDINARY = frozenset({"", "end_turn", "stop", "STOP", "completed", "COMPLETE", "reply"})
"""Reasons to stop that say no more than that the answer is over."""

_MARKS = re.compile(
    r"""
    ^[ \t]* (?: (?:\#{1,6}|>)[ \t]+ | [-*+][ \t]+ (?=[^\W\d]|\*\*|`) )  # before a line
    | \*\* (?=\w) ([^*\n]{1,200}?) (?<=[\w.:!?)]) \*\*  # around words
    | ` ([^`\n]{1,200}) `
    """,
    re.MULTILINE | re.VERBOSE,
)
"""Markdown's marks, where they can be nothing else: those of code stay."""

_HEADING = re.compile(r"\A\s*#{1,6}[ \t]+([^\n]*[^\s#:])[ \t#:]*\n\s*")
_DECODER = getincrementaldecoder("utf-8")
_WIDEST = 4  # bytes of a character
_ERROR = 400  # the first status that is one
_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f]+")
_UNPRINTABLE = re.compile("[\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufffe\uffff]")


@frozen
class Title:
    """`kind` is what came: words, a tool call, an error, no response, or another server's answer.

    A table has `title` and `preview`; a list that gives a step two lines has `head` and `tail`, which begin
    with what was said, and with the end of the path where nobody knows the server's API.
    """

    kind: Kind
    title: str
    preview: str
    head: str = ""
    tail: str = ""


def title(exchange: Exchange, completion: Completion | None, body: bytes) -> Title:
    """The line for a step; `body` is its response, decoded."""
    answer, request = exchange.answer, exchange.request
    if isinstance(answer, Fault):
        kind, message = line(answer.kind), line(answer.message)
        return Title("fault", kind, message, kind, _describe_failure(request, completion, message))
    if completion and completion.failure:
        text = line(completion.failure.message or completion.failure.type)
        return Title("error", f"HTTP {answer.status}", text, f"HTTP {answer.status}", text)
    if answer.status >= _ERROR:
        text = beginning(body)
        status = f"HTTP {answer.status}"
        return Title("error", status, text, status, _describe_failure(request, completion, text))
    if completion is None or not completion.choices:
        text, host = beginning(body), line(_split(request.url)[0], HEAD)
        name = line(f"{request.method} {host_and_path(request.url)}")
        heard = _describe_bytes(answer, body) if "\ufffd" in text else text
        return Title(
            "http", name, text, describe_question(request), line(f"{host}: {heard}" if heard else host)
        )
    if calls := completion.calls:
        more = f" +{len(calls) - 1}" if len(calls) > 1 else ""
        name, text = line(calls[0].name) + more, line(completion.text or calls[0].arguments)
        return Title("tool", name, text, name, text)
    first = completion.choices[0].message
    if completion.kind != "answer" and not first.text:
        role, text = line(first.role), line(", ".join(map(_describe, first.parts)))
        return Title("text", role, text, role, text)
    reason = line(completion.stop_reason or "reply")
    return Title("text", reason, line(completion.text), *_split_lines(completion.text, reason))


def describe_question(request: Request) -> str:
    """The method and the end of the path, `POST /v1/orders/17/refund`; the host where there is no path."""
    host, path = _split(request.url)
    while len(path) > HEAD - 8 and "/" in path[2:]:
        path = f"…{path[path.index('/', 2) :]}"
    return line(f"{request.method} {path if path.strip('/') else host}")


def _describe_failure(request: Request, completion: Completion | None, text: str) -> str:
    """What went wrong, behind what was asked where that was no model."""
    return (
        text
        if completion
        else line(f"{describe_question(request)}: {text}" if text else describe_question(request))
    )


def _describe_bytes(answer: Response, body: bytes) -> str:
    """What a body is that is no text, `image/png, 1.1 KiB`."""
    types = (value.partition(";")[0] for name, value in answer.headers if name.lower() == "content-type")
    return f"{line(next(types, '') or 'bytes', 40)}, {size(len(body))}"


def _split_lines(text: str, reason: str) -> tuple[str, str]:
    """The beginning of an answer, and what comes next, behind a `reason` to stop that is worth a word."""
    flat = line(_MARKS.sub(_unmark, _HEADING.sub(r"\1:\n", text[: 16 * LINE])), LINE)
    if not flat:
        return reason, ""
    head, rest = flat, ""
    if len(flat) > HEAD:
        cut = flat.rfind(" ", HEAD // 2, HEAD)
        cut = cut if cut > 0 else HEAD
        head, rest = flat[:cut], flat[cut:].strip()
    if reason in _ORDINARY:
        return head, line(rest)
    return head, line(f"{reason}: {rest}" if rest else reason)


def _unmark(found: re.Match[str]) -> str:
    """What stands between marks."""
    return found[1] or found[2] or ""


def _split(url: str) -> tuple[str, str]:
    """The host and the path of an URL; all of it is the host where it cannot be split."""
    try:
        parts = urlsplit(url)
    except ValueError:  # a bracket that is no address
        return url, ""
    return parts.netloc, parts.path


def spell_call(name: str, arguments: str) -> str:
    """`search(buses, deep=True)`: a recorded call; its name alone where the arguments are none of ours."""
    try:
        given = json.loads(arguments)
        shown = [*map(str, given["args"]), *(f"{key}={value}" for key, value in given["kwargs"].items())]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return name
    return f"{name}({', '.join(shown)})"


def _describe(part: Part) -> str:
    """What was measured or is kept, in a line."""
    return part.json if isinstance(part, Other) else str(part) if isinstance(part, Embeddings) else ""


def host_and_path(url: str) -> str:
    """The URL without its scheme and its query."""
    return "".join(_split(url))


def line(text: str, most: int = LINE) -> str:
    """The beginning of `text` as one line that changes nothing around it; "…" stands for what is left out."""
    start = _behind_blanks(text, 0)
    stop = start + 4 * most
    cut = text[start:stop]
    if cut.isprintable():  # and thus has no blanks but spaces
        flat = " ".join(cut.split())
    else:
        flat = _BLANKS.sub(" ", _UNPRINTABLE.sub("\ufffd", cut)).strip()
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
