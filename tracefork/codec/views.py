"""Texts as a reader has them who undoes an encoding, and where each of their bytes came from. Pure.

A view is made of the bytes of a text by calls that each take all of it, so that to look at one
costs no more where there is much to undo. Where its bytes stood is worked out only when that is asked.
What is written into a view is written into the text that it was made of, encoded as that is: see `cells`.
"""

from __future__ import annotations

import binascii
import html
import re
import string
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Protocol, TypeAlias

from attrs import field, frozen

Part: TypeAlias = "tuple[int, int]"
"""From where to where, in the text that a view was made of."""

Map: TypeAlias = "tuple[Sequence[int], Sequence[Part]]"
"""Where each piece of a view begins in it, and what it was made of: as long, or a whole that is not cut."""


Sextet: TypeAlias = "Callable[[int], Part]"
"""The character of base64 that has the first bit of a byte, and which of its six bits that is."""


class Unwritable(Exception):
    """The encoding of a text has no room for a byte that is to be written into it."""


class Cells(Protocol):
    """Bytes that can be read and written one by one: a bytearray, or what a view shows of one."""

    def __getitem__(self, at: int, /) -> int: ...
    def __setitem__(self, at: int, code: int, /) -> None: ...


@frozen
class View:
    """`data` is what is read; `parts` says of what it was made, in what `outer` was made of if it has one.

    Of bytes that stood in base64, `sextet` says where.
    """

    data: bytes
    _map: Callable[[], Map] = field(repr=False, eq=False)
    _outer: View | None = None
    _sextet: Sextet | None = field(default=None, repr=False, eq=False)
    _made: list[Map] = field(factory=list, init=False, repr=False, eq=False)

    def parts(self, start: int, stop: int) -> list[Part]:
        """What `data[start:stop]` was made of, in order; what touches is one part."""
        found = self._parts(start, stop)
        if self._outer is not None:
            found = [part for low, high in found for part in self._outer.parts(low, high)]
        return _joined(found)

    def cells(self, text: Cells) -> Cells:
        """The bytes of this view of `text`: what is written here is written there as it is encoded there.

        Writing raises `Unwritable` where the encoding has no room for a byte.
        """
        under = self._outer.cells(text) if self._outer is not None else text
        return _Sixes(under, self._sextet) if self._sextet else _Pieces(under, self)

    def piece(self, at: int) -> tuple[Part, int, int]:
        """What the byte at `at` was made of, its place in the piece made of that, and how long that is."""
        begins, sources = self._mapped()
        n = bisect_right(begins, at) - 1
        end = begins[n + 1] if n + 1 < len(begins) else len(self.data)
        return sources[n], at - begins[n], end - begins[n]

    def _mapped(self) -> Map:
        if not self._made:
            self._made.append(self._map())
        return self._made[0]

    def _parts(self, start: int, stop: int) -> list[Part]:
        begins, sources = self._mapped()
        out, n = list[Part](), max(0, bisect_right(begins, start) - 1)
        while n < len(begins) and begins[n] < stop:
            end = begins[n + 1] if n + 1 < len(begins) else len(self.data)
            low, high = sources[n]
            if high - low == end - begins[n]:
                low, high = low + max(0, start - begins[n]), low + min(stop, end) - begins[n]
            if low < high:
                out.append((low, high))
            n += 1
        return out


def whole(data: bytes) -> View:
    """`data` as it is."""
    return View(data, lambda: ((0,), ((0, len(data)),)))


def gathered(data: bytes, parts: Sequence[Part], between: bytes = b"") -> View:
    """These parts of `data`, one behind the other."""

    def made() -> Map:
        sizes = [high - low + len(between) for low, high in parts]
        begins = [0, *accumulate(sizes)][:-1]
        return _apart(begins, parts, len(between), sizes) if between else (begins, parts)

    return View(between.join([data[low:high] for low, high in parts]), made)


def opened(pieces: Sequence[bytes], parts: Sequence[Part], between: bytes) -> View:
    """`pieces` that were in base64 in `parts`, each in the whole of it."""
    sizes = [len(piece) + len(between) for piece in pieces]
    begins = [0, *accumulate(sizes)][:-1]

    def sextet(at: int) -> Part:
        n = bisect_right(begins, at) - 1
        bit = 8 * (at - begins[n])
        return parts[n][0] + bit // 6, bit % 6

    return View(between.join(pieces), lambda: _apart(begins, parts, len(between), sizes), None, sextet)


