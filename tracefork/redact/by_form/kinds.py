"""A kind of secret: its form, and the checks that a match must pass besides. Pure."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable, Iterator
from functools import cache

from attrs import field, frozen


@frozen
class Kind:
    """A kind of secret: what it is known by, the form of all of it, and what else must be so.

    The `prefix` stands at its beginning, or `into` it behind so many letters. A `weak` one is so short
    that images and hashes have it by chance: then nothing that may be base64 stands on either side.
    """

    name: str
    prefix: bytes
    pattern: bytes
    check: Callable[[bytes], bool] | None = None
    weak: bool = False
    into: int = 0
    mark: bytes = field(init=False)
    beside: bytes = field(init=False)
    """What does not stand before it: letters and digits, and what else is a letter in tokens of this kind."""

    @mark.default
    def _mark(self) -> bytes:
        return b"[secret:%s]" % self.name.encode()

    @beside.default
    def _beside(self) -> bytes:
        hyphens = self.weak or b"_-]" in self.pattern or b"9-]" in self.pattern
        return (
            _WORD + (b"_-" if hyphens else b"") + (b"+" if self.weak else b"") + (b"~" if self.into else b"")
        )

    @property
    def form(self) -> re.Pattern[bytes]:
        """The pattern, compiled where it is asked for: most kinds are looked for by that of all of them."""
        return _compile(self.pattern)

    def at(self, data: bytes, start: int) -> int | None:
        """Where a secret of this kind ends that begins at `start`; None if none does."""
        found = self.form.match(data, start)
        return found.end() if found and self.holds(data, *found.span()) else None

    def holds(self, data: bytes, start: int, stop: int) -> bool:
        """True if what has the form of this kind between these places is one."""
        if start and (data[start - 1] in self.beside or (self.weak and _is_amid_base64(data, start))):
            return False
        if self.weak and data[stop : stop + 1] == b"/" and (not start or data[start - 1] != _SLASH):
            return False  # of a path it would be a whole part
        return self.check is None or self.check(data[start:stop])


def kinds(
    name: str,
    prefixes: str,
    rest: str,
    check: Callable[[bytes], bool] | None = None,
    *,
    weak: bool = False,
    before: str = "",
    into: int = 0,
) -> Iterator[Kind]:
    """A kind for each of these prefixes; `before` is the form of the `into` letters that stand before it."""
    for prefix in prefixes.split("|"):
        pattern = (before + re.escape(prefix) + rest).encode()
        yield Kind(name, prefix.encode(), pattern, check, weak, into)


@cache
def _compile(pattern: bytes) -> re.Pattern[bytes]:
    return re.compile(pattern)


def is_mixed(text: bytes) -> bool:
    """Has digits and letters, or letters that nobody speaks, as drawn texts do; a name of words has not."""
    letters = re.search(rb"[A-Za-z]", text[3:])
    return bool(letters and (re.search(rb"[0-9]", text) or _is_unspoken(text)))


def is_drawn(text: bytes) -> bool:
    """Has digits or both small letters and large ones behind its prefix: for tokens of letters alone."""
    letters = text.rpartition(b"_")[2]
    return is_mixed(text) or not (letters.islower() or letters.isupper())


def is_jwt(text: bytes) -> bool:
    """Its header is JSON that names an algorithm."""
    head = text.partition(b".")[0]
    return len(head) <= _LONGEST_HEAD and "alg" in _parse(head)


def is_named_key(text: bytes) -> bool:
    """It is JSON that holds a key and says whose it is."""
    return {"k", "n", "id"} <= _parse(text.rstrip(b"=")).keys()


def has_a_line(text: bytes) -> bool:
    """It holds a line of base64, as a key does; a text about keys has none."""
    return bool(_LINE.search(text, 0, _HEADERS))


def is_of_user(text: bytes) -> bool:
    """Its first part is the number of a user, in base64."""
    head = text.partition(b".")[0]
    try:
        return base64.urlsafe_b64decode(head + b"=" * (-len(head) % 4)).isdigit()
    except (ValueError, binascii.Error):
        return False


def _is_amid_base64(data: bytes, start: int) -> bool:
    """True if a slash stands before this place that is none of a URL's or a path's, but of base64."""
    if data[start - 1] != _SLASH:
        return False
    before = data[max(0, start - _NEAR) : start]
    run = before[len(before.rstrip(_BASE64)) :]
    return not run.startswith(b"/") and before[: len(before) - len(run)][-1:] not in (b".", b":")


def _is_unspoken(text: bytes) -> bool:
    """Has small letters and large ones, and five consonants in a row that are not all the same."""
    if text.islower() or text.isupper():
        return False
    return any(len({*run.lower()}) >= _UNLIKE for run in _CONSONANTS.findall(text))


def _parse(packed: bytes) -> dict[str, object]:
    """The JSON in base64 without what fills it up; nothing if it is none."""
    try:
        parsed = json.loads(base64.urlsafe_b64decode(packed + b"=" * (-len(packed) % 4)))
    except (ValueError, RecursionError, binascii.Error):
        return {}
    return parsed if isinstance(parsed, dict) else {}


_WORD = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
_BASE64 = _WORD + b"+/"
_SLASH = ord("/")
_NEAR = 64  # bytes: the name of a host, or a part of a path
_LONGEST_HEAD = 4096
_CONSONANTS = re.compile(rb"[BCDFGHJKLMNPQRSTVWXZbcdfghjklmnpqrstvwxz]{5,}")
_UNLIKE = 3
_LINE, _HEADERS = re.compile(rb"[A-Za-z0-9+/=]{28}"), 1024
