"""Event streams as templates of their events, and what fills these. Exact, for any vendor. Pure.

The events of one stream are alike but for a text or two. Split at its quotation
marks, an event has structure at the even places and strings at the odd ones.
Events of one structure make a *template*, whose strings are fixed or holes;
an event of it is then the template's number and what fills the holes. What the
first holes are filled with stands together as plain text, which is how the
next question repeats it. An event that fits no template stands there whole.
"""

from __future__ import annotations

from typing import TypeAlias

from attrs import field, frozen

from .rows import Cuts

RAW = 0
"""The number of an event that fits no template; the first template has number 1."""

_MOST_TEMPLATES = 255
_MOST_HOLES = 4
_LONGEST = 255  # bytes in one hole
SEPARATORS = (b"\n\n", b"\r\n\r\n")
_FEW = 4  # events that are not worth it
_QUOTED, _STAND_IN = b'\\"', b"\0"

Template: TypeAlias = "tuple[bytes, ...]"
"""What stands before, between and behind the holes."""


@frozen
class Columns:
    """The bytes of all responses of a tape: the number of each event, and how long what fills the
    first hole, and each other, is; the fillings of other holes; how many events each chunk has.
    The text begins at `begins` of `text`: it is large, and not copied.
    """

    events: bytes
    firsts: bytes
    others: bytes
    side: bytes
    cuts: bytes
    text: bytes = field(repr=False)
    begins: int = 0


class EventWriter:
    """Splits responses into columns. `text` also takes what others put between."""

    def __init__(self) -> None:
        self.text = bytearray()
        self._events, self._firsts, self._others = bytearray(), bytearray(), bytearray()
        self._side, self._cuts = bytearray(), bytearray()
        self._templates: list[Template] = []
        self._shapes: dict[Template, list[bytes] | _Shape] = {}

    def columns(self) -> tuple[bytearray, ...]:
        """The columns, as `Columns` names them."""
        return self._events, self._firsts, self._others, self._side, self._cuts, self.text

    @property
    def templates(self) -> list[list[str]]:
        """The templates by number, from 1, as latin-1 text."""
        return [[part.decode("latin-1") for part in template] for template in self._templates]

    def literal(self, data: bytes) -> None:
        """Take the bytes of a request in, between those of responses."""
        self.text += data

    def response(self, chunks: tuple[bytes, ...]) -> Cuts:
        """Take a response in, and return where it lies: [how, ...], for `EventReader.response`."""
        body = b"".join(chunks)
        for how, separator in enumerate(SEPARATORS, 1):
            events = body.split(separator)
            if len(events) >= _FEW and _STAND_IN not in body:
                raws = [len(event) for event in events if not self._take(event)]
                return [how, len(events), raws, self._cut(chunks, events, separator)]
        self.text += body
        return [0, len(body), None if len(chunks) == 1 else [*map(len, chunks)]]

    def _take(self, event: bytes) -> bool:
        """Take an event in; False if it had to be kept whole."""
        fit = self._fit(event)
        if fit is None:
            self._events.append(RAW)
            self.text += event
            return False
        number, fillings = fit
        self._events.append(number)
        first, *others = fillings
        self._firsts.append(len(first))
        self.text += first
        self._others += bytes(map(len, others))
        self._side += b"".join(others)
        return True

    def _fit(self, event: bytes) -> tuple[int, list[bytes]] | None:
        tokens = event.replace(_QUOTED, _STAND_IN).split(b'"')
        structure, strings = tuple(tokens[::2]), tokens[1::2]
        if len(structure) == len(strings):
            return None  # a quotation mark without another
        shape = self._shapes.get(structure)
        if shape is None:
            self._shapes[structure] = strings
            return None
        if not isinstance(shape, _Shape) or not shape.fits(strings):
            shape = self._make_shape(structure, shape, strings)
            if shape is None:
                return None
            self._shapes[structure] = shape
        fillings = [strings[n].replace(_STAND_IN, _QUOTED) for n in shape.holes]
        if max(map(len, fillings)) > _LONGEST:
            return None
        return shape.number, fillings

    def _make_shape(
        self, structure: Template, known: list[bytes] | _Shape, strings: list[bytes]
    ) -> _Shape | None:
        """A new template, with holes where `strings` are not as before; None if it would be no use."""
        before, holes = (known.strings, known.holes) if isinstance(known, _Shape) else (known, ())
        differ = [n for n, (a, b) in enumerate(zip(before, strings, strict=True)) if a != b or n in holes]
        if not 0 < len(differ) <= _MOST_HOLES or len(self._templates) == _MOST_TEMPLATES:
            return None
        tokens, parts = [b""], list[bytes]()
        for n, fixed in enumerate(structure):
            tokens[-1] += fixed
            if n == len(strings):
                break
            tokens[-1] += b'"'
            if n in differ:
                parts.append(tokens[-1])
                tokens[-1] = b'"'
            else:
                tokens[-1] += strings[n] + b'"'
        parts.append(tokens[-1])
        self._templates.append(tuple(part.replace(_STAND_IN, _QUOTED) for part in parts))
        return _Shape(len(self._templates), strings, tuple(differ))

    def _cut(self, chunks: tuple[bytes, ...], events: list[bytes], separator: bytes) -> object:
        """How many chunks there are, and how many events end in each beside; or the length of each."""
        ended, at = [chunk.count(separator) for chunk in chunks], 0
        for chunk, number in zip(chunks, ended, strict=True):
            size = sum(map(len, events[at : at + number])) + number * len(separator)
            if size != len(chunk) or number > _LONGEST:
                return [*map(len, chunks)]
            at += number
        self._cuts += bytes(ended)
        return len(chunks)


@frozen
class _Shape:
    """The last template of a structure: its number, strings of it, and which of them are holes."""

    number: int
    strings: list[bytes]
    holes: tuple[int, ...]

    def fits(self, strings: list[bytes]) -> bool:
        mine = self.strings
        return all(mine[n] == string or n in self.holes for n, string in enumerate(strings))
