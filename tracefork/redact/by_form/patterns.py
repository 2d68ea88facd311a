"""Finds API keys by their issuers' documented prefixes and lengths (sk-ant-..., ghp_..., AKIA...). Pure.

A text is read as it says itself to be written: what JSON, URLs and HTML escape is undone, and base64 is
opened. Each reading is walked once, whatever the number of kinds; and a token has both its ends:
no letter of its own alphabet stands beside it. Any bytes will do, and twice as many take twice as long.
"""

from __future__ import annotations

import re
import string
from collections.abc import Generator, Iterable, Iterator
from functools import cache
from itertools import groupby

from ..texts import decoded
from ..texts.decoded import View
from .issuers import AMID, KINDS, PRIVATE_KEY, WORDS
from .kinds import Kind

__all__ = [
    "KINDS",
    "OVERLAP",
    "Kind",
    "Seen",
    "Span",
    "decode",
    "find_across",
    "find_safe",
    "find_within",
    "found",
    "list_readings",
    "map_span",
]

OVERLAP = 8192
"""Bytes that no secret of these kinds is longer than; of longer ones so many are taken out."""

Span = tuple[int, int, bytes]
"""Where a secret stands, and its placeholder: (start, stop, mark)."""

Seen = tuple[View, int, int, bytes]
"""In which view a secret stands, from where to where, and its placeholder."""

UNBROKEN = (string.ascii_letters + string.digits + "+/_=.:,-~@").encode()
"""What secrets are written in, all but private keys, which have lines."""

_SHAPE = decoded.make_shape(UNBROKEN)
_LEAST = 20  # bytes of the shortest of them
_MOST_BASE64 = OVERLAP  # characters: what is longer, and is no text, is an image


def found(data: bytes, start: int = 0) -> Iterator[Span]:
    """Where secrets stand that begin at `start` or later, in no order; they may overlap."""
    text, lines = list_readings(data[start:] if start else data)
    for view, low, high, mark in find_within([text, *decode(text, lines)]):
        begin, stop = map_span(view, low, high)
        yield begin + start, stop + start, mark


def list_readings(data: bytes) -> tuple[View, View | None]:
    """`data` without what is escaped in it, and that without the ends of lines in base64."""
    text = decoded.unescape(data) or decoded.whole(data)
    flat = decoded.unwrap(text.data)
    return text, flat and decoded.rebase(text, flat)


def decode(text: View, lines: View | None) -> list[View]:
    """What the base64 says in what `text` was made of, whose lines were put together in `lines`."""
    flat = lines or text
    return [decoded.rebase(flat, view) for view in decoded.decode_base64(flat.data, _MOST_BASE64)]


def find_within(readings: Iterable[View]) -> Iterator[Seen]:
    """The secrets in each of these views."""
    for view in readings:
        if len(view.data) >= _LEAST:
            for start, stop, mark in _find_words(view.data):
                yield view, start, stop, mark


def find_across(view: View) -> Iterator[Seen]:
    """Secrets in texts that were put together, where they were made of more than one part."""
    plain = decoded.unescape(view.data)
    reading = decoded.rebase(view, plain) if plain else view
    for start, stop, mark in _find_words(reading.data):
        if len(reading.parts(start, stop)) > 1:
            yield reading, start, stop, mark


def find_safe(data: bytes, start: int) -> int:
    """The last place at or before `start` at which no secret is in the middle."""
    low = max(0, start - OVERLAP)
    begun = data.rfind(PRIVATE_KEY.prefix, low, start)
    return begun if begun >= 0 else low + len(data[low:start].rstrip(_ESCAPED))


def map_span(view: View, start: int, stop: int) -> tuple[int, int]:
    """From where to where goes what this stretch of a view was made of."""
    parts = view.parts(start, stop)
    return parts[0][0], parts[-1][1]


def _find_words(data: bytes) -> Iterator[Span]:
    """Where secrets stand in `data`, as it is.

    All kinds but private keys are words of 20 characters or more, of which ordinary text has few.
    """
    for low, high in decoded.find_stretches(data, _SHAPE, _LEAST):
        at, (form, behind) = low, _compile()
        if found := form.match(data, low, high):
            at = yield from _confirm(found, data)
        while found := behind.search(data, max(low, at - 1), high):
            at = yield from _confirm(found, data)
    for kind in AMID:
        if kind.prefix in data:
            for met in _amid(kind).finditer(data):
                start = met.start() - kind.into
                if kind.holds(data, start, met.end()):
                    yield start, met.end(), kind.mark
    if PRIVATE_KEY.prefix in data:
        for key in PRIVATE_KEY.form.finditer(data):
            if PRIVATE_KEY.check is None or PRIVATE_KEY.check(key[0]):
                yield *key.span(), PRIVATE_KEY.mark


def _confirm(found: re.Match[bytes], data: bytes) -> Generator[Span, None, int]:
    """Give the secret that has this form, if it is one; return where to look on."""
    kind, stop = _ORDER[(found.lastindex or 0) - 1], found.end()
    start = found.start(found.lastindex or 0) - len(kind.prefix)
    if kind.holds(data, start, stop):
        yield start, stop, kind.mark
        return stop
    for other in _LIKE[kind.prefix]:
        if other is not kind and (end := other.at(data, start)) is not None:
            yield start, end, other.mark
            return end
    return start + 1


def _join_forms(kinds: Iterable[Kind]) -> tuple[bytes, tuple[Kind, ...]]:
    """The forms of all `kinds`, and whose each group is; what prefixes have in common is looked at once."""
    order = sorted(kinds, key=lambda kind: kind.prefix + b"\xff")  # the longer before what they begin with
    return _join_branches(order, 0), tuple(order)


def _join_branches(kinds: list[Kind], at: int) -> bytes:
    """The forms of `kinds`, in order, which have their first `at` letters in common, without these."""
    out = list[bytes]()
    for letter, some in groupby(kinds, key=lambda kind: kind.prefix[at : at + 1]):
        if letter:
            out.append(re.escape(letter) + _join_branches(list(some), at + 1))
        else:
            out += [b"()" + _behind_its_prefix(kind) for kind in some]
    return out[0] if len(out) == 1 else b"(?:%s)" % b"|".join(out)


def _behind_its_prefix(kind: Kind) -> bytes:
    """The form of a kind from there on, with nothing before its prefix that may not be there."""
    prefix = re.escape(kind.prefix)
    apart = b"(?<![A-Za-z0-9_-]%s)" % prefix if b"-" in kind.beside else b""
    return apart + kind.pattern.removeprefix(prefix)


@cache
def _compile() -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """The forms of all words, at the beginning of a stretch and within it: they take 50 ms to compile."""
    return re.compile(_ANY), re.compile(b"[^A-Za-z0-9]" + _ANY)


@cache
def _amid(kind: Kind) -> re.Pattern[bytes]:
    """The form of a kind from what it is known by on, where what it has before that stands before it."""
    prefix = re.escape(kind.prefix)
    before, _, behind = kind.pattern.partition(prefix)
    return re.compile(prefix + b"(?<=%s%s)" % (before, prefix) + behind)


_ANY, _ORDER = _join_forms(WORDS)
_LIKE = {
    kind.prefix: [o for o in WORDS if kind.prefix.startswith(o.prefix) or o.prefix.startswith(kind.prefix)]
    for kind in WORDS
}
_ESCAPED = UNBROKEN + b"\\%&;#"
