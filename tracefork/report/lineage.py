"""What is new in each question: its pieces against those of an earlier one.

This one structure keeps the page small, shows what is new, and tells interleaved
agents apart, since each goes on from its own last question.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TypeAlias

from attrs import frozen

Run: TypeAlias = tuple[int, int]
Woven: TypeAlias = tuple[int | Run, ...]
"""Numbers of pieces, and runs `(first, count)` of places in the base's pieces."""

RECENT = 8
"""Questions that a new one is compared with; more agents than that at once are seldom seen."""


@frozen
class Lineage:
    """The pieces of a question as they differ from those of step `base`, None where it shares none."""

    base: int | None
    woven: Woven

    @property
    def fresh(self) -> tuple[int, ...]:
        """The pieces that the base has not."""
        return tuple(part for part in self.woven if isinstance(part, int))

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


class Lineages:
    """Finds the lineage of each question among the last few."""

    def __init__(self) -> None:
        self._recent: deque[tuple[int, tuple[int, ...], frozenset[int]]] = deque(maxlen=RECENT)

    def follow(self, step: int, pieces: tuple[int, ...], said: frozenset[int]) -> Lineage:
        """The lineage of `step`; of its pieces, `said` are more than punctuation."""
        best: tuple[int, tuple[int, ...]] | None = None
        most = 0
        for number, other, others in reversed(self._recent):
            shared = len(said & others)
            if shared > most:
                best, most = (number, other), shared
            if others and shared == len(others):
                break  # it only grew
        self._recent.append((step, pieces, said))
        if best is None:
            return Lineage(None, pieces)
        return Lineage(best[0], woven(pieces, best[1]))


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