def upon(outer: View, view: View) -> View:
    """`view`, which was made of `outer.data`, as made of what that was made of."""
    return View(view.data, view._map, outer, view._sextet)  # noqa: SLF001  evolve() takes four times as long


def unescaped(data: bytes) -> View | None:
    r"""`data` without what JSON (`\u002b`, `\/`), URLs (`%2f`) and HTML (`&amp;`) write otherwise.

    JSON within JSON too, and what is escaped twice. Of `\n`, `\"` and the like it is enough to know
    that no token goes on: each becomes two of what it is, which moves nothing. None where nothing is escaped.
    """
    slashed = b"\\" in data
    plain = data
    if slashed:
        for escape, twice in _TWICE:
            plain = plain.replace(escape, twice)
        slashed = b"\\" in plain
    if not slashed and b"%" not in data and b"&" not in data:
        return None if plain is data else gathered(plain, ((0, len(plain)),))
    pieces = _ESCAPE.split(plain)
    if len(pieces) == 1:
        return None if plain is data else gathered(plain, ((0, len(plain)),))
    sizes = list(map(len, pieces))
    pieces[1::2] = map(_PLAIN.__getitem__, pieces[1::2])

    def made() -> Map:
        begins, places = [0, *accumulate(map(len, pieces))][:-1], [0, *accumulate(sizes)]
        return begins, list(pairwise(places))

    return View(b"".join(pieces), made)


def unwrapped(data: bytes) -> View | None:
    """`data` without the ends of lines within base64; None where there are none."""
    if b"\n" not in data:
        return None
    pieces = _WRAP.split(data)
    if len(pieces) == 1:
        return None
    places = [0]
    for end in _WRAP.finditer(data):
        places += end.span()
    places.append(len(data))
    return gathered(data, list(zip(places[::2], places[1::2], strict=True)))


def in_base64(data: bytes, most: int) -> list[View]:
    """What the base64 in `data` says, for each place at which it may begin: four views.

    A run of more than `most` characters is left out, unless it begins as a text does: it is an image.
    """
    runs = [
        run.span()
        for low, high in stretches(data, _SHAPE, _LEAST)
        for run in _RUN.finditer(data, low, min(high + 2, len(data)))
    ]
    runs = [(low, high) for low, high in runs if high - low <= most or _is_text(data[low : low + _LOOK])]
    if not runs:
        return []
    packed = b"".join([data[low:high] + _PAD[(high - low) % 4] for low, high in runs]).translate(_STANDARD)
    begins = [0, *accumulate([high - low + len(_PAD[(high - low) % 4]) for low, high in runs])][:-1]
    return [_shifted(packed, shift, begins, runs) for shift in range(4)]


def stretches(data: bytes, shape: bytes, least: int) -> Iterator[Part]:
    """Where `least` or more of the bytes stand that `shape` makes an x of, and of others a blank."""
    shaped, sought = data.translate(shape), b"x" * least
    at = shaped.find(sought)
    while at >= 0:
        stop = shaped.find(b" ", at + least)
        stop = len(shaped) if stop < 0 else stop
        yield at, stop
        at = shaped.find(sought, stop)


def shape_of(letters: bytes) -> bytes:
    """The table that makes an x of these bytes, and a blank of all others."""
    return bytes(120 if code in letters else 32 for code in range(256))


