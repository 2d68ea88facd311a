"""Texts that stand in pieces in a body: strings that belong together by where they stand in its JSON. Pure.

JSON is not parsed: a body is cut at its quotation marks, and what stands between two strings says
where the next one is. So any bytes will do, any nesting and any framing: lines, arrays, streams
of events with whatever is between them.
"""

from __future__ import annotations

import binascii
import re
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator
from itertools import accumulate, pairwise
from operator import add, itemgetter
from typing import TypeAlias

from .views import Part, View, gathered, replaced, upon, whole

_LONG = 1024
"""Bytes that are looked at on either side of a long string: only a secret that goes on concerns us here."""

_STRUCTURE = bytes(code for code in range(256) if code not in b"{}[],")
_BLANK = re.compile(rb"\n\r?\n|\r\r")
_NUMBER = re.compile(rb"[ \t]{0,16}:[ \t]{0,16}([0-9]{1,9})")
_TEXT = re.compile(rb"""(?:\A|[\r\n])data: ?([^\r\n{\["][^\r\n]*)""")
_HEAD = struct.Struct(">III")  # length of all, length of the headers, checksum of the two
_CHECKSUM = 4
_REMEMBERED = 4096
_NOTHING = 0, 0

BETWEEN = b"\n\0\n"
"""Stands between two texts in a view."""

_Shape: TypeAlias = "tuple[bytes, bool, bytes]"
"""What stands between two strings: its brackets, if the string before is a key, and that key's number."""


_Value: TypeAlias = "tuple[int, int, int]"
"""Which piece a value is, and its nodes by either way."""

_Event: TypeAlias = (
    "tuple[Callable[[list[bytes]], object] | None, object, list[_Value], list[int], list[bytes]]"
)
"""How an event is made: what takes its keys, these, where values stand and their nodes, the
indices, and the values last seen."""


_shapes: dict[bytes, _Shape] = {}
"""What stands between strings of most bodies: they are much alike."""

_LONG_SHAPE = 128


def texts(body: bytes) -> Iterator[View]:
    """The texts that stand in `body` in more than one piece: all that go by one way of joining in a view.

    In a view there is something between two texts that no secret holds.
    """
    inner = events(body)
    for view in inner or [whole(body)]:
        for groups in _ways(view.data):
            yield upon(view, _together(view.data, groups))


def events(body: bytes) -> list[View]:
    """What the messages of one of Amazon's event streams hold, and what is in base64 in these."""
    found, place = list[Part](), 0
    while place + _HEAD.size <= len(body):
        size, headers, check = _HEAD.unpack_from(body, place)
        start, end = place + _HEAD.size + headers, place + size - _CHECKSUM
        if not start <= end <= len(body) or zlib.crc32(body[place : place + 8]) != check:
            break
        found.append((start, end))
        place += size
    if not found:
        return []
    payloads = gathered(body, found, b"\n\n")
    packed = [at.span(1) for at in _BYTES.finditer(payloads.data)]
    pieces = [_opened(payloads.data[low:high]) for low, high in packed]
    return [payloads, upon(payloads, replaced(pieces, packed, b"\n\n"))] if packed else [payloads]


_BYTES = re.compile(rb'"bytes"[ \t]{0,16}:[ \t]{0,16}"([A-Za-z0-9+/]{4,}={0,2})"')


def _opened(packed: bytes) -> bytes:
    try:
        return binascii.a2b_base64(packed)
    except binascii.Error:
        return b""


def _together(data: bytes, groups: Iterable[list[Part]]) -> View:
    """The texts of `groups` one behind the other; of long pieces their two ends."""
    pieces, parts = list[bytes](), list[Part]()
    for group in groups:
        for low, high in group:
            if high - low > 2 * _LONG:
                pieces += [data[low : low + _LONG], BETWEEN, data[high - _LONG : high]]
                parts += [(low, low + _LONG), _NOTHING, (high - _LONG, high)]
            else:
                pieces.append(data[low:high])
                parts.append((low, high))
        pieces.append(BETWEEN)
        parts.append(_NOTHING)
    return View(b"".join(pieces), lambda: ([0, *accumulate(map(len, pieces))][:-1], parts))


