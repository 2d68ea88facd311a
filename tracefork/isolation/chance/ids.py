"""`uuid.uuid4` and `uuid.uuid1`, by their code: whoever holds them has their draws."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from ...core.values import Source
from ...host.codes import Code
from ...host.patching import Patches
from .binding import Undo
from .drawing import draw, find_run


def _uuid4(original: Callable[[], uuid.UUID]) -> uuid.UUID:
    run = find_run("uuid", 2)
    return draw(run, Source("uuid", "uuid4"), lambda: str(original()), uuid.UUID) if run else original()


def _uuid1(
    original: Callable[..., uuid.UUID], node: int | None = None, clock_seq: int | None = None
) -> uuid.UUID:
    run = find_run("uuid", 2)
    if run is None:
        return original(node, clock_seq)
    return draw(run, Source("uuid", "uuid1"), lambda: str(original(node, clock_seq)), uuid.UUID)


def uuid4(*, _tracefork: Any = None) -> Any:
    """The code that `uuid.uuid4` has while it is replaced."""
    return _tracefork()


def uuid1(node: Any = None, clock_seq: Any = None, *, _tracefork: Any = None) -> Any:
    """The code that `uuid.uuid1` has while it is replaced."""
    return _tracefork(node, clock_seq)


def _replace(_: object) -> Undo:
    with ExitStack() as done:  # what is done is undone where the rest of it fails
        done.callback(Code(uuid.uuid4, uuid4, _uuid4).undo)
        done.callback(Code(uuid.uuid1, uuid1, _uuid1).undo)
        return done.pop_all().close


patches = Patches(lambda: (), _replace)
