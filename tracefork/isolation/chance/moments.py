"""How a moment is drawn: each reading names the zone that local time was in.

    time.time()               "1764508897.25 CET-1CEST,M3.5.0,M10.5.0/3"
    datetime.now()            "2025-11-30T14:21:37.250000 CET-1CEST,M3.5.0,M10.5.0/3", and " fold" behind it
                              in the hour that comes twice
    datetime.now(tz)          "2025-11-30T13:21:37.250000+00:00 CET-1CEST,M3.5.0,M10.5.0/3"

Older tapes have seconds alone. Where a recorded zone is not this process's it becomes that for the rest of
the run (`host/zones.py`), so that `localtime`, `strftime`, and what `astimezone` and `fromtimestamp`
make of the moment, are as they were. The naive moment itself is as it was in any case.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from ...core.values import Source
from ...host import zones
from ...session.session import Session
from .drawing import draw

if TYPE_CHECKING:
    from datetime import datetime

T = TypeVar("T")


def draw_seconds(run: Session, sample: Callable[[], float]) -> float:
    """Draw a moment as `time.time` has it."""
    return _draw(run, "time", lambda: repr(sample()), float)


def draw_nanoseconds(run: Session, sample: Callable[[], int]) -> int:
    """Draw a moment as `time.time_ns` has it."""
    return _draw(run, "time_ns", lambda: str(sample()), int)


def draw_local(run: Session, sample: Callable[[], datetime], plain: type[datetime]) -> datetime:
    """Draw a naive moment of local time, of class `plain`."""

    def read(text: str) -> datetime:
        moment, _, fold = text.partition(" ")
        return plain.fromisoformat(moment).replace(fold=int(fold == "fold"))

    def write() -> str:
        moment = sample()
        return f"{moment.isoformat()} fold" if moment.fold else moment.isoformat()

    return _draw(run, "now", write, read)


def draw_utc(run: Session, sample: Callable[[], datetime], plain: type[datetime]) -> datetime:
    """Draw a moment in UTC, of class `plain`."""
    return _draw(run, "now utc", lambda: sample().isoformat(), plain.fromisoformat)


def _draw(run: Session, name: str, write: Callable[[], str], read: Callable[[str], T]) -> T:
    def read_in_zone(text: str) -> T:
        moment, zone, fold = [*text.split(" "), "", ""][:3]
        if zone:
            zones.enter(run, zone)
        return read(f"{moment} {fold}".strip())

    def write_with_zone() -> str:
        moment, *fold = write().split(" ")
        return " ".join([moment, zones.find(), *fold])

    return draw(run, Source("time", name), write_with_zone, read_in_zone)
