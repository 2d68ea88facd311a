"""What a run knows of the tape that it follows: where it left that, and what it was spared."""

from __future__ import annotations

from abc import ABC, abstractmethod

from ..core.display import Shown
from ..core.tape import Tape
from ..core.values import Branch, Departure
from ..report.savings import Savings, count_origins
from ..runtime.port import Port
from .plan import Plan


class Following(Shown, ABC):
    """The part of a run that is looked at, and looks back at another one."""

    port: Port
    _plan: Plan

    @property
    @abstractmethod
    def tape(self) -> Tape:
        """What has happened so far."""

    @property
    def lineage(self) -> Branch | None:
        """Where this run comes from; None unless it forks, resumes or reruns another."""
        return self._plan.header.parent

    @property
    def followed(self) -> Tape | None:
        """The tape that this run is served from, or None."""
        return self._plan.follows

    @property
    def parted(self) -> Departure | None:
        """Where the agent left the tape that this run reruns, or None if it has not."""
        return self.port.departure

    @property
    def savings(self) -> Savings:
        """What this run was served so far of the tape that it follows, what it asked anew, and the costs.

        A run that follows none was served nothing.
        """
        matcher = self.port.state.script.matcher
        return count_origins(self._plan.follows or Tape(), self.tape, matcher=matcher)
