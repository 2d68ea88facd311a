"""What left a run unrecorded, counted."""

from __future__ import annotations

import threading

from .core.notes import MOST
from .core.values import Escape


class Escapes:
    """Counts escapes by what they were and where they came from. Callable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, str], int] = {}
        self._more = 0

    def add(self, kind: str, target: str, site: str) -> None:
        """Count one; of more than MOST different ones only how many they are."""
        with self._lock:
            if (kind, target, site) in self._counts or len(self._counts) < MOST:
                self._counts[kind, target, site] = self._counts.get((kind, target, site), 0) + 1
            else:
                self._more += 1

    def seen(self) -> tuple[Escape, ...]:
        """All that were counted, in the order in which each was first seen."""
        with self._lock:
            seen = tuple(Escape(*what, count) for what, count in self._counts.items())
            return (*seen, Escape("others", "", "", self._more)) if self._more else seen
