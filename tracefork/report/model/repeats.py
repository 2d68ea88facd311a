"""What is new in each question: its pieces against those of an earlier one.

This one structure keeps the page small, shows what is new, and tells interleaved
agents apart, since each goes on from its own last question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
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
    places = {number: place for place, number in reversed(list(enumerate(base)))}
    out = list[int | Run]()
    for number in pieces:
        last = out[-1] if out else None
        if isinstance(last, tuple):
            after = last[0] + last[1]
            if after < len(base) and base[after] == number:
                out[-1] = last[0], last[1] + 1
                continue
        place = places.get(number)
        out.append(number if place is None else (place, 1))
    return tuple(out)