def _ways(data: bytes) -> Iterator[list[list[Part]]]:
    """Two ways to say what goes on in what: by the path alone, and by all numbers on the way to it too."""
    walk = _Walk(data)
    for start, pieces in _quoted(data):
        walk.along(start, pieces)
    text = [found.span(1) for found in _TEXT.finditer(data)] if _has_texts(data) else []
    several = [group for group in walk.plain.values() if len(group) > 1]
    if len(text) > 1:
        several.append(text)
    if several:
        yield several
    if more := [group for group in walk.numbered().values() if len(group) > 1]:
        yield more


def _has_texts(data: bytes) -> bool:
    """True if there is an event whose data is no JSON."""
    return data.count(b"data:") > data.count(b"data: {") + data.count(b"data: [") + 1


def _quoted(data: bytes) -> Iterator[tuple[int, list[bytes]]]:
    """`data` cut at its quotation marks: every second piece is a string.

    Where one would hold the end of a line the marks are not in pairs: then each line is cut by itself.
    """
    masked = data.replace(b"\\\\", b"\0\0").replace(b'\\"', b"\0\0")
    pieces = masked.split(b'"')
    strings = b"".join(pieces[1::2])
    if len(pieces) % 2 and b"\n" not in strings and b"\r" not in strings:
        yield 0, pieces
        return
    for line in _LINE.finditer(masked):
        pieces = line[0].split(b'"')
        yield line.start(), pieces if len(pieces) % 2 else pieces[:-1]


