"""Finders of what callers may ask for: personal data by its form, or by an analyzer of theirs. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol, TypeAlias

from .patterns import Span

Finder: TypeAlias = "Callable[[bytes, int], Iterable[Span]]"
"""Gives where secrets stand in a text that begin at a place of it or later: (start, stop, placeholder)."""


class Analyzer(Protocol):
    """An AnalyzerEngine of presidio-analyzer, as far as it is asked here."""

    def analyze(self, text: str, language: str) -> Iterable[Any]:
        """Give what has `.start`, `.end` and `.entity_type`."""
        ...


def emails(data: bytes, start: int = 0) -> Iterator[Span]:
    """Finds e-mail addresses."""
    for found in _EMAIL.finditer(data, start):
        labels = found[1].split(b".")
        while len(labels) > 1 and not _TOP.fullmatch(labels[-1]):
            labels.pop()
        domain = b".".join(labels)
        after = data[found.start(1) + len(domain) : found.start(1) + len(domain) + 1]
        if len(labels) > 1 and all(labels) and not _LETTER.fullmatch(after):
            yield found.start(), found.start(1) + len(domain), b"[secret:email]"


def phones(data: bytes, start: int = 0) -> Iterator[Span]:
    """Finds telephone numbers that begin with a plus and the code of a country, as E.164 has them."""
    for found in _PHONE.finditer(data, start):
        number = _cut_digits(found[0], _FAR)
        if 8 <= sum(map(_is_digit, number)) <= 15:  # noqa: PLR2004  digits, by E.164
            yield found.start(), found.start() + len(number), b"[secret:phone]"


def cards(data: bytes, start: int = 0) -> Iterator[Span]:
    """Finds numbers of payment cards, whose last digit is a checksum (ISO/IEC 7812-1, Luhn)."""
    for found in _CARD.finditer(data, start):
        number = _cut_digits(found[0], _APART)
        digits = [c - 48 for c in number if _is_digit(c)]
        doubled = [d if n % 2 == 0 else 2 * d - 9 * (d > 4) for n, d in enumerate(reversed(digits))]  # noqa: PLR2004
        if 13 <= len(digits) <= 19 and sum(doubled) % 10 == 0:  # noqa: PLR2004  lengths of the standard
            yield found.start(), found.start() + len(number), b"[secret:card]"


def _cut_digits(number: bytes, far: re.Pattern[bytes]) -> bytes:
    """`number` up to where its digits are too far apart to be of one number."""
    return far.split(number, maxsplit=1)[0].rstrip(b" ().-")


def _is_digit(code: int) -> bool:
    return 48 <= code <= 57  # noqa: PLR2004  the codes of 0 to 9


def presidio(analyzer: Analyzer, *, language: str = "en") -> Finder:
    """Return a finder that asks an `AnalyzerEngine` of presidio-analyzer, which is no dependency.

    Raises:
        TypeError: it has no `analyze`.
    """
    if not callable(getattr(analyzer, "analyze", None)):
        raise TypeError(f"presidio() takes an AnalyzerEngine, not {analyzer!r}")

    def found(data: bytes, start: int = 0) -> Iterator[Span]:
        text = data[start:].decode("utf-8", "replace")
        if len(text.encode()) != len(data) - start:
            return  # no text
        for one in analyzer.analyze(text=text, language=language):
            low = start + len(text[: one.start].encode())
            high = low + len(text[one.start : one.end].encode())
            yield low, high, f"[secret:{str(one.entity_type).lower()}]".encode()

    return found


OURS: frozenset[Finder] = frozenset({emails, phones, cards})
"""Finders that take a step for each byte, and never fail."""

_EMAIL = re.compile(rb"(?<![\w.+-])[\w.+-]{1,64}@([A-Za-z0-9.-]{3,255})")
_TOP = re.compile(rb"[A-Za-z]{2,24}")
_LETTER = re.compile(rb"[\w-]")

_PHONE = re.compile(rb"(?<![\w+])\+[1-9][0-9 ().-]{6,44}(?![0-9])")
_FAR = re.compile(rb"[ ().-]{3}")

_CARD = re.compile(rb"(?<![0-9.])[3-6][0-9 -]{12,37}(?![0-9])")
_APART = re.compile(rb"[ -]{2}")