def _shifted(packed: bytes, shift: int, begins: Sequence[int], runs: Sequence[Part]) -> View:
    rest = packed[shift:]
    plain = binascii.a2b_base64(rest[: len(rest) - len(rest) % 4])

    def made() -> Map:
        return [max(0, -(-(begin - shift) * 3 // 4)) for begin in begins], runs

    def sextet(at: int) -> Part:
        place = shift + 8 * at // 6
        n = bisect_right(begins, place) - 1
        return runs[n][0] + place - begins[n], 8 * at % 6

    return View(plain, made, None, sextet)


def _is_text(run: bytes) -> bool:
    for shift in range(4):
        rest = run.translate(_STANDARD)[shift:]
        plain = binascii.a2b_base64(rest[: len(rest) - len(rest) % 4])
        if plain.isascii() and plain.translate(None, _PRINTED) == b"":
            return True
    return False


def _joined(parts: Iterable[Part]) -> list[Part]:
    out = list[Part]()
    for low, high in parts:
        if out and out[-1][1] >= low >= out[-1][0]:
            out[-1] = out[-1][0], max(high, out[-1][1])
        else:
            out.append((low, high))
    return out


def _apart(begins: Sequence[int], parts: Sequence[Part], between: int, sizes: Sequence[int]) -> Map:
    """The map of pieces with something between them that was made of nothing."""
    places, sources = list[int](), list[Part]()
    for begin, size, part in zip(begins, sizes, parts, strict=True):
        places += [begin, begin + size - between]
        sources += [part, (part[1], part[1])]
    return places, sources


class _Pieces:
    """The bytes of a view that was made of pieces of a text, some of them escaped there."""

    def __init__(self, under: Cells, view: View) -> None:
        self._under, self._view = under, view

    def __getitem__(self, at: int) -> int:
        (low, high), offset, size = self._view.piece(at)
        if high - low == size:
            return self._under[low + offset]
        return _PLAIN[bytes([self._under[n] for n in range(low, high)])][offset]

    def __setitem__(self, at: int, code: int) -> None:
        (low, high), offset, size = self._view.piece(at)
        if high - low == size:
            self._under[low + offset] = code
            return
        escape = bytes([self._under[n] for n in range(low, high)])
        if size != 1 or len(written := _escaped(escape, code)) != len(escape):
            raise Unwritable
        for n, new in enumerate(written, low):
            self._under[n] = new


class _Sixes:
    """The bytes that stand in base64."""

    def __init__(self, under: Cells, sextet: Sextet) -> None:
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


def in_sixes(cells: Cells, first: int, before: int) -> Cells:
    """The bytes that stand in base64 in `cells` from `first` on, but for the `before` first of them."""

    def sextet(at: int) -> Part:
        bit = 8 * (before + at)
        return first + bit // 6, bit % 6

    return _Sixes(cells, sextet)


def _escaped(escape: bytes, code: int) -> bytes:
    """This byte, written as `escape` writes another."""
    if escape[0] == _AMPERSAND:
        if escape[1:2] != b"#":
            raise Unwritable
        if escape[2:3] in b"xX":
            return escape[:3] + b"%0*x;" % (len(escape) - 4, code)
        return b"&#%0*d;" % (len(escape) - 3, code)
    if len(escape.lstrip(b"\\")) == 1:  # a slash
        raise Unwritable
    digits, said = b"%02x" % code, escape[-2:]
    capital = said != said.lower() or (said == said.upper() and escape[:1] == b"%")
    return escape[:-2] + (digits.upper() if capital else digits)


class _Plain(dict[bytes, bytes]):
    """What each way of writing a character otherwise stands for."""

    def __missing__(self, escape: bytes) -> bytes:
        if escape[0] == _AMPERSAND:
            plain = html.unescape(escape.decode()).encode("utf-8", "surrogatepass")
        else:
            tail = escape.lstrip(b"\\")
            code = b"" if len(tail) == 1 else bytes([int(escape[-2:], 16)])
            plain = (code.decode("latin-1").encode() if tail.startswith(b"u") else code) or tail
        if len(self) < _REMEMBERED:
            self[escape] = plain
        return plain


_REMEMBERED = 4096
_AMPERSAND = ord("&")
_TWICE = [(b"\\" + c, 2 * plain) for c, plain in ((b"n", b"\n"), (b'"', b'"'), (b"r", b"\r"), (b"t", b"\t"))]
_PLAIN = _Plain()
_ESCAPE = re.compile(
    rb"""(\\{1,16}+(?:u00[0-9a-fA-F]{2}|/)"""
    rb"""|%(?:25){0,4}[0-9a-fA-F]{2}"""
    rb"""|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-z]{2,8});)"""
)
_WRAP = re.compile(
    rb"(?:\n(?<=[A-Za-z0-9+/,_-]{16}\n)|\r\n(?<=[A-Za-z0-9+/,_-]{16}\r\n))[ \t\n]{0,8}(?=[A-Za-z0-9+/,_=-])"
)
_LEAST = 28  # characters of base64 in which there is room for a secret
_SHAPE = shape_of((string.ascii_letters + string.digits + "+/_-").encode())
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{28,}={0,2}")
_STANDARD = bytes.maketrans(b"-_=", b"+/A")
_PAD = [b"A" * (-n % 4) + b"AAAA" for n in range(4)]  # and what no secret goes over
_LOOK = 256
_ALPHABET = (string.ascii_uppercase + string.ascii_lowercase + string.digits).encode()
_FIRST_SIGN = len(_ALPHABET)
_SIGNS, _URL_SIGNS = b"+/", b"-_"
_SIX_OF = {code: n for signs in (_SIGNS, _URL_SIGNS) for n, code in enumerate(_ALPHABET + signs)}
_SIX_OF[ord(",")] = _FIRST_SIGN + 1  # as mail has it
_PRINTED = string.printable.encode()
