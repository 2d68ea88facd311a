"""A gateway that stays: agents that are started elsewhere ask through it, and each gets a run of its own.

Whose a request is: the run that its address names, or the header `x-tracefork-run`; else that of the process
it came from, or where the system does not show that, as of another user's, of the connection. A run ends with
its process, or once nothing was asked for a while.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

from attrs import define, field

from ..errors import RunExists, TraceforkError
from ..host import clocks
from ..host.peers import find_name, find_peer, is_alive
from ..host.tables import list_items
from ..session.session import Session
from ..storage.store import TapeStore
from ..transports.gateway.addresses import find_origins
from ..transports.gateway.app import Caller, Place
from ..transports.gateway.serving import Opened, open_gateway
from .api import record
from .command import CommandAgent

IDLE = 60.0
"""Seconds after which a run ends in which nothing was asked meanwhile."""

Ended: TypeAlias = "Callable[[Session, TraceforkError | None], object]"
"""Is called with a run that has ended, and with why it failed, if it has."""

_LOOK = 0.5  # seconds between two looks at which runs have ended
_MOST = 1_000  # runs of one name


@define
class _Keeping:
    """A run that is kept open, by a thread that is in its block."""

    session: Session
    pid: int | None
    asked: float
    end: threading.Event = field(factory=threading.Event)
    thread: threading.Thread | None = None
    failed: TraceforkError | None = None


class Standing:
    """Opens a run for each who asks, and ends it."""

    def __init__(self, store: TapeStore, idle: float, ended: Ended, options: dict[str, Any]) -> None:
        self._store, self._idle, self._ended, self._options = store, idle, ended, options
        self._runs = dict[tuple[str, object], _Keeping]()
        self._lock = threading.Lock()

    def find_place(self, caller: Caller) -> Place:
        """Return the run of `caller`, begun now if there is none."""
        name = caller.key or caller.run
        pid = None if name else find_peer(caller.port, caller.served)
        whose = ("name", name) if name else ("pid", pid) if pid else ("port", caller.port)
        with self._lock:
            kept = self._runs.get(whose)
            if kept is not None and kept.session.over:
                self._end(self._runs.pop(whose))
                kept = None
            if kept is None:
                kept = self._runs[whose] = self._begin(name, pid)
            kept.asked = clocks.monotonic()
            return Place(kept.session)

    def end_idle(self) -> None:
        """End the runs whose process has ended, or of which nobody asks any more."""
        now = clocks.monotonic()
        with self._lock:
            for key, kept in list_items(self._runs):
                gone = kept.pid is not None and not is_alive(kept.pid)
                if gone or (now - kept.asked > self._idle and not kept.session.port.state.open):
                    self._end(self._runs.pop(key))

    def end_all(self) -> None:
        """End all runs."""
        with self._lock:
            while self._runs:
                self._end(self._runs.popitem()[1])

    def _begin(self, name: str, pid: int | None) -> _Keeping:
        session = self._open(name, "" if pid is None else find_name(pid))
        kept = _Keeping(session, pid, clocks.monotonic())
        begun = threading.Event()

        def keep() -> None:
            try:
                with session:
                    begun.set()
                    kept.end.wait()
            except TraceforkError as exc:
                kept.failed = exc
            finally:
                begun.set()

        kept.thread = threading.Thread(target=keep, name=f"tracefork-run-{session.run_id}", daemon=True)
        kept.thread.start()
        begun.wait()
        if kept.failed is not None:
            raise kept.failed
        return kept

    def _open(self, name: str, program: str) -> Session:
        """A new run under `name`, or that with a number behind it; without one, under a name of its own."""
        meta = CommandAgent((), find_origins(os.environ)).meta()
        for number in range(1, _MOST):
            run_id = (name if number == 1 else f"{name}-{number}") if name else None
            try:
                return record(
                    self._store,
                    run_id=run_id,
                    agent_name=name or program,
                    meta=meta,
                    order="answers",
                    **self._options,
                )
            except RunExists:
                if number + 1 == _MOST:
                    raise
        raise AssertionError

    def _end(self, kept: _Keeping) -> None:
        kept.end.set()
        assert kept.thread is not None
        kept.thread.join()
        self._ended(kept.session, kept.failed)


@contextmanager
def open_standing(
    store: TapeStore,
    port: int = 0,
    *,
    idle: float = IDLE,
    ended: Ended = lambda _, __: None,
    **options: Any,
) -> Iterator[Opened]:
    """Listen on 127.0.0.1 while the block runs, and record whoever asks into `store`.

    Args:
        store: where the runs are kept.
        port: 0 is any that is free.
        idle: seconds after which a run ends in which nothing was asked.
        ended: is called with each run that has ended.
        options: as for `record`.

    Raises:
        MissingPart: uvicorn is not installed.
        StoreError: the port is taken.
    """
    standing, over = Standing(store, idle, ended, options), threading.Event()

    def look() -> None:
        while not over.wait(_LOOK):
            standing.end_idle()

    looking = threading.Thread(target=look, name="tracefork-standing", daemon=True)
    with open_gateway(standing.find_place, port, is_keyed=False) as opened:
        looking.start()
        try:
            yield opened
        finally:
            over.set()
            looking.join()
            standing.end_all()
