"""Arms: the places at which a run can be cut, and which part of which step each stands before.

A fork can draw anew a model's answer, a tool's result, and what chance gave. Each place before one of these
is an arm. Cuts go by the order of heads, and are nested also where steps ran in parallel. A fault, and an
answer that was only asked again, is no arm: no model said it, or the agent never acted on it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby

from attrs import frozen

from ...core.matching import Matcher, exact
from ...core.tape import Tape
from ...core.values import CANCELLED, Draw, Effect, Exchange, Response, Step
from ...providers import paths
from .parts import ANSWER, DRAW, TOOL, Part

RETRIED = frozenset({408, 409, 425, 429, *range(500, 600)})
"""HTTP statuses that a vendor's SDK answers by asking again."""

LOCKED = frozenset({401, 402, 403})
"""HTTP statuses of a vendor that does not let the caller in, or wants to be paid first."""


@frozen
class Arm:
    """A place before what a fork can draw anew.

    `part` is what that is. `upto` exchanges, by head, are served before it, and `last` is the tick of the
    last head that is, None where none is. `event` is the tick of the head that it stands before.
    """

    part: Part
    upto: int
    last: int | None
    event: int


@frozen
class Arms:
    """The arms of a tape by head: arm i serves what came before its part and draws that anew.

    Arm `n` serves all of the `served` exchanges, up to the head at tick `last`.
    """

    places: tuple[Arm, ...]
    served: int
    last: int | None = None

    @classmethod
    def of(cls, tape: Tape, matcher: Matcher = exact, more: Iterable[Step] = ()) -> Arms:
        """Return the arms before the answers of `tape`, and before those of its effects and draws in `more`.

        Draws with nothing between them that is an arm are one.
        """
        asked_again = _find_repeated(tape, matcher)
        events = sorted((*tape.exchanges, *more), key=lambda step: step.span.headed)
        groups = [list(group) for _, group in groupby(enumerate(events), key=_tell_apart)]
        parts = _name_parts(tape, [[step for _, step in group] for group in groups])
        places, upto, last = [], 0, None
        for group, part in zip(groups, parts, strict=True):
            step = group[-1][1]
            if not isinstance(step, Exchange) or _is_arm(step, asked_again):
                places.append(Arm(part, upto, last, step.span.headed))
            upto, last = upto + isinstance(step, Exchange), step.span.headed
        return cls(tuple(places), len(tape), last)

    @property
    def n(self) -> int:
        return len(self.places)

    @property
    def steps(self) -> tuple[int, ...]:
        """Of each arm the index of the exchange that its part belongs to."""
        return tuple(arm.part.step for arm in self.places)

    @property
    def mark(self) -> str | None:
        """What tells these arms from others of the tape; None where all are answers."""
        if all(arm.part.kind == ANSWER for arm in self.places):
            return None
        return sha256(repr([(arm.part.kind, arm.event) for arm in self.places]).encode()).hexdigest()[:12]

    def part(self, arm: int) -> Part:
        """What is drawn anew at `arm`."""
        return self.places[arm].part

    def upto(self, arm: int) -> int:
        """How many exchanges, by head, are served at `arm`."""
        return self.places[arm].upto if arm < self.n else self.served

    def until(self, arm: int) -> int | None:
        """The tick of the last head that is served at `arm`; None where nothing is."""
        return self.places[arm].last if arm < self.n else self.last

    def event(self, arm: int) -> int | None:
        """The tick of the head that `arm` stands before; None of the last arm."""
        return self.places[arm].event if arm < self.n else None

    def count(self, kind: str) -> int:
        """How many arms stand before parts of this kind."""
        return sum(arm.part.kind == kind for arm in self.places)


def is_troubled(exchange: Exchange) -> bool:
    """True where no model answered: a fault, a status that asks for another try, a vendor that refuses.

    What the agent itself gave up is none.
    """
    answer = exchange.answer
    if not isinstance(answer, Response):
        return answer != CANCELLED
    locked = answer.status in LOCKED and paths.place(exchange.request.url) is not None
    return answer.status in RETRIED or locked


def find_unanswered(tape: Tape, matcher: Matcher = exact) -> tuple[Exchange, ...]:
    """Return the exchanges that no model answered and whose question was not asked again."""
    lost = tuple(filter(is_troubled, tape))
    again = _find_repeated(tape, matcher) if lost else ()
    return tuple(x for x in lost if id(x) not in again)


def _is_arm(exchange: Exchange, asked_again: Collection[int]) -> bool:
    return isinstance(exchange.answer, Response) and id(exchange) not in asked_again


def _tell_apart(numbered: tuple[int, Step]) -> int:
    """A number that is new with each event, but for draws in a row."""
    place, step = numbered
    return _OF_DRAWS if isinstance(step, Draw) else place


_OF_DRAWS = -1


def _name_parts(tape: Tape, groups: Sequence[Sequence[Step]]) -> Iterator[Part]:
    """What each event is called, from those beside it."""
    index = {id(exchange): i for i, exchange in enumerate(tape.exchanges)}
    nexts: list[int | None] = []
    found: int | None = None
    for group in reversed(groups):
        found = index.get(id(group[0]), found)
        nexts.append(found)
    owners = list(zip(groups, reversed(nexts), strict=True))
    calls = Counter((at, g[0].call.name) for g, at in owners if isinstance(g[0], Effect))
    seen = Counter[tuple[int | None, str]]()
    for group, at in owners:
        first, is_after = group[0], at is None
        step = max(0, len(tape) - 1) if at is None else at
        match first:
            case Exchange():
                yield Part(step)
            case Effect():
                seen[key := (at, first.call.name)] += 1
                yield Part(step, TOOL, (first.call.name,), seen[key], calls[key], is_after)
            case Draw():
                kinds = Counter(draw.source.kind for draw in group if isinstance(draw, Draw))
                yield Part(step, DRAW, tuple(kinds), 1, kinds.total(), is_after)


def _find_repeated(tape: Tape, matcher: Matcher) -> set[int]:
    """The ids of exchanges that no model answered and whose question the same lane asked again next."""
    next_key: dict[str, str] = {}
    found = set()
    for exchange in reversed(tape.exchanges):
        key = matcher(exchange.request)
        if is_troubled(exchange) and next_key.get(exchange.lane) == key:
            found.add(id(exchange))
        next_key[exchange.lane] = key
    return found
