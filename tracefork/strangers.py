"""Calls that know of no run: held to a replay that is in progress, counted by recordings.

A thread that is older than the run, or that was started in C, a callback in an empty context, an
endpoint whose dependency began the run on another thread: all that such a call says is that it is
made in this process. A replay lets none of them out. A recording cannot tell them from calls of
other users of the process: it counts them.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from . import lanes
from .callsite import caller
from .session import Session, open_runs
from .turns import in_loop

MACHINERY = frozenset(
    """
    _pydevd_bundle debugpy pydevd coverage execnet xdist
    amqp billiard celery distributed dramatiq ipykernel jupyter_client kombu ray tornado zmq
    """.split()
)
"""Packages that debug a process, or hand it its work, over connections of their own."""


@frozen
class Way:
    """Where a call goes: to `run`; or past all runs, `aside` if that has been counted.

    `stranger` if who asks does not know the run.
    """

    run: Session | None = None
    aside: bool = False
    stranger: bool = False


PAST = Way()
ASIDE = Way(aside=True)


def way(method: str, host: str, port: int | str, path: str) -> Way:
    """Return where an HTTP call goes whose strand knows no run.

    Raises:
        Refused: a replay is in progress, and others beside it, so that nobody can say whose call it is;
            or a strict recording that is alone in this process.
    """
    runs = list(_concerned())
    told = f"{method} {host}{path}"
    asked = [run for run in runs if not (run.allows(f"{host}:{port}") or run.passes(host, method, path))]
    replays = [run for run in asked if not run.live]
    if replays and len(runs) == 1:
        return Way(replays[0], stranger=True)
    if replays:
        raise replays[0].refuse(told)
    for run in asked:
        run.escape("thread", f"{host}{path}", certain=is_certain(runs))
    return ASIDE if asked else PAST


def held() -> list[Session]:
    """Return the replays in progress that a call without a run must not leave, if one is made here."""
    return [run for run in _concerned() if not run.live]


def counting() -> list[Session]:
    """Return the live runs in progress that count a call without a run, if one is made here."""
    return [run for run in _concerned() if run.live]


def replay() -> Session | None:
    """Return the replay that a tool without a run belongs to: the only run in progress, or None."""
    runs = list(_concerned())
    return runs[0] if len(runs) == 1 and not runs[0].live else None


def is_certain(runs: list[Session]) -> bool:
    """True if a call without a run is of `runs` for sure: there is one, and no loop serves others here."""
    return len(runs) == 1 and not in_loop()


def _concerned() -> Iterator[Session]:
    if lanes.current() is None and caller() not in MACHINERY:
        yield from open_runs()
