"""Finds the strings that an event stream carries in pieces, split across several events, and joins them.

JSON is not parsed: a body is cut at its quotation marks, and what stands between two strings says
where the next one is. So any bytes will do, any nesting and any framing: lines, arrays, streams
of events with whatever is between them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate, pairwise
from operator import add, itemgetter
from typing import TypeAlias

from .amazon_streams import list_payloads
from .decoded import Map, View, rebase, whole
from .encoded import Part

_LONG = 1024
"""Bytes that are looked at on either side of a long string: only a secret that goes on concerns us here."""

_STRUCTURE = bytes(code for code in range(256) if code not in b"{}[],")
_END = re.compile(rb"\n\r?\n|\r\r|(?<=\})\r?\n(?=\{)")
_NUMBER = re.compile(rb"[ \t]{0,16}:[ \t]{0,16}([0-9]{1,9})")
_TEXT = re.compile(rb"""(?:\A|[\r\n])data: ?([^\r\n{\["][^\r\n]*)""")
_REMEMBERED = 4096
_NOTHING = 0, 0

BETWEEN = b"\n\0\n"
"""Stands between two texts in a view."""

_Shape: TypeAlias = "tuple[bytes, bool, bytes]"
"""What stands between two strings: its brackets, if the string before is a key, and that key's number."""


_Value: TypeAlias = "tuple[int, int, int]"
"""Which piece a value is, and its nodes by either way."""

_Event: TypeAlias = (
    "tuple[Callable[[list[bytes]], object], object, list[_Value], list[int], dict[int, bytes]]"
)
"""How an event is made: what takes its keys, these, where values stand and their nodes, the
indices, and the values last seen."""


_shapes: dict[bytes, _Shape] = {}
"""What stands between strings of most bodies: they are much alike."""

_LONG_SHAPE = 128


def join_texts(body: bytes) -> Iterator[View]:
    """The texts that stand in `body` in more than one piece: all that go by one way of joining in a view.

    In a view there is something between two texts that no secret holds.
    """
    for view in list_payloads(body) or [whole(body)]:
        walk = _Walk(view.data)
        for groups in walk.ways():
            yield rebase(view, _join_groups(view.data, groups, walk.lows, walk.highs))


def _join_groups(data: bytes, groups: list[Sequence[int]], lows: list[int], highs: list[int]) -> View:
    """The texts of `groups` one behind the other; of long pieces their two ends.

    A group has the numbers of its pieces, which begin at `lows` and end at `highs`.
    """
    pieces = list[bytes]()
    for group in groups:
        some = [data[lows[n] : highs[n]] for n in group]
        if max(map(len, some)) > 2 * _LONG:
            for piece in some:
                pieces += [piece[:_LONG], BETWEEN, piece[-_LONG:]] if len(piece) > 2 * _LONG else [piece]
        else:
            pieces += some
        pieces.append(BETWEEN)

    def made() -> Map:
        parts = list[Part]()
        for group in groups:
            for n in group:
                low, high = lows[n], highs[n]
                if high - low > 2 * _LONG:
                    parts += [(low, low + _LONG), _NOTHING, (high - _LONG, high)]
                else:
                    parts.append((low, high))
            parts.append(_NOTHING)
        return [0, *accumulate(map(len, pieces))][:-1], parts

    return View(b"".join(pieces), made)


def _has_texts(data: bytes) -> bool:
    """True if there is an event whose data is no JSON."""
    return data.count(b"data:") > data.count(b"data: {") + data.count(b"data: [") + 1


def _split_quoted(data: bytes) -> Iterator[tuple[int, list[bytes], bool]]:
    """`data` cut at its quotation marks: every second piece is a string.

    Where one would hold the end of a line the marks are not in pairs: then each line is cut by itself.
    """
    masked = data.replace(b"\\\\", b"\0\0").replace(b'\\"', b"\0\0")
    masked = masked.replace(b'""', b"\0\0")  # what says nothing
    pieces = masked.split(b'"')
    strings = b"".join(pieces[1::2])
    if len(pieces) % 2 and b"\n" not in strings and b"\r" not in strings:
        yield 0, pieces, True
        return
    start = 0
    for line in masked.splitlines(keepends=True):
        if line.count(b'"') > 1:
            pieces = line.split(b'"')
            yield start, pieces if len(pieces) % 2 else pieces[:-1], False
        start += len(line)


class _Walk:
    """Goes along the strings of a body, and knows where in its JSON it is. Each step takes the same time.

    A node is a path: `plain` takes all places of a list for one, `numbered` tells them apart.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.lows, self.highs = list[int](), list[int]()  # of each string: no collector looks at numbers
        self._plainly = dict[int, list[int]]()
        self._met = list[int]()
        self._ends, self._of = list[int](), list[tuple[bytes, ...]]()
        self._nodes = dict[tuple[int, bytes | int], int]()
        self._open = list[tuple[int, int, bytes, int]]()
        self._plain, self._numbered, self._key, self._place = 0, 0, b"", _IN_OBJECT
        self._indices = list[bytes]()
        self._told = dict[tuple[bytes, ...], tuple[bytes, ...]]()
        self._listed = False
        self._deep = 0
        self._began = 0
        self._known = dict[bytes, _Event]()

    def ways(self) -> Iterator[list[Sequence[int]]]:
        """Two ways to say what goes on in what: by the path alone, and by all numbers on the way too."""
        data = self._data
        for start, pieces, several in _split_quoted(data):
            self._along(start, pieces, _ENDS if several else ())
        more: list[Sequence[int]] = [group for group in self._plainly.values() if len(group) > 1]
        text = [found.span(1) for found in _TEXT.finditer(data)] if _has_texts(data) else []
        if len(text) > 1:
            more.append(range(len(self.lows), len(self.lows) + len(text)))
            self.lows += [low for low, _ in text]
            self.highs += [high for _, high in text]
        if more:
            yield more
        if more := [group for group in self._numbered_ways().values() if len(group) > 1]:
            yield more

    def _along(self, start: int, pieces: list[bytes], marks: tuple[bytes, ...]) -> None:
        """Go along pieces of which every second is a string; the first begins at `start`.

        `marks` are what an event may end with. Events of a stream are much alike: one that has the shape
        of another is not walked along again.
        """
        last = len(pieces) - 1
        ends = list(map(add, accumulate(map(len, pieces), initial=start), range(last + 2)))
        bounds = list[int]()
        if by := [mark for mark in marks if mark in self._data]:
            between = pieces[0:last:2]
            if len(by) == 1:
                bounds = [2 * n for n, piece in enumerate(between) if by[0] in piece]
            else:
                held = enumerate(between)
                bounds = [2 * n for n, piece in held if any(mark in piece for mark in by)]
        if len(bounds) < _FEW:
            self._walk(pieces, ends, 0, last)
        else:
            self._walk(pieces, ends, 0, bounds[0])
            self._along_events(pieces, ends, [*bounds, last])
        if brackets := self._shape(pieces[last])[0]:
            self._enter(brackets)

    def _along_events(self, pieces: list[bytes], ends: list[int], bounds: list[int]) -> None:
        known, groups, met, lows, highs = self._known, self._plainly, self._met, self.lows, self.highs
        for low, high in pairwise(bounds):
            event = pieces[low:high]
            shape = b'"'.join(event[::2]).translate(_NO_DIGITS) + pieces[high][:1]
            if shape not in known or known[shape][0](event) != known[shape][1]:
                self._meet(pieces, ends, low, high, shape)
                continue
            _, _, values, indices, before = known[shape]
            if self._indices:
                self._end()
            self._began = len(met)
            for n in indices:
                if number := self._shape(pieces[low + n + 1])[2]:
                    self._indices.append(event[n] + number)
            for n, plain, numbered in values:
                string = event[n]
                if len(string) > _WORD:
                    if string == before.get(n):
                        continue  # an id, a model: pieces of a text are not the same twice
                    before[n] = string
                if string:
                    groups[plain].append(len(met))
                    met.append(numbered)
                    lows.append(ends[low + n])
                    highs.append(ends[low + n + 1] - 1)

    def _meet(self, pieces: list[bytes], ends: list[int], low: int, high: int, shape: bytes) -> None:
        """Walk along an event of a new shape, and remember that."""
        values = list[_Value]()
        self._walk(pieces, ends, low, high, values)
        at = {n - low for n, *_ in values}
        keys_at = [n for n in range(1, high - low, 2) if n not in at]
        if len(self._known) < _REMEMBERED:
            event = pieces[low:high]
            keys: Callable[[list[bytes]], object] = itemgetter(*keys_at) if keys_at else bool
            indices = [n for n in keys_at if event[n].endswith(b"index")]
            held = [(n - low, plain, numbered) for n, plain, numbered in values]
            self._known[shape] = keys, keys(event), held, indices, {n: event[n] for n, *_ in held}

    def _walk(
        self, pieces: list[bytes], ends: list[int], low: int, high: int, values: list[_Value] | None = None
    ) -> None:
        """Go along the strings between these pieces; put to `values` which are, with their nodes."""
        nodes, groups, met, shapes = self._nodes, self._plainly, self._met, _shapes
        lows, highs = self.lows, self.highs
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
            if self._deep:
                continue
            key: bytes | int = self._key if self._place < 0 else b""
            if not (plain := nodes.get((self._plain, key))):
                plain = nodes[self._plain, key] = len(nodes) + 1
            if self._place >= 0:
                key = self._place
            if not (numbered := nodes.get((self._numbered, key))):
                numbered = nodes[self._numbered, key] = len(nodes) + 1
            if plain in groups:
                groups[plain].append(len(met))
            else:
                groups[plain] = [len(met)]
            met.append(numbered)
            lows.append(ends[n])
            highs.append(ends[n + 1] - 1)
            if values is not None:
                values.append((n, plain, numbered))

    def _numbered_ways(self) -> Mapping[object, Sequence[int]]:
        """By path, places in lists and the indices that an event names; nothing where these say nothing."""
        self._end()
        if not self._listed and not self._ends:
            return {}
        self._ends.append(len(self._met))
        self._of.append(())
        groups, low = dict[object, list[int]](), 0
        for high, indices in zip(self._ends, self._of, strict=True):
            for n in range(low, high):
                groups.setdefault((self._met[n], indices), []).append(n)
            low = high
        return groups

    def _enter(self, brackets: bytes) -> None:
        if self._deep and brackets.endswith((b"[", b"{")) and len(brackets.strip(b",[{")) == 0:
            self._deep += len(brackets) - brackets.count(b",")
            return
        for bracket in brackets:
            if bracket == _COMMA:
                if self._place >= 0 and len(self._open) > 1 and not self._deep:
                    self._place += 1
                    self._listed = True
            elif bracket == _ANEW:
                self._open.clear()
                self._end()
                self._deep = 0
                self._plain, self._numbered, self._key, self._place = 0, 0, b"", _IN_OBJECT
            elif bracket not in b"{[":
                if self._deep:
                    self._deep -= 1
                elif self._open:
                    self._plain, self._numbered, self._key, self._place = self._open.pop()
                    if not self._open or (len(self._open) == 1 and self._place >= 0):
                        self._end()
            elif len(self._open) >= _DEEPEST:
                self._deep += 1
            else:
                nodes, listed = self._nodes, self._place >= 0
                self._open.append((self._plain, self._numbered, self._key, self._place))
                key = b"" if listed else self._key
                self._plain = nodes.setdefault((self._plain, key), len(nodes) + 1)
                tail = self._place if listed else key
                self._numbered = nodes.setdefault((self._numbered, tail), len(nodes) + 1)
                self._key, self._place = b"", 0 if bracket == _LIST else _IN_OBJECT

    def _end(self) -> None:
        """An event is over."""
        if self._indices:
            if self._began > (self._ends[-1] if self._ends else 0):
                self._ends.append(self._began)  # those before it, which name none
                self._of.append(())
            indices = tuple(self._indices)
            self._ends.append(len(self._met))
            self._of.append(self._told.setdefault(indices, indices))
            self._indices.clear()
        self._began = len(self._met)

    def _shape(self, between: bytes) -> _Shape:
        if known := _shapes.get(between):
            return known
        tail = between
        anew = len(between) > 1 and [found.end() for found in _END.finditer(between)]
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


_ENDS = b"\n\n", b"\r\r", b"\n\r\n", b"}\n{", b"}\r\n{"
_COMMA, _LIST, _ANEW = b",[\n"
_IN_OBJECT = -1
_FEW = 4
_WORD = 7
_NO_DIGITS = bytes.maketrans(b"123456789", b"000000000")
_DEEPEST = 32  # brackets between two strings: what is deeper is none that anybody reads
