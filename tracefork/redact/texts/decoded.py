"""Views: a text decoded (unescaped, out of base64), and for each of its bytes where it came from. Pure.

A view is made of the bytes of a text by calls that each take all of it, so that to look at one
costs no more where there is much to undo. Where its bytes stood is worked out only when that is asked.
What is written into a view is written into the text that it was made of, encoded as that is: see `writable`.
"""

from __future__ import annotations

import binascii
import re
import string
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import TypeAlias

from attrs import field, frozen

from .encoded import PLAIN, Base64Bytes, Escaped, Part, Sextet, WritableBytes

Map: TypeAlias = "tuple[Sequence[int], Sequence[Part]]"
"""Where each piece of a view begins in it, and what it was made of: as long, or a whole that is not cut."""


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
        found = self._coded(start, stop) if self._sextet else self._parts(start, stop)
        if self._outer is not None:
            found = [part for low, high in found for part in self._outer.parts(low, high)]
        return _join(found)

    def _coded(self, start: int, stop: int) -> list[Part]:
        """The characters of base64 that have bits of these bytes."""
        assert self._sextet is not None
        return [(self._sextet(start)[0], self._sextet(stop - 1)[0] + 2)] if start < stop else []

    def writable(self, text: WritableBytes) -> WritableBytes:
        """The bytes of this view of `text`: what is written here is written there as it is encoded there.

        Writing raises `Unwritable` where the encoding has no room for a byte.
        """
        under = self._outer.writable(text) if self._outer is not None else text
        return Base64Bytes(under, self._sextet) if self._sextet else Escaped(under, self.piece)

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


def gather(data: bytes, parts: Sequence[Part], between: bytes = b"") -> View:
    """These parts of `data`, one behind the other."""

    def made() -> Map:
        sizes = [high - low + len(between) for low, high in parts]
        begins = [0, *accumulate(sizes)][:-1]
        return _separate(begins, parts, len(between), sizes) if between else (begins, parts)

    return View(between.join([data[low:high] for low, high in parts]), made)


def open_pieces(pieces: Sequence[bytes], parts: Sequence[Part], between: bytes) -> View:
    """`pieces` that were in base64 in `parts`, each in the whole of it."""
    sizes = [len(piece) + len(between) for piece in pieces]
    begins = [0, *accumulate(sizes)][:-1]

    def sextet(at: int) -> Part:
        n = bisect_right(begins, at) - 1
        bit = 8 * (at - begins[n])
        return parts[n][0] + bit // 6, bit % 6

    return View(between.join(pieces), lambda: _separate(begins, parts, len(between), sizes), None, sextet)


def rebase(outer: View, view: View) -> View:
    """`view`, which was made of `outer.data` or of what was made of that, as made of what `outer` was."""
    if view._outer is not None:  # noqa: SLF001
        outer = rebase(outer, view._outer)  # noqa: SLF001
    return View(view.data, view._map, outer, view._sextet)  # noqa: SLF001  evolve() takes four times as long


def unescape(data: bytes) -> View | None:
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
        return None if plain is data else gather(plain, ((0, len(plain)),))
    pieces = _ESCAPE.split(plain)
    if len(pieces) == 1:
        return None if plain is data else gather(plain, ((0, len(plain)),))
    sizes = list(map(len, pieces))
    pieces[1::2] = map(PLAIN.__getitem__, pieces[1::2])

    def made() -> Map:
        begins, places = [0, *accumulate(map(len, pieces))][:-1], [0, *accumulate(sizes)]
        return begins, list(pairwise(places))

    return View(b"".join(pieces), made)


def unwrap(data: bytes) -> View | None:
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
    return gather(data, list(zip(places[::2], places[1::2], strict=True)))


def decode_base64(data: bytes, most: int) -> list[View]:
    """What the base64 in `data` says, for each place at which it may begin: four views.

    A run of more than `most` characters is left out, unless it begins as a text does: it is an image.
    """
    runs = [
        run.span()
        for low, high in find_stretches(data, _SHAPE, _LEAST)
        for run in _RUN.finditer(data, low, min(high + 2, len(data)))
    ]
    runs = [(low, high) for low, high in runs if high - low <= most or _is_text(data[low : low + _LOOK])]
    if not runs:
        return []
    packed = b"".join([data[low:high] + _PAD[(high - low) % 4] for low, high in runs]).translate(_STANDARD)
    begins = [0, *accumulate([high - low + len(_PAD[(high - low) % 4]) for low, high in runs])][:-1]
    return [_shift(packed, shift, begins, runs) for shift in range(4)]


def find_stretches(data: bytes, shape: bytes, least: int) -> Iterator[Part]:
    """Where `least` or more of the bytes stand that `shape` makes an x of, and of others a blank."""
    shaped, sought = data.translate(shape), b"x" * least
    at = shaped.find(sought)
    while at >= 0:
        stop = shaped.find(b" ", at + least)
        stop = len(shaped) if stop < 0 else stop
        yield at, stop
        at = shaped.find(sought, stop)


def make_shape(letters: bytes) -> bytes:
    """The table that makes an x of these bytes, and a blank of all others."""
    return bytes(120 if code in letters else 32 for code in range(256))


def _shift(packed: bytes, shift: int, begins: Sequence[int], runs: Sequence[Part]) -> View:
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


def _join(parts: Iterable[Part]) -> list[Part]:
    out = list[Part]()
    for low, high in parts:
        if out and out[-1][1] >= low >= out[-1][0]:
            out[-1] = out[-1][0], max(high, out[-1][1])
        else:
            out.append((low, high))
    return out


def _separate(begins: Sequence[int], parts: Sequence[Part], between: int, sizes: Sequence[int]) -> Map:
    """The map of pieces with something between them that was made of nothing."""
    places, sources = list[int](), list[Part]()
    for begin, size, part in zip(begins, sizes, parts, strict=True):
        places += [begin, begin + size - between]
        sources += [part, (part[1], part[1])]
    return places, sources


_TWICE = [(b"\\" + c, 2 * plain) for c, plain in ((b"n", b"\n"), (b'"', b'"'), (b"r", b"\r"), (b"t", b"\t"))]
_ESCAPE = re.compile(
    rb"""(\\{1,16}+(?:u[0-9a-fA-F]{4}|/)"""
    rb"""|%(?:25){0,4}[0-9a-fA-F]{2}"""
    rb"""|&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-z]{2,8});)"""
)
_WRAP = re.compile(
    rb"(?:\n(?<=[A-Za-z0-9+/,_-]{16}\n)|\r\n(?<=[A-Za-z0-9+/,_-]{16}\r\n))[ \t\n]{0,8}(?=[A-Za-z0-9+/,_=-])"
)
_LEAST = 28  # characters of base64 in which there is room for a secret
_SHAPE = make_shape((string.ascii_letters + string.digits + "+/_-").encode())
_RUN = re.compile(rb"[A-Za-z0-9+/_-]{28,}={0,2}")
_STANDARD = bytes.maketrans(b"-_=", b"+/A")
_PAD = [b"A" * (-n % 4) + b"AAAA" for n in range(4)]  # and what no secret goes over
_LOOK = 256
_PRINTED = string.printable.encode()
