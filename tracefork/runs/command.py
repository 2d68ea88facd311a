"""A command in any language as an agent: its environment has the gateway's addresses."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from attrs import field, frozen

from ..core.notes import COMMAND, read_command
from ..errors import Refused
from ..host import clocks
from ..isolation.processes import nowhere
from ..runtime import lanes
from ..session.session import Session
from ..transports.gateway.addresses import find_origins, point_at
from ..transports.gateway.app import Caller
from ..transports.gateway.serving import open_gateway
from ..transports.gateway.tunnel import Tunnel

ORIGINS = "gateway.origins"
"""Where it keeps whom the command's variables stood for, as a JSON object."""

_LOOK = 0.05  # seconds between two looks at whether the run still goes on
_GRACE = 3.0  # seconds in which a command may end by itself, before it is told to, and once it was
_KEY = 9  # bytes of a key


@frozen
class CommandAgent:
    """The command `argv`, whose environment's `origins` the gateway stands for.

    Called with a run it returns once the command has exited with 0. Its tools are its own: they run for
    real, in a replay too.
    """

    argv: tuple[str, ...]
    origins: Mapping[str, str] = field(repr=False)

    @classmethod
    def parse(cls, words: Sequence[str], env: Mapping[str, str]) -> Self:
        """Return the agent that `words` are, with whom the variables of `env` stand for.

        Raises:
            ValueError: there are none.
        """
        if not words:
            raise ValueError("say which command to run: -- COMMAND [ARGS...]")
        return cls(tuple(words), find_origins(env))

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> Self | None:
        """Return the command that a run's meta names, or None."""
        argv = read_command(meta)
        return cls(argv, json.loads(meta.get(ORIGINS, "{}"))) if argv else None

    def meta(self) -> dict[str, str]:
        """Return what a run keeps of its command."""
        return {COMMAND: json.dumps(self.argv), ORIGINS: json.dumps(dict(self.origins))}

    def check(self) -> None:
        """Look before a run is begun.

        Raises:
            FileNotFoundError: there is no such command.
        """
        if shutil.which(self.argv[0]) is None:
            raise FileNotFoundError(f"there is no command {self.argv[0]!r}")

    def __call__(self, run: Session) -> None:
        """Run it to its end, with what it asks put to `run`; once the run has failed, it is ended.

        Raises:
            SystemExit: it exited with another code than 0; of a signal it is 128 and its number.
        """
        key = secrets.token_urlsafe(_KEY)

        def find_run(caller: Caller) -> Session:
            if caller.key != key:
                raise Refused(f"a request with the key {caller.key!r}", "the gateway")
            return run

        def tunnel(base: str) -> Tunnel:
            return Tunnel(run, f"{base}/{key}", Path(self.argv[0]).name)

        with open_gateway(find_run, tunnel=tunnel) as opened, lanes.aside():
            env = self.make_environment(f"{opened.base}/{key}", opened.proxy, run)
            process = subprocess.Popen(self.argv, env=env, stdout=_find_stdout())  # noqa: S603  it is the user's
            code = _wait(process, run)
        if code:
            raise SystemExit(code if code > 0 else 128 - code)

    def make_environment(self, base: str, proxy: str, run: Session) -> dict[str, str]:
        """Return the environment for the command: the same in a replay, but for other ways out of it."""
        env = dict(os.environ) if run.live else nowhere(os.environ, run.allowed)
        return point_at(base, proxy, self.origins, env, overrule=not run.live)


def _find_stdout() -> Any:
    """Where the command prints: to what stands for our own standard output, if that is a file."""
    try:
        return sys.stdout.fileno()
    except (AttributeError, OSError, ValueError):
        return None


def _wait(process: subprocess.Popen[Any], run: Session) -> int:
    """Wait until the process ends; end it where the run has failed, and with whoever is interrupted here."""
    failed = None
    try:
        while True:
            try:
                return process.wait(_LOOK)
            except subprocess.TimeoutExpired:
                failed = failed or (clocks.monotonic() if run.failure else None)
                if failed and clocks.monotonic() - failed > _GRACE:
                    return _end(process)
    except BaseException:
        _end(process)
        raise


def _end(process: subprocess.Popen[Any]) -> int:
    """Ask the process to end, then make it."""
    for tell in (process.terminate, process.kill):
        tell()
        with suppress(subprocess.TimeoutExpired):
            return process.wait(_GRACE)
    return process.wait()
