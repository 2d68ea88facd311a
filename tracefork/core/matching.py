"""Matchers: each maps a question to a key, and questions are the same if their keys are equal.

Method, URL and body count, and a short allow-list of headers that change what
the server does. Other headers do not: retry counters, user agents and host
ports differ between equal calls. A multipart boundary is random by design and
is normalised before anything is compared.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from hashlib import sha256
from typing import TypeAlias

from attrs import evolve

from .framing import Digest, encode, hash_parts
from .json_paths import EVERY, Every, Path, parse_path
from .values import Call, Headers, Question, Request, Source

Matcher: TypeAlias = Callable[[Question], Digest]
"""Maps a question to 64 hex characters; two questions with one key may be served the same recorded answer."""

FIRST_MEANINGFUL = frozenset({"anthropic-version", "anthropic-beta", "openai-beta"})
"""The headers that were part of a question when the first digests were stored."""

MEANINGFUL = FIRST_MEANINGFUL | {
    "range",
    "if-range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
}
"""Request headers that are part of the question, in lower case: they change what is answered."""

NORMAL = b"--boundary"
"""What stands for a multipart boundary in a normalised body."""

_BOUNDARY = re.compile(r'multipart/[^;]+;.*?boundary="?([^";,]+)', re.IGNORECASE)


def exact(question: Question) -> Digest:
    """The default matcher: method, URL, meaningful headers and the body's bytes are equal."""
    return _make_key(question, normalise(question).sha256 if isinstance(question, Request) else "")


def first_exact(question: Question) -> Digest:
    """The matcher of the first digests, when FIRST_MEANINGFUL headers alone counted: to check those."""
    content = normalise(question).sha256 if isinstance(question, Request) else ""
    return _make_key(question, content, FIRST_MEANINGFUL)


def canonical(*, ignoring: Iterable[str] = (), headers: Iterable[str] = MEANINGFUL) -> Matcher:
    """Return a matcher that compares JSON bodies by meaning: key order and white space do not count.

    Args:
        ignoring: JSON paths to leave out, such as `"$.metadata.user_id"` or
            `"$.messages[*].id"`; `*` stands for any index or key, `["a.b"]` is any key. And patterns between
            slashes, such as `"/Today is [0-9-]+/"`, of what to leave out of every text.
        headers: the request headers that count, in any case.

    Raises:
        ValueError: a path does not start with `$`, or leads nowhere; or a pattern is none.
    """
    given = tuple(ignoring)
    paths = [_parse_path(p) for p in given if not _is_pattern(p)]
    patterns = [_parse_pattern(p) for p in given if _is_pattern(p)]
    counted = frozenset(h.lower() for h in headers)

    def matcher(question: Question) -> Digest:
        if not isinstance(question, Request):
            return _make_key(question, "", counted)
        plain = normalise(question)
        try:
            tree = json.loads(plain.body)
        except (ValueError, RecursionError):
            return _make_key(question, plain.sha256, counted)
        for path in paths:
            _drop(tree, path)
        if patterns:
            tree = _leave_out(tree, patterns)
        return _make_key(question, sha256(json.dumps(tree, sort_keys=True).encode()).hexdigest(), counted)

    def blank(question: Request) -> Request:
        try:
            tree = json.loads(normalise(question).body)
        except (ValueError, RecursionError):
            return question
        for path in paths:
            _drop(tree, path, blank=True)
        return evolve(question, body=json.dumps(_leave_out(tree, patterns), ensure_ascii=False).encode())

    matcher.blank = blank  # type: ignore[attr-defined]
    return matcher


def blank_out(matcher: Matcher, question: Question) -> Question:
    """Return `question` with what `matcher` ignores of it blank: where two of these differ, it counts."""
    blank = getattr(matcher, "blank", None)
    return blank(question) if blank is not None and isinstance(question, Request) else question


def normalise(request: Request) -> Request:
    """Return `request` with its multipart boundary, if any, replaced by a fixed one in the body."""
    if ours := find_boundary(request.headers):
        return evolve(request, body=request.body.replace(ours, NORMAL))
    return request


def find_boundary(headers: Headers) -> bytes | None:
    """Return the multipart boundary that `headers` name, its dashes in front; None if there is none."""
    for name, value in headers:
        if (
            len(name) == len("content-type")
            and name.lower() == "content-type"
            and (found := _BOUNDARY.search(value))
        ):
            return b"--" + found[1].strip().encode("latin-1")
    return None


def select_headers(headers: Headers, counted: frozenset[str] = MEANINGFUL) -> Headers:
    """Return the pairs of `headers` that count, their names in lower case."""
    return tuple([(low, v) for n, v in headers if (low := n.lower()) in counted])


def _make_key(question: Question, content: Digest, counted: frozenset[str] = MEANINGFUL) -> Digest:
    """The key of a question; `content` is the sha-256 of its normalised body."""
    match question:
        case Request(method, url, headers):
            pairs = [encode(part) for pair in select_headers(headers, counted) for part in pair]
            content = question.omitted.sha256 if question.omitted else content
            return hash_parts(
                [b"req", encode(method), encode(url), hash_parts(pairs), bytes.fromhex(content)]
            ).hex()
        case Source(kind, name):
            return hash_parts([b"src", encode(kind), encode(name)]).hex()
        case Call(name, arguments):
            return hash_parts([b"call", encode(name), encode(arguments)]).hex()


def _is_pattern(given: str) -> bool:
    return len(given) > len("//") and given[0] == given[-1] == "/"


def _parse_pattern(given: str) -> re.Pattern[str]:
    try:
        return re.compile(given[1:-1])
    except re.error as exc:
        raise ValueError(f"{given!r} is no pattern: {exc}") from exc


def _leave_out(tree: object, patterns: Iterable[re.Pattern[str]]) -> object:
    """`tree` without what the patterns match in its texts."""
    match tree:
        case str():
            for pattern in patterns:
                tree = pattern.sub("", tree)
            return tree
        case dict():
            return {key: _leave_out(value, patterns) for key, value in tree.items()}
        case list():
            return [_leave_out(value, patterns) for value in tree]
    return tree


def _parse_path(path: str) -> Path:
    """The parts of a path; `$.a.0` is read too, and what else earlier versions took for a path."""
    try:
        parts: Path = parse_path(path)
    except ValueError:
        parts = tuple(re.findall(r"[^.\[\]]+", path[1:]))
    if not path.startswith("$") or not parts:
        raise ValueError(f"a JSON path is $ and what it leads to, such as $.metadata.id, not {path!r}")
    return parts


def _drop(tree: object, path: Path, *, blank: bool = False) -> None:
    """Take what is at `path` out of `tree`, or put null there."""
    head, *more = path
    places: Iterable[str | int] = ()
    if isinstance(tree, dict):
        places = list(tree) if head is EVERY else [str(head)] if str(head) in tree else []
    elif isinstance(tree, list):
        places = sorted(_list_indexes(head, len(tree)), reverse=True)
    for place in places:
        if more:
            _drop(tree[place], tuple(more), blank=blank)  # type: ignore[index]
        elif blank:
            tree[place] = None  # type: ignore[index]
        else:
            del tree[place]  # type: ignore[attr-defined]


def _list_indexes(part: str | int | Every, length: int) -> Iterable[int]:
    if part is EVERY:
        return range(length)
    if isinstance(part, str) and not part.isdecimal():
        return ()
    index = int(part)
    index += length * (index < 0)
    return (index,) if 0 <= index < length else ()
