"""What is new in each question: its pieces against those of an earlier one.

This one structure keeps the page small, shows what is new, and tells interleaved
agents apart, since each goes on from its own last question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from itertools import compress, count
from operator import ne
from typing import TypeAlias

from attrs import frozen

from ...core.values import Lane

Run: TypeAlias = tuple[int, int]
Woven: TypeAlias = tuple[int | Run, ...]
"""Numbers of pieces, and runs `(first, count)` of places in the base's pieces."""

RECENT = 8
"""Questions that a new one is compared with, besides the last one of its lane."""

LANES = 256
"""Lanes whose last question is kept."""

_TOGETHER = 64  # pieces that are compared at once


@frozen
class Lineage:
    """The pieces of a question as they differ from those of step `base`, None where it shares none."""

    base: int | None
    woven: Woven

    @property
    def fresh(self) -> tuple[int, ...]:
        """The pieces that the base has not."""
        return tuple(part for part in self.woven if isinstance(part, int))

    @property
    def count(self) -> int:
        """How many pieces there are."""
        return sum(1 if isinstance(part, int) else part[1] for part in self.woven)

    def pieces(self, base: Sequence[int]) -> tuple[int, ...]:
        """All pieces, given those of the base."""
        out = list[int]()
        for part in self.woven:
            if isinstance(part, int):
                out.append(part)
            else:
                first, count = part
                out.extend(base[first : first + count])
        return tuple(out)


@frozen(eq=False)
class Asked:
    """The question of a step: all its `pieces`, and those of them that are more than punctuation."""

    step: int
    pieces: tuple[int, ...]
    content: frozenset[int]


class Lineages:
    """Finds the lineage of each question among the last few, and the last one of its lane."""

    def __init__(self) -> None:
        self._recent: deque[Asked] = deque(maxlen=RECENT)
        self._last: dict[Lane, Asked] = {}

    def follow(self, asked: Asked, lane: Lane) -> Lineage:
        """The lineage of the question that comes next."""
        best: Asked | None = None
        most = 0
        for other in self._before(lane):
            shared = len(asked.content & other.content)
            if shared > most:
                best, most = other, shared
            if other.content and shared == len(other.content):
                break  # it only grew
        self.keep(asked, lane)
        if best is None:
            return Lineage(None, asked.pieces)
        return Lineage(best.step, woven(asked.pieces, best.pieces))

    def keep(self, asked: Asked, lane: Lane) -> None:
        """Let later questions go on from this one."""
        self._recent.append(asked)
        self._last.pop(lane, None)
        self._last[lane] = asked
        if len(self._last) > LANES:
            del self._last[next(iter(self._last))]

    def _before(self, lane: Lane) -> Iterator[Asked]:
        last = self._last.get(lane)
        if last is not None:
            yield last
        yield from (other for other in reversed(self._recent) if other is not last)


def pieces_of(step: int, lineage_of: Callable[[int], Lineage]) -> tuple[int, ...]:
    """All pieces of the question of `step`; the lineages of the steps that it goes back to are asked for."""
    chain = [lineage_of(step)]
    while (base := chain[-1].base) is not None:
        chain.append(lineage_of(base))
    pieces: tuple[int, ...] = ()
    for lineage in reversed(chain):
        pieces = lineage.pieces(pieces)
    return pieces


def woven(pieces: Sequence[int], base: Sequence[int]) -> Woven:
    """`pieces`, with what is also in `base` as runs of places there."""
    places = dict(zip(reversed(base), range(len(base) - 1, -1, -1), strict=True))
    out, at = list[int | Run](), 0
    while at < len(pieces):
        place = places.get(pieces[at])
        if place is None:
            out.append(pieces[at])
            at += 1
        else:
            many = _count_alike(pieces, at, base, place)
            out.append((place, many))
            at += many
    return tuple(out)


def _count_alike(pieces: Sequence[int], at: int, base: Sequence[int], place: int) -> int:
    """How many of `pieces` from `at` on are those of the base from `place` on."""
    many, alike = 0, _TOGETHER
    while alike == _TOGETHER:
        new = pieces[at + many : at + many + _TOGETHER]
        old = base[place + many : place + many + _TOGETHER]
        alike = next(compress(count(), map(ne, new, old)), min(len(new), len(old)))
        many += alike
    return many
