"""Responses made of the columns that `event_streams.EventWriter` split them into. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from itertools import accumulate, pairwise
from typing import NamedTuple

from attrs import frozen

from ...core.values import Deferred
from ...errors import CorruptTape
from ..strict_json import expect_natural, expect_naturals
from .event_streams import RAW, SEPARATORS, Columns, Template
from .rows import Cuts


class EventReader:
    """Gives responses back, in the order in which they were taken in; they are made when looked at."""

    def __init__(self, columns: Columns, templates: Sequence[Template]) -> None:
        self.columns = columns
        self.templates = ((), *templates)
        self._at = _Place()
        self._text = columns.begins
        self.fixed = [sum(map(len, template)) for template in self.templates]
        self._others = _make_table([max(0, len(template) - 2) for template in self.templates])
        self._digits = [
            (place, _make_table([size >> place & 0xFF for size in self.fixed]))
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
        start = self._take(size)
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
                return self._split(SEPARATORS[how - 1], expect_natural(number), expect_naturals(raws), cut)
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
        start = self._take(text)
        self._at = _Place(
            at.events + number, at.firsts + filled, at.others + more, at.side + side, at.cuts + counted
        )
        return Stream(self, separator, at, self._at, start, tuple(raws), lengths, size)

    def _take(self, size: int) -> int:
        """Take the next `size` bytes of the text, and return where they begin."""
        start, stop = self._text, self._text + size
        if not start <= stop <= len(self.columns.text):
            raise CorruptTape("a body reaches beyond what is kept")
        self._text = stop
        return start


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


class _Place(NamedTuple):
    """A place in each column but the text."""

    events: int = 0
    firsts: int = 0
    others: int = 0
    side: int = 0
    cuts: int = 0


def _make_table(values: list[int]) -> bytes:
    """What `bytes.translate` makes the number of each event its value by."""
    return bytes(values) + bytes(256 - len(values))
