"""What the run of a test is told: how it is answered, where its tape is, and what else it has to hold to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol, cast

from attrs import field, frozen

from ...runs.options import RecordOptions, ReplayOptions, TailOptions
from ...session.session import Session
from ..cassettes.habits import Habits

_REPLAYED = {"instant_retries": True, "scope": "process"}
_RECORDED = {"adopts": True, "nested": "separate", "scope": "process"}
"""In a test no pause is waited for, and threads and loops that are older than the test are its own."""


class Rules(Protocol):
    """What a run has to hold to, such as `tracefork.testing.policy(...)`."""

    def hold(self, subject: Session) -> object:
        """Raise what is broken, or return."""


@frozen
class Cassette:
    """Files of another recorder that answer a test as long as it has no tape, and how they are compared."""

    paths: tuple[Path, ...]
    habits: Habits = Habits()  # noqa: RUF009  it is frozen


@frozen
class Settings:
    """How a test's run is made: its `mode`, the file of its tape, and what holds it together.

    `command` is what runs the test again, up to the options; `given` are options of the run, by name.
    A test that is `offline` has no tape: it may ask nothing. Messages name files from the folder `start`: the
    test may change its own.
    """

    mode: str
    place: Path
    title: str
    command: str
    policy: Rules | None = None
    max_age: float | None = None
    cassette: Cassette | None = None
    offline: bool = False
    given: Mapping[str, Any] = field(factory=dict)
    start: Path = field(factory=Path.cwd)

    def of_recording(self) -> RecordOptions:
        """The options of a recording."""
        return cast("RecordOptions", {**_RECORDED, **self._select(RecordOptions)})

    def of_replay(self) -> ReplayOptions:
        """The options of a replay."""
        return cast("ReplayOptions", {**_REPLAYED, **self._select(ReplayOptions)})

    def of_rerun(self) -> TailOptions:
        """The options of a run that goes live where the tape has no answer."""
        return cast("TailOptions", {"tools": "reuse", **_REPLAYED, **self._select(TailOptions)})

    def _select(self, kind: type) -> dict[str, Any]:
        names = list_names(kind)
        return {name: value for name, value in self.given.items() if name in names}


def list_names(kind: type) -> frozenset[str]:
    """The names of the options in one of `runs.options`' TypedDicts."""
    return frozenset(kind.__annotations__)
