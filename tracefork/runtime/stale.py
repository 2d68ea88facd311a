"""What a live run was served that may be out of date: tools' answers, and a clock that jumps."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime

from ..core.values import Source

CLOCKS = frozenset({"clock", "time"})
"""The kinds of sources that give seconds since the epoch."""

_NOTABLE = 1.0  # seconds
_NANOSECONDS = 1e9


class Stale:
    """Is told of recorded answers of tools and of readings of clocks, and gives sentences about them."""

    def __init__(self) -> None:
        self._served: dict[str, dict[str, None]] = {}
        self._changed: dict[str, None] = {}
        self._recorded: dict[Source, float] = {}
        self._jump = 0.0

    def serve_tool(self, after: str, name: str) -> None:
        """Note that tool `name` was served its recorded answer although `after` had run anew before."""
        self._served.setdefault(after, {})[name] = None

    def serve_values(self, name: str) -> None:
        """Note that tool `name` was served although it holds other values than when it was recorded."""
        self._changed[name] = None

    def read_clock(self, source: Source, text: str, *, recorded: bool) -> None:
        """Note a reading of a clock, `recorded` or real."""
        if source.kind not in CLOCKS:
            return
        with suppress(ValueError):
            seconds = _read_seconds(source.name, text.partition(" ")[0])
            if recorded:
                self._recorded[source] = seconds
            elif source in self._recorded:
                self._jump = max(self._jump, seconds - self._recorded.pop(source))

    def remarks(self) -> Iterator[str]:
        """Give a sentence for each thing that one should know."""
        for after, names in self._served.items():
            yield f"served after `{after}` ran anew: {', '.join(names)}"
        if self._changed:
            changed = ", ".join(self._changed)
            yield f"served although values it holds (defaults, variables around it) are others now: {changed}"
        if self._jump > _NOTABLE:
            yield (
                f"the clock jumped by {_write_span(self._jump)} where the recorded readings ended: "
                "from there on it is the real one"
            )


def _read_seconds(name: str, moment: str) -> float:
    """Seconds since the epoch of what a clock's reading begins with."""
    if name == "time_ns":
        return int(moment) / _NANOSECONDS
    return datetime.fromisoformat(moment).timestamp() if name.startswith("now") else float(moment)


def _write_span(seconds: float) -> str:
    """`seconds` as a reader would say it."""
    days, rest = divmod(round(seconds), 86_400)
    clock = time.strftime("%H:%M:%S", time.gmtime(rest))
    return f"{days} days and {clock}" if days else clock
