"""Calls that know of no run: held to a replay that is in progress, counted by recordings.

A thread that is older than the run, or that was started in C, a callback in an empty context, an
endpoint whose dependency began the run on another thread: all that such a call says is that it is
made in this process. A replay lets none of them out. A recording cannot tell them from calls of
other users of the process: it counts them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet

from attrs import frozen

from ..host.callsite import find_caller
from ..runtime import lanes
from ..runtime.waiting import in_loop
from .current import current, open_runs
from .session import Session
from .tools.policy import Use

MACHINERY = frozenset(
    """
    _pydevd_bundle debugpy pydevd coverage execnet xdist
    amqp billiard celery distributed dramatiq ipykernel jupyter_client kombu ray tornado zmq
    """.split()
)
"""Packages that debug a process, or hand it its work, over connections of their own."""


@frozen
class Way:
    """Where a call goes: to `run`; or past all runs, `aside` if that has been counted; or nowhere.

    `stranger` if who asks does not know the run.
    """

    run: Session | None = None
    aside: bool = False
    stranger: bool = False
    nowhere: bool = False


PAST = Way()
ASIDE = Way(aside=True)
NOWHERE = Way(nowhere=True)
"""The way of what is none of the agent's, in a replay: it fails as if nobody listened."""


def find_way(method: str, host: str, port: int | str, path: str) -> Way:
    """Return where an HTTP call goes whose strand knows no run.

    Raises:
        Refused: a replay is in progress, and others beside it, so that nobody can say whose call it is;
            or a strict recording that is alone in this process.
    """
    runs = list(_list_runs())
    target = f"{method} {host}{path}"
    passed = [run for run in runs if run.passes(host, method, path)]
    if any(not run.live for run in passed):
        return NOWHERE
    asked = [run for run in runs if not (run.allows(f"{host}:{port}") or run in passed)]
    replays = [run for run in asked if not run.live]
    if replays and len(runs) == 1:
        return Way(replays[0], stranger=True)
    if replays:
        raise replays[0].refuse(target)
    for run in asked:
        run.escape("thread", f"{host}{path}", certain=is_certain(runs))
    return ASIDE if asked else PAST


def find_tool_run(use: Callable[[], Use], paths: AbstractSet[str] | None = None) -> Session | None:
    """Return the run that a call of a tool belongs to, or None: it runs as it stands.

    A function that goes by `paths` is a tool of those runs alone that wrap one of them.
    Whoever calls it without knowing a run is served by a replay that is the only run in progress,
    if the tape has the call; a recording counts it.

    Raises:
        Refused: a replay is in progress, and has no answer, or others are beside it;
            or a strict recording that is alone in this process.
    """
    if (run := current()) is not None:
        return run if _is_tool_of(run, paths) else None
    runs = list(_list_runs())
    alone, runs = len(runs) == 1, [run for run in runs if _is_tool_of(run, paths)]
    if not runs:
        return None
    asked = use()
    target = f"tool {asked.name}"
    if replays := [run for run in runs if not run.live]:
        if alone and replays[0].port.has_answer(asked.question):
            return replays[0]
        raise replays[0].refuse(target, "thread")
    for run in runs:
        run.escape("thread", target, certain=alone and is_certain(runs))
    return None


def _is_tool_of(run: Session, paths: AbstractSet[str] | None) -> bool:
    return paths is None or not paths.isdisjoint(run.wrapped)


def list_replays() -> list[Session]:
    """Return the replays in progress that a call without a run must not leave, if one is made here."""
    return [run for run in _list_runs() if not run.live]


def list_recordings() -> list[Session]:
    """Return the live runs in progress that count a call without a run, if one is made here."""
    return [run for run in _list_runs() if run.live]


def find_replay() -> Session | None:
    """Return the replay that a tool without a run belongs to: the only run in progress, or None."""
    runs = list(_list_runs())
    return runs[0] if len(runs) == 1 and not runs[0].live else None


def is_certain(runs: list[Session]) -> bool:
    """True if a call without a run is of `runs` for sure: there is one, and no loop serves others here."""
    return len(runs) == 1 and not in_loop()


def _list_runs() -> Iterator[Session]:
    if (runs := open_runs()) and lanes.current() is None and find_caller() not in MACHINERY:
        yield from runs
