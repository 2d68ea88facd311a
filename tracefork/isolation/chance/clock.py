"""The functions of `time` that tell what it is now, and in the agent's modules the classes of `datetime`."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

from ...host.patching import Patches, Target
from ...session.session import Session
from . import calendar, importlib_bootstrap
from .binding import Undo, bind
from .drawing import find_run
from .moments import draw_nanoseconds, draw_seconds


def _targets() -> Iterator[Target]:
    yield time, "time", _time
    yield time, "time_ns", _time_ns
    for name in ("localtime", "gmtime", "ctime"):
        yield time, name, _at
    yield time, "asctime", _asctime
    yield time, "strftime", _strftime


def _time(original: Any) -> float:
    run = find_run("time", 3)
    return _now(run) if run else original()


def _now(run: Session) -> float:
    return draw_seconds(run, lambda: time.time())  # noqa: PLW0108  whatever stands there by then


def _time_ns(original: Any) -> int:
    run = find_run("time", 3)
    return draw_nanoseconds(run, original) if run else original()


def _at(original: Any, seconds: float | None = None, /) -> Any:
    if seconds is None and (run := find_run("time", 3)):
        seconds = _now(run)
    return original() if seconds is None else original(seconds)


def _asctime(original: Any, *when: Any) -> Any:
    if not when and (run := find_run("time", 3)):
        when = (time.localtime(_now(run)),)
    return original(*when)


def _strftime(original: Any, form: str, *when: Any) -> Any:
    if not when and (run := find_run("time", 3)):
        when = (time.localtime(_now(run)),)
    return original(form, *when)


def _replace(swaps: list[tuple[Any, Any]]) -> Undo:
    module, stop = importlib_bootstrap.start(calendar.STAND_INS)
    with ExitStack() as failed:  # what is done is undone where the rest of it fails
        failed.callback(calendar.forget_types)
        failed.callback(stop)
        unbind = bind([*swaps, *calendar.list_swaps(), (dt, module)], (time, dt))
        failed.pop_all()

    def undo() -> None:
        stop()  # no import binds what unbind would not see
        unbind()
        calendar.forget_types()

    return undo


patches = Patches(_targets, _replace)
