"""Leaving a block also where nobody says so: a `with` statement lets go of what it holds, always."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from inspect import iscoroutinefunction
from types import MethodType
from typing import Any, Protocol


class Entered(Protocol):
    """What is entered once, and left by whoever comes last."""

    @property
    def is_entered(self) -> bool:
        """True once the block was entered, even if it has been left since."""
        ...

    @property
    def is_abandoned(self) -> bool:
        """True if the block was entered, and is not wholly left."""
        ...

    def abandon(self) -> None:
        """Leave the block, or do what is left of that."""
        ...


class _Hold:
    """What a `with` statement holds of a run, and lets go of in the end.

    An interrupt may come just before it would leave the block, or just after it was entered: then
    nobody leaves it, but this goes, and the block is left all the same.
    """

    __slots__ = ("run",)

    def __init__(self, run: Entered) -> None:
        self.run = run

    def __del__(self) -> None:
        if self.run.is_abandoned:
            try:
                self.run.abandon()
            finally:
                if self.run.is_abandoned:  # interrupted once more
                    self.run.abandon()


class _Leaving(partial[Any]):
    """Leaves the block of a run. It goes with its `hold`, which the frame of what it calls does not know."""

    hold: _Hold


class Exit:
    """The attribute of a class by which its blocks are left.

    A `with` statement asks for it on its way in, just before it enters, and holds what it is given. A
    coroutine runs after that was let go of, so it is given the hold itself.
    """

    def __init__(self, leave: Callable[..., Any]) -> None:
        self._leave = leave

    def __get__(self, run: Entered | None, kind: type) -> Callable[..., Any]:
        if run is None:
            return self._leave
        if run.is_entered:
            return MethodType(self._leave, run)
        if iscoroutinefunction(self._leave):
            return partial(self._leave, run, hold=_Hold(run))
        leaving = _Leaving(self._leave, run)
        leaving.hold = _Hold(run)
        return leaving
