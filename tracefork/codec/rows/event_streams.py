"""Event streams as what their events have in common, and what fills it. Exact, for any vendor. Pure.

The events of one stream are alike but for a text or two. Split at its quotation
marks, an event has structure at the even places and strings at the odd ones.
Events of one structure make a *template*, whose strings are fixed or holes;
an event of it is then the template's number and what fills the holes. What the
first holes are filled with stands together as plain text, which is how the
next question repeats it. An event that fits no template stands there whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import NamedTuple, TypeAlias

from attrs import field, frozen

from ...core.values import Deferred
from ...errors import CorruptTape
from ..strict_json import expect_natural, expect_naturals
from .rows import Cuts

RAW = 0
"""The number of an event that fits no template; the first template has number 1."""

_MOST_TEMPLATES = 255
_MOST_HOLES = 4
_LONGEST = 255  # bytes in one hole
_SEPARATORS = (b"\n\n", b"\r\n\r\n")
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
        for how, separator in enumerate(_SEPARATORS, 1):
            events = body.split(separator)
            if len(events) >= _FEW and _STAND_IN not in body:
                raws = [len(event) for event in events if not self._fitted(event)]
                return [how, len(events), raws, self._cut(chunks, events, separator)]
        self.text += body
        return [0, len(body), None if len(chunks) == 1 else [*map(len, chunks)]]

    def _fitted(self, event: bytes) -> bool:
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
            shape = self._shaped(structure, shape, strings)
            if shape is None:
                return None
            self._shapes[structure] = shape
        fillings = [strings[n].replace(_STAND_IN, _QUOTED) for n in shape.holes]
        if max(map(len, fillings)) > _LONGEST:
            return None
        return shape.number, fillings

    def _shaped(
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


class EventReader:
    """Gives responses back, in the order in which they were taken in; they are made when looked at."""

    def __init__(self, columns: Columns, templates: Sequence[Template]) -> None:
        self.columns = columns
        self.templates = ((), *templates)
        self._at = _Place()
        self._text = columns.begins
        self.fixed = [sum(map(len, template)) for template in self.templates]
        self._others = _table([max(0, len(template) - 2) for template in self.templates])
        self._digits = [
            (place, _table([size >> place & 0xFF for size in self.fixed]))
            for place in range(0, max(self.fixed).bit_length(), 8)
        ]
        if columns.events.translate(None, bytes(range(len(self.templates)))):
            raise CorruptTape("an event is of no template that is known")

    @property
    def at_end(self) -> bool:
        """True when every byte was given back."""
        kept = self.columns
        columns = kept.events, kept.firsts, kept.others, kept.side, kept.cuts, kept.text
        return (*self._at, self._text) == tuple(map(len, columns))

    def literal(self, size: int) -> bytes:
        start = self._taken(size)
        return self.columns.text[start : start + size]

    def response(self, cuts: Cuts) -> Deferred | tuple[bytes, ...]:
        """Return the response that lies as `cuts` say, within `strict_json.damage`.

        Raises:
            CorruptTape: there is none there.
        """
        match cuts:
            case [0, size, cut]:
                return self._unsplit(expect_natural(size), cut)
            case [1 | 2 as how, number, raws, cut]:
                return self._split(_SEPARATORS[how - 1], expect_natural(number), expect_naturals(raws), cut)
            case _:
                raise CorruptTape("a response is kept in no way that is known")

    def _unsplit(self, size: int, cut: object) -> tuple[bytes, ...]:
        body = self.literal(size)
        if cut is None:
            return (body,)
        ends = [0, *accumulate(expect_naturals(cut))]
        if ends[-1] != size:
            raise CorruptTape("a response is not as long as its chunks")
        return tuple(body[low:high] for low, high in pairwise(ends))

    def _split(self, separator: bytes, number: int, raws: list[int], cut: object) -> Stream:
        at, columns = self._at, self.columns
        events = columns.events[at.events : at.events + number]
        if not 0 < number == len(events) or events.count(RAW) != len(raws):
            raise CorruptTape("a response has other events than it says")
        filled, more = number - len(raws), sum(events.translate(self._others))
        firsts = columns.firsts[at.firsts : at.firsts + filled]
        others = columns.others[at.others : at.others + more]
        text, side = sum(raws) + sum(firsts), sum(others)
        if len(firsts) < filled or len(others) < more or at.side + side > len(columns.side):
            raise CorruptTape("the events of a response reach beyond what is kept")
        fixed = sum([sum(events.translate(table)) << place for place, table in self._digits])
        size = text + side + fixed + (number - 1) * len(separator)
        counted, lengths = 0, None
        if type(cut) is int:
            counted = expect_natural(cut)
            ended = columns.cuts[at.cuts : at.cuts + counted]
            ends = events[-1] == RAW and not raws[-1]  # behind the last separator there is nothing
            if len(ended) != counted or sum(ended) != number - 1 or not ends:
                raise CorruptTape("a response has other chunks than it says")
        else:
            lengths = tuple(expect_naturals(cut))
            if sum(lengths) != size:
                raise CorruptTape("a response is not as long as its chunks")
        start = self._taken(text)
        self._at = _Place(
            at.events + number, at.firsts + filled, at.others + more, at.side + side, at.cuts + counted
        )
        return Stream(self, separator, at, self._at, start, tuple(raws), lengths, size)

    def _taken(self, size: int) -> int:
        """Take the next `size` bytes of the text, and return where they begin."""
        start, stop = self._text, self._text + size
        if not start <= stop <= len(self.columns.text):
            raise CorruptTape("a body reaches beyond what is kept")
        self._text = stop
        return start


def _table(values: list[int]) -> bytes:
    """What `bytes.translate` makes the number of each event its value by."""
    return bytes(values) + bytes(256 - len(values))


class _Place(NamedTuple):
    """A place in each column but the text."""

    events: int = 0
    firsts: int = 0
    others: int = 0
    side: int = 0
    cuts: int = 0


@frozen(eq=False, hash=False)
class Stream(Deferred):
    """A response whose events are put together when somebody looks."""

    _reader: EventReader
    _separator: bytes
    _start: _Place
    _stop: _Place
    _text: int
    _raws: tuple[int, ...]
    _lengths: tuple[int, ...] | None
    _size: int

    def __len__(self) -> int:
        return self._size

    def __bytes__(self) -> bytes:
        columns, start, stop = self._reader.columns, self._start, self._stop
        firsts = iter(columns.firsts[start.firsts : stop.firsts])
        others = iter(columns.others[start.others : stop.others])
        raws, text, side = iter(self._raws), self._text, start.side
        out, separator, templates = list[bytes](), self._separator, self._reader.templates
        for number in columns.events[start.events : stop.events]:
            if number == RAW:
                size = next(raws)
                out += columns.text[text : text + size], separator
                text += size
                continue
            template, size = templates[number], next(firsts)
            out += template[0], columns.text[text : text + size], template[1]
            text += size
            for part in template[2:]:
                size = next(others)
                out += columns.side[side : side + size], part
                side += size
            out.append(separator)
        return b"".join(out[:-1])

    def chunks(self) -> tuple[bytes, ...]:
        body = bytes(self)
        return tuple(body[low:high] for low, high in pairwise(accumulate(self.lengths(), initial=0)))

    def lengths(self) -> tuple[int, ...]:
        if self._lengths is not None:
            return self._lengths
        ends = list(accumulate((size + len(self._separator) for size in self._sizes()), initial=0))
        counts = self._reader.columns.cuts[self._start.cuts : self._stop.cuts]
        return tuple(ends[high] - ends[low] for low, high in pairwise(accumulate(counts, initial=0)))

    def sha256(self) -> str:
        return sha256(bytes(self)).hexdigest()

    def __hash__(self) -> int:
        return hash(self.chunks())

    def __reduce__(self) -> tuple[type[tuple[bytes, ...]], tuple[tuple[bytes, ...]]]:
        return tuple, (self.chunks(),)

    def _sizes(self) -> Iterator[int]:
        """The length of each event."""
        columns, start, stop = self._reader.columns, self._start, self._stop
        firsts = iter(columns.firsts[start.firsts : stop.firsts])
        others = iter(columns.others[start.others : stop.others])
        raws = iter(self._raws)
        for number in columns.events[start.events : stop.events]:
            if number == RAW:
                yield next(raws)
            else:
                rest = range(len(self._reader.templates[number]) - 2)
                yield self._reader.fixed[number] + next(firsts) + sum(next(others) for _ in rest)
