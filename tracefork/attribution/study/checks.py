"""Oracles of commands: how one exited, and what another one says of what it left."""

from __future__ import annotations

import subprocess

from attrs import frozen

from ...core.tape import Tape


@frozen
class ExitedWell:
    """Success is that the agent returned: a command behind the gateway, that it exited with 0.

    For `blame(..., on_raise="failure")`: any other code is a SystemExit.
    """

    def __call__(self, result: object, tape: Tape) -> bool:  # noqa: ARG002  of a command it is None
        return tape.outcome.kind == "returned"


@frozen
class Check:
    """Success is that the shell command `line`, run after the agent in the current folder, exits with 0.

    What it prints is not shown. One that takes longer than `timeout` seconds cannot say.
    """

    line: str
    timeout: float = 600.0

    def __call__(self, result: object) -> bool | None:  # noqa: ARG002  what the agent left is looked at
        try:
            done = subprocess.run(  # noqa: S602  the line is the user's own
                self.line,
                shell=True,
                check=False,
                timeout=self.timeout,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            return None
        return done.returncode == 0
