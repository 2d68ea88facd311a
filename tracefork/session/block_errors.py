"""What is raised when the block of a run is left: what the agent may have swallowed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..core.machine import State
from ..core.values import Escape
from ..errors import EditUnused, Refused, TraceforkError
from ..runtime.halts import find_unfinished
from ..runtime.waiting import is_cancellation


class Judged(Protocol):
    """A run that is over."""

    @property
    def failure(self) -> TraceforkError | None: ...
    @property
    def refused(self) -> Sequence[Escape]: ...
    @property
    def last_refusal(self) -> Refused | None: ...
    @property
    def unused_edit(self) -> EditUnused | None: ...
    @property
    def state(self) -> State: ...


def judge(run: Judged, exc: BaseException | None) -> None:
    """Raise what the agent may have swallowed; `exc` is how its block ended.

    An interrupt or a cancellation is let through, and so is the error itself; any
    other exception becomes its cause.
    """
    if isinstance(exc, (KeyboardInterrupt, GeneratorExit)) or is_cancellation(exc):
        return
    failure = run.failure
    if failure and isinstance(exc, type(failure)):
        _explain(run, exc)
        return
    if failure:
        if exc is None:
            raise _explain(run, failure)  # with the cause that it has
        raise _explain(run, failure) from exc
    if exc is None and (left := find_unfinished(run.state)):
        raise _explain(run, left)
    if exc is None and (unused := run.unused_edit):
        raise unused
    if exc is not None and (refused := _find_refusal(run, exc)):
        raise refused from exc  # what the agent's client made of it does not say who refused


def _find_refusal(run: Judged, exc: BaseException) -> Refused | None:
    """The refusal that `exc` comes of, None if it is one; who raises an error later has forgotten it."""
    if isinstance(exc, Refused):
        return None
    return Refused.find(exc) or (run.last_refusal if "connect" in type(exc).__name__.lower() else None)


def _explain(run: Judged, failure: TraceforkError) -> TraceforkError:
    """`failure` with a note of what was refused before: that may be why the agent did something else."""
    for one in run.refused:
        failure.add_note(f"before that, this was refused: {one}")
    return failure
