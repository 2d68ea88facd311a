"""Writes bytes into a text in the encoding that it has at that place: escaped, or in base64. Pure."""

from __future__ import annotations

import html
import string
from collections.abc import Callable
from typing import Protocol, TypeAlias

Part: TypeAlias = "tuple[int, int]"
"""From where to where, in a text."""

Sextet: TypeAlias = "Callable[[int], Part]"
"""The character of base64 that has the first bit of a byte, and which of its six bits that is."""


class Unwritable(Exception):
    """The encoding of a text has no room for a byte that is to be written into it."""


class WritableBytes(Protocol):
    """Bytes that can be read and written one by one: a bytearray, or what a view shows of one."""

    def __getitem__(self, at: int, /) -> int: ...
    def __setitem__(self, at: int, code: int, /) -> None: ...


class Escaped:
    """The bytes of a view that was made of pieces of a text, some of which are escaped there."""

    def __init__(self, under: WritableBytes, piece: Callable[[int], tuple[Part, int, int]]) -> None:
        """`piece` says what the byte at a place was made of, its offset in that, and how long it is there."""
        self._under, self._piece = under, piece

    def __getitem__(self, at: int) -> int:
        (low, high), offset, size = self._piece(at)
        if high - low == size:
            return self._under[low + offset]
        return PLAIN[bytes([self._under[n] for n in range(low, high)])][offset]

    def __setitem__(self, at: int, code: int) -> None:
        (low, high), offset, size = self._piece(at)
        if high - low == size:
            self._under[low + offset] = code
            return
        escape = bytes([self._under[n] for n in range(low, high)])
        plain = bytearray(PLAIN[escape])
        plain[offset] = code
        if len(plain) != size or len(written := _escape(escape, bytes(plain))) != len(escape):
            raise Unwritable
        for n, new in enumerate(written, low):
            self._under[n] = new


class Base64Bytes:
    """The bytes that a text holds in base64."""

    def __init__(self, under: WritableBytes, sextet: Sextet) -> None:
        self._under, self._sextet = under, sextet

    def __getitem__(self, at: int) -> int:
        place, bit = self._sextet(at)
        both = self._six(place) << 6 | self._six(place + 1)
        return both >> (4 - bit) & 0xFF

    def __setitem__(self, at: int, code: int) -> None:
        place, bit = self._sextet(at)
        room = 4 - bit
        both = self._six(place) << 6 | self._six(place + 1)
        both = both & ~(0xFF << room) | code << room
        for n, six in ((place, both >> 6), (place + 1, both & 0x3F)):
            if six != self._six(n):
                self._under[n] = self._letter(n, six)

    def _six(self, place: int) -> int:
        return _SIX_OF.get(self._under[place], 0)  # what pads is 0

    def _letter(self, place: int, six: int) -> int:
        """The character for these six bits, of the alphabet that the others are of."""
        if six < _FIRST_SIGN:
            return _ALPHABET[six]
        for n in range(max(0, place - _LOOK), place + _LOOK):
            try:
                near = self._under[n]
            except IndexError:
                break
            if near in _URL_SIGNS:
                return _URL_SIGNS[six - _FIRST_SIGN]
            if _SIX_OF.get(near, -1) < 0:
                continue
            if near in _SIGNS:
                break
        return _SIGNS[six - _FIRST_SIGN]


def write_behind(cells: WritableBytes, first: int, before: int) -> WritableBytes:
    """The bytes that stand in base64 in `cells` from `first` on, but for the `before` first of them."""

    def sextet(at: int) -> Part:
        bit = 8 * (before + at)
        return first + bit // 6, bit % 6

    return Base64Bytes(cells, sextet)


def _escape(escape: bytes, plain: bytes) -> bytes:
    """Return what stands for `plain`, one character, in the way in which `escape` stands for another."""
    tail, code = escape.lstrip(b"\\"), plain[0]
    if escape[0] == _AMPERSAND:
        if escape[1:2] != b"#" or len(plain) > 1:
            raise Unwritable
        if escape[2:3] in b"xX":
            return escape[:3] + b"%0*x;" % (len(escape) - 4, code)
        return b"&#%0*d;" % (len(escape) - 3, code)
    if len(tail) == 1:  # a slash
        raise Unwritable
    if tail[:1] == b"u":
        digits = b"%04x" % ord(plain.decode("utf-8", "surrogatepass"))
        return escape[:-4] + (digits if escape[-4:] == escape[-4:].lower() else digits.upper())
    digits, old = b"%02x" % code, escape[-2:]
    return escape[:-2] + (digits.upper() if old == old.upper() else digits)


class _Plain(dict[bytes, bytes]):
    """What each way of writing a character otherwise stands for."""

    def __missing__(self, escape: bytes) -> bytes:
        if escape[0] == _AMPERSAND:
            plain = html.unescape(escape.decode()).encode("utf-8", "surrogatepass")
        else:
            tail = escape.lstrip(b"\\")
            if tail[:1] == b"u":
                plain = chr(int(tail[1:], 16)).encode("utf-8", "surrogatepass")
            else:
                plain = tail if len(tail) == 1 else bytes([int(escape[-2:], 16)])
        if len(self) < _REMEMBERED:
            self[escape] = plain
        return plain


_REMEMBERED = 4096
_AMPERSAND = ord("&")
_LOOK = 256
_ALPHABET = (string.ascii_uppercase + string.ascii_lowercase + string.digits).encode()
_FIRST_SIGN = len(_ALPHABET)
_SIGNS, _URL_SIGNS = b"+/", b"-_"
_SIX_OF = {code: n for signs in (_SIGNS, _URL_SIGNS) for n, code in enumerate(_ALPHABET + signs)}
_SIX_OF[ord(",")] = _FIRST_SIGN + 1  # as mail has it

PLAIN = _Plain()
"""What each way of writing a character otherwise stands for."""
