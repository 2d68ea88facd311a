"""A keeper for a rerun without a store: it costs what a replay's does, until the agent parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from .keeper import Happened, Keeper, Unwritten, Writer
from .stepper import Moment


class Deferred:
    """Keeps the records of a rerun as those of a replay are kept; once the agent has parted, by a Writer.

    Until then nothing has happened that is not on the tape. The Writer is given all of it, from the start.
    """

    def __init__(self) -> None:
        self._replayed, self._writer = Unwritten(), Writer(stored=False)
        self._parted = False

    @property
    def redacted(self) -> Mapping[str, int]:
        return self._kept_by().redacted

    def follow(self, moment: Moment) -> None:
        self._replayed.follow(moment)

    def put(self, number: int) -> None:
        self._kept_by().put(number)

    def push(self) -> None:
        self._kept_by().push()

    def wait(self, number: int, timeout: float | None = None) -> bool:
        return self._kept_by().wait(number, timeout)

    def so_far(self) -> Happened:
        return self._kept_by().so_far()

    def close(self, last: Callable[[], object]) -> None:
        self._kept_by().close(last)

    def is_over(self, timeout: float) -> bool:
        return self._kept_by().is_over(timeout)

    def _kept_by(self) -> Keeper:
        """Who keeps what happened by now; whoever is interrupted in here is followed by somebody else."""
        if not self._parted:
            self._replayed.put(0)
            if not self._replayed.has_parted:
                return self._replayed
            self._writer.adopt(self._replayed)
            self._writer.start()
            self._parted = True
        return self._writer
