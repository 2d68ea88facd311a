"""Lets processes that a run starts join it: they ask through a gateway, each in a lane of its own."""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from functools import partial

from ..isolation.processes import nowhere
from ..runtime import lanes
from ..session.plan import Environment
from ..session.session import Session
from ..transports.gateway.addresses import find_origins, point_at
from ..transports.gateway.app import Caller, Place
from ..transports.gateway.serving import Opened, open_gateway
from .command import KEY, check_key, note_origins, recall_origins


class Adopting:
    """The gateway of one run, opened when it starts its first process; one of the run's doors.

    The lane of a process is below that of the strand which started it: `"crew.0/worker.py.0"`.
    """

    def __init__(self, origins: Mapping[str, str]) -> None:
        self._origins = origins
        self._lanes = dict[str, str]()
        self._opened: Opened | None = None
        self._closing = ExitStack()
        self._lock = threading.Lock()

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> Adopting:
        """Return that of a run which follows one with this `meta`; of an empty one, of a new run."""
        return cls(recall_origins(meta) or find_origins(os.environ))

    def meta(self) -> dict[str, str]:
        """Return what the run keeps of whom its processes ask."""
        return note_origins(self._origins)

    def hold(self, run: object) -> None:
        """Nothing is to be done before there is a process."""

    def release(self, run: object) -> None:  # noqa: ARG002  it is that of one run
        """Close the gateway."""
        with self._lock:
            self._opened = None
            self._closing.close()

    def adopt(self, run: Session, strand: lanes.Strand, program: str) -> Environment:
        """Return what makes the environment of a process that `strand` starts."""
        key = secrets.token_urlsafe(KEY)
        self._lanes[key] = strand.child(program, works=False).path
        return partial(self._make_environment, run, self._open(run), key)

    def _open(self, run: Session) -> Opened:
        def find_place(caller: Caller) -> Place:
            check_key(caller.key in self._lanes)
            return Place(run, self._lanes[caller.key])

        with self._lock:
            if self._opened is None:
                self._opened = self._closing.enter_context(open_gateway(find_place))
            return self._opened

    def _make_environment(
        self, run: Session, opened: Opened, key: str, env: Mapping[str, str] | None
    ) -> dict[str, str]:
        given = os.environ if env is None else env
        base = dict(given) if run.live else nowhere(given, run.allowed)
        return point_at(f"{opened.base}/{key}", "", self._origins, base, overrule=False)
