"""What left a run unrecorded, counted."""

from __future__ import annotations

from ..core.notes import MOST
from ..core.values import Escape
from ..host.tables import list_items


class Escapes:
    """Counts escapes by what they were and where they came from.

    Callable from any thread, a signal's handler and a forked child: nothing is locked.
    """

    def __init__(self) -> None:
        self._times: dict[tuple[str, str, str], list[None]] = {}
        self._more: list[None] = []

    def add(self, kind: str, target: str, site: str) -> None:
        """Count one; of more than MOST different ones only how many they are."""
        if (kind, target, site) in self._times or len(self._times) < MOST:
            self._times.setdefault((kind, target, site), []).append(None)  # counted by one call of C
        else:
            self._more.append(None)

    def seen(self) -> tuple[Escape, ...]:
        """All that were counted, in the order in which each was first seen."""
        seen = tuple(Escape(*what, len(times)) for what, times in list_items(self._times))
        return (*seen, Escape("others", "", "", len(self._more))) if self._more else seen