class _Walk:
    """Goes along the strings of a body, and knows where in its JSON it is. Each step takes the same time.

    A node is a path: `plain` takes all places of a list for one, `numbered` tells them apart.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.plain = dict[int, list[Part]]()
        self._met = list[tuple[int, int, int]]()
        self._ends = list[tuple[int, tuple[bytes, ...]]]()
        self._nodes = dict[tuple[int, bytes | int], int]()
        self._open = list[tuple[int, int, bytes, int]]()
        self._plain, self._numbered, self._key, self._place = 0, 0, b"", _IN_OBJECT
        self._indices = list[bytes]()
        self._listed = False
        self._known = dict[bytes, _Event]()

    def along(self, start: int, pieces: list[bytes]) -> None:
        """Go along pieces of which every second is a string; the first begins at `start`.

        Events of a stream are much alike: one that has the shape of another is not walked along again.
        """
        last = len(pieces) - 1
        ends = list(map(add, accumulate(map(len, pieces), initial=start), range(last + 2)))
        bounds = list[int]()
        if by := [mark for mark in _ENDS if mark in self._data]:
            between = pieces[0:last:2]
            if len(by) == 1:
                bounds = [2 * n for n, piece in enumerate(between) if by[0] in piece]
            else:
                bounds = [2 * n for n, piece in enumerate(between) if any(mark in piece for mark in by)]
        if len(bounds) < _FEW:
            self._walk(pieces, ends, 0, last)
        else:
            self._walk(pieces, ends, 0, bounds[0])
            for low, high in pairwise([*bounds, last]):
                self._event(pieces, ends, low, high)
        if brackets := self._shape(pieces[last])[0]:
            self._enter(brackets)

    def _event(self, pieces: list[bytes], ends: list[int], low: int, high: int) -> None:
        event = pieces[low:high]
        shape = b'"'.join([*event[::2], pieces[high][:1]]).translate(_NO_DIGITS)
        known = self._known.get(shape)
        if known:
            keys, names, values, indices, before = known
            if keys is None or keys(event) == names:
                self._end()
                for n in indices:
                    if number := self._shape(pieces[low + n + 1])[2]:
                        self._indices.append(event[n] + number)
                groups, met = self.plain, self._met
                for k, (n, plain, numbered) in enumerate(values):
                    string = event[n]
                    if string == before[k] and len(string) > _WORD:
                        continue  # an id, a model: pieces of a text are not the same twice
                    if string:
                        before[k] = string
                        begin, end = ends[low + n], ends[low + n + 1] - 1
                        groups[plain].append((begin, end))
                        met.append((numbered, begin, end))
                return
        values = self._walk(pieces, ends, low, high)
        at = {n - low for n, *_ in values}
        keys_at = [n for n in range(1, high - low, 2) if n not in at]
        if len(self._known) < _REMEMBERED:
            keys = itemgetter(*keys_at) if keys_at else None
            indices = [n for n in keys_at if pieces[low + n].endswith(b"index")]
            held = [(n - low, plain, numbered) for n, plain, numbered in values]
            self._known[shape] = keys, keys and keys(event), held, indices, [pieces[n] for n, *_ in values]

    def _walk(self, pieces: list[bytes], ends: list[int], low: int, high: int) -> list[tuple[int, int, int]]:
        """Go along the strings between these pieces, and return which are values, each with its nodes."""
        shapes, nodes, groups, met = _shapes, self._nodes, self.plain, self._met
        values = list[tuple[int, int, int]]()
        shape = self._shape(pieces[low])
        for n in range(low + 1, high, 2):
            if shape[0]:
                self._enter(shape[0])
            string, after = pieces[n], pieces[n + 1]
            shape = shapes.get(after) or self._shape(after)
            if shape[1]:
                self._key = string
                if shape[2] and string.endswith(b"index"):
                    self._indices.append(string + shape[2])
                continue
            listed = self._place >= 0
            key = b"" if listed else self._key
            plain = nodes.setdefault((self._plain, key), len(nodes) + 1)
            tail = self._place if listed else key
            numbered = nodes.setdefault((self._numbered, tail), len(nodes) + 1)
            group = groups.setdefault(plain, [])
            values.append((n, plain, numbered))
            if string:
                group.append((ends[n], ends[n + 1] - 1))
                met.append((numbered, ends[n], ends[n + 1] - 1))
        return values

    def numbered(self) -> dict[object, list[Part]]:
        """By path, places in lists and the indices that an event names; nothing where these say nothing."""
        self._end()
        if not self._listed and not any(indices for _, indices in self._ends):
            return {}
        groups, low = dict[object, list[Part]](), 0
        for high, indices in self._ends:
            for node, *part in self._met[low:high]:
                groups.setdefault((node, indices), []).append((part[0], part[1]))
            low = high
        return groups

    def _enter(self, brackets: bytes) -> None:
        for bracket in brackets:
            if bracket == _COMMA:
                if self._place >= 0 and len(self._open) > 1:
                    self._place += 1
                    self._listed = True
            elif bracket in b"{[":
                nodes, listed = self._nodes, self._place >= 0
                self._open.append((self._plain, self._numbered, self._key, self._place))
                key = b"" if listed else self._key
                self._plain = nodes.setdefault((self._plain, key), len(nodes) + 1)
                tail = self._place if listed else key
                self._numbered = nodes.setdefault((self._numbered, tail), len(nodes) + 1)
                self._key, self._place = b"", 0 if bracket == _LIST else _IN_OBJECT
            elif bracket == _ANEW:
                self._open.clear()
                self._end()
                self._plain, self._numbered, self._key, self._place = 0, 0, b"", _IN_OBJECT
            elif self._open:
                self._plain, self._numbered, self._key, self._place = self._open.pop()
                if not self._open or (len(self._open) == 1 and self._place >= 0):
                    self._end()

    def _end(self) -> None:
        """An event is over."""
        if not self._ends or self._ends[-1][0] < len(self._met):
            self._ends.append((len(self._met), tuple(self._indices)))
        self._indices.clear()

    def _shape(self, between: bytes) -> _Shape:
        if known := _shapes.get(between):
            return known
        tail = between
        anew = len(between) > 1 and [found.end() for found in _BLANK.finditer(between)]
        if anew:
            tail = between[anew[-1] :]
        brackets = tail.translate(None, _STRUCTURE)
        if len(brackets) > _DEEPEST:
            brackets = brackets[-_DEEPEST:]
        number = _NUMBER.match(between)
        colon = between.lstrip()[:1] == b":"
        shape = (b"\n" + brackets if anew else brackets), colon, number[1] if number else b""
        if len(between) < _LONG_SHAPE:
            if len(_shapes) >= _REMEMBERED:
                _shapes.clear()
            _shapes[between] = shape
        return shape


_ENDS = b"\n\n", b"\r\r", b"\n\r\n"
_COMMA, _LIST, _ANEW = b",[\n"
_IN_OBJECT = -1
_FEW = 4
_WORD = 7
_NO_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_DEEPEST = 32  # brackets between two strings: what is deeper is none that anybody reads
_LINE = re.compile(rb'[^\r\n"]*"[^\r\n]*')
