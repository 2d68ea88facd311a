"""What is new in each question to a model, and which strands go on from which, however strands take turns.

A question goes on from one of its own strand, or from the longest one that it holds as a whole: who was
quicker among strands that run side by side is no matter. What a message says is compared, not how its JSON
is spelled.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence

from attrs import field, frozen

from ...core.values import Exchange, Lane
from ...providers import base, paths, read
from ...providers.messages import Message
from .cutting import Cutter
from .pool import BETWEEN, Piece, Pool, parse

STANDING = ("system", "developer")
"""Roles of what is said once and for all; it does not show that a history goes on."""

_STREAMED = ("stream", "stream_options")  # how an answer is to come, which is no part of what is asked
_RECENT = 8  # questions of a strand that the next one is compared with: agents may take turns in it
_ALIKE = 16  # questions with the same end that are tried
_NUMBER = re.compile(r"(\d+)")


@frozen
class Question:
    """A question as it differs from the one that it goes on from.

    `base` is the number of that exchange, None where it begins anew. `fresh` are the pieces that the base
    has not, in the order in which a model is given them; `gone` those of the base that are not sent any more.
    `settings` are the members of the request that are no list of what is said; `changed` the keys of those
    that the base has not, or has otherwise, and `dropped` the keys that the base alone has. It `restarts` if
    it takes over nothing but instructions and tools.
    """

    model: str
    base: int | None = None
    fresh: tuple[Piece, ...] = ()
    gone: tuple[Piece, ...] = ()
    settings: Mapping[str, object] = field(factory=dict)
    changed: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    restarts: bool = False

    @property
    def repeats(self) -> bool:
        """True of the same question again."""
        return self.base is not None and not (self.fresh or self.gone or self.changed or self.dropped)


@frozen
class _Asked:
    """What a question says, each piece by a number that equal ones share."""

    number: int
    lane: Lane
    model: str
    content: tuple[int, ...]
    members: frozenset[int]
    settings: Mapping[str, object]


class Questions:
    """Reads the questions of a run, in the order in which they were asked."""

    def __init__(self) -> None:
        self._pool = Pool()
        self._cutter = Cutter(self._pool)
        self._numbers: dict[int, int] = {}
        self._alike: dict[object, int] = {}
        self._settings: dict[str, Mapping[str, object]] = {}
        self._recent = defaultdict[Lane, deque[_Asked]](lambda: deque(maxlen=_RECENT))
        self._ends = defaultdict[int, list[_Asked]](list)

    def follow(self, exchange: Exchange, number: int) -> Question | None:
        """The question of exchange `number`; None where it asks no model whose API is known."""
        request, api = exchange.request, read.api(exchange.request)
        if api is None or request.omitted is not None:
            return None
        try:
            pieces = self._cutter.cut(base.decode_body(request), api)
        except ValueError:
            return None
        elements = [n for n in pieces if self._pool.pieces[n].key != BETWEEN]
        elements.sort(key=lambda n: api.lists.index(self._pool.pieces[n].key))
        if not elements:
            return None
        left_out = {*api.lists, *_STREAMED}
        settings = {k: v for k, v in self._read_settings(pieces).items() if k not in left_out}
        named = settings.pop("model", None)
        model = named if isinstance(named, str) else paths.find_model(request.url)
        content = tuple(map(self._number, elements))
        asked = _Asked(number, exchange.lane, model, content, frozenset(content), settings)
        before = self._find_base(asked)
        self._recent[exchange.lane].append(asked)
        self._ends[content[-1]].append(asked)
        return self._compare(asked, before)

    def _number(self, piece: int) -> int:
        """The first piece that says what this one does."""
        if piece not in self._numbers:
            given = self._pool.pieces[piece]
            key: object = given.reading
            if not isinstance(key, Message):
                value = parse(given.text)
                key = given.key, given.text if value is None else _canonical(value)
            self._numbers[piece] = self._alike.setdefault(key, piece)
        return self._numbers[piece]

    def _read_settings(self, pieces: Sequence[int]) -> Mapping[str, object]:
        """The request without what stands in its lists; nothing if that is no JSON object."""
        text = ""
        for piece in map(self._pool.pieces.__getitem__, pieces):
            if piece.key == BETWEEN:
                text += piece.text
            elif text.endswith(":") or text.rstrip().endswith(":"):
                text += "null"
        if text not in self._settings:
            value = parse(text)
            self._settings[text] = value if isinstance(value, dict) else {}
        return self._settings[text]

    def _find_base(self, asked: _Asked) -> _Asked | None:
        best, most = self._find_grown(asked), 0
        if best is not None:
            most = len(best.members)
        for other in self._recent[asked.lane]:
            shared = len(asked.members & other.members)
            if shared and shared >= most:
                best, most = other, shared
        return best

    def _find_grown(self, asked: _Asked) -> _Asked | None:
        """The longest question of any strand that this one holds as a whole, and more."""
        for piece in reversed(asked.content):
            found = [
                other
                for other in self._ends[piece][-_ALIKE:]
                if len(other.content) < len(asked.content)
                and other.members <= asked.members
                and any(map(self._is_turn, other.content))
            ]
            if found:
                return min(
                    found, key=lambda one: (-len(one.content), one.lane != asked.lane, order(one.lane))
                )
        return None

    def _is_turn(self, number: int) -> bool:
        return is_turn(self._pool.pieces[number])

    def _compare(self, asked: _Asked, before: _Asked | None) -> Question:
        old = before.content if before else ()
        fresh, gone = _part(asked.content, old)
        kept = set(asked.content).difference(fresh)
        known = before.settings if before else {}
        return Question(
            asked.model,
            before.number if before else None,
            tuple(self._pool.pieces[n] for n in fresh),
            tuple(self._pool.pieces[n] for n in gone),
            asked.settings,
            tuple(
                key for key in sorted(asked.settings) if key not in known or known[key] != asked.settings[key]
            ),
            tuple(key for key in sorted(known) if key not in asked.settings),
            any(map(self._is_turn, old)) and not any(map(self._is_turn, kept)),
        )


def is_turn(piece: Piece) -> bool:
    """True if the piece is a message other than instructions."""
    return isinstance(piece.reading, Message) and piece.reading.role not in STANDING


def order(lane: Lane) -> tuple[object, ...]:
    """What lanes are sorted by: as their names are read, numbers by what they count."""
    parts = _NUMBER.split(lane)
    return tuple((len(n.lstrip("0")), n) if at % 2 else n for at, n in enumerate(parts))


def list_lanes(
    lanes: Sequence[Lane], exchanges: Sequence[Exchange], questions: Sequence[Question | None]
) -> Iterator[tuple[Lane, bool]]:
    """Each lane behind the one that its first question goes on from, the others as their names are sorted.

    With each comes whether it goes on where the lane before it ended, and no other does.
    """
    above, last = dict[Lane, int](), dict[Lane, int]()
    for number, (exchange, question) in enumerate(zip(exchanges, questions, strict=True)):
        begins = exchange.lane not in last
        last[exchange.lane] = number
        if begins and question is not None and question.base is not None:
            above[exchange.lane] = question.base
    below = defaultdict[Lane | None, list[Lane]](list)
    for lane in sorted(set(lanes), key=order, reverse=True):
        below[exchanges[above[lane]].lane if lane in above else None].append(lane)
    left = [(lane, False) for lane in below[None]]
    while left:
        lane, goes_on = left.pop()
        yield lane, goes_on
        is_sole = len(below[lane]) == 1
        left += [(one, is_sole and above[one] == last[lane]) for one in below[lane]]


# -- below ---------------------------------------------------------------------------


def _part(new: Sequence[int], old: Sequence[int]) -> tuple[list[int], list[int]]:
    """What of `new` is not in `old`, in that order, and what of `old` is not in `new`; each counts once."""
    begin = 0
    while begin < min(len(new), len(old)) and new[begin] == old[begin]:
        begin += 1
    places = defaultdict[int, deque[int]](deque)
    for at in range(begin, len(old)):
        places[old[at]].append(at)
    fresh, kept, here = list[int](), set[int](), begin
    for number in new[begin:]:
        while places[number] and places[number][0] < here:
            places[number].popleft()
        if places[number]:
            here = places[number].popleft() + 1
            kept.add(here - 1)
        else:
            fresh.append(number)
    return fresh, [old[at] for at in range(begin, len(old)) if at not in kept]


def _canonical(value: object) -> str:
    try:
        return json.dumps(value, sort_keys=True)
    except RecursionError:
        return repr(type(value))
