"""Whose a call of chance is: the run's, if the agent's own code makes it; and how the run draws it."""

from __future__ import annotations

import random
import sys
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from ...core.values import Source
from ...errors import CorruptTape
from ...host.callsite import is_of_agent
from ...session.current import current
from ...session.session import Session

T = TypeVar("T")

_BETWEEN = (vars(random), vars(uuid))


class _Here(threading.local):
    draws = False


_here = _Here()


def find_run(kind: str, depth: int, between: tuple[dict[str, Any], ...] = _BETWEEN) -> Session | None:
    """The run that a draw of `kind` belongs to; None if the call is to go to the original function.

    The caller is the frame `depth` levels above this function's. Frames whose globals are one of
    `between`, and frames of pydantic, are skipped, so that a call within these, as for a model's
    default, counts as made by whoever called them. Calls made from a finalizer or a signal handler
    while another draw is in progress go to the original.
    """
    run = current()
    if run is None or kind not in run.virtualize or run.is_aside() or run.is_elsewhere:
        return None
    if _here.draws or run.port.is_busy_here:
        return None
    frame: FrameType | None = sys._getframe(depth)  # noqa: SLF001  `inspect` would slow down every draw
    while frame is not None and _is_between(frame.f_globals, between):
        frame = frame.f_back
    return run if frame is not None and is_of_agent(frame) else None


def _is_between(names: dict[str, Any], between: tuple[dict[str, Any], ...]) -> bool:
    return any(names is each for each in between) or str(names.get("__name__")).startswith("pydantic.")


def draw(run: Session, source: Source, sample: Callable[[], str], read: Callable[[str], T]) -> T:
    """What `read` makes of the reading that `run` draws; if the run ends meanwhile, of a fresh `sample()`.

    Raises:
        CorruptTape: the recorded reading is none of this source.
    """
    with undrawn():
        try:
            text = run.draw(source, sample)
        except RuntimeError:
            if not run.over:
                raise
            text = sample()
    try:
        return read(text)
    except ValueError as exc:
        problem = f"a draw of {source.kind} ({source.name}) reads {text!r}, which is no such value"
        raise CorruptTape(problem, advice="give it a reading of that form, or record anew") from exc


def read_hex(text: str) -> int:
    """The number that `text` is in hexadecimal digits."""
    return int(text, 16)


@contextmanager
def undrawn() -> Iterator[None]:
    """A block in which what this thread asks of chance goes to the original functions."""
    before, _here.draws = _here.draws, True
    try:
        yield
    finally:
        _here.draws = before
