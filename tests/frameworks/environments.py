"""An environment for each program, since some pin what others want newer; tracefork is in it as a wheel."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from attrs import frozen

from .listing import Program

ROOT = Path(__file__).parents[2]
EXTRAS = "testing,httpx2,report"
LONGEST = 900
"""Seconds that an installation may take."""


class NotMade(Exception):
    """What an installation said last as it failed."""


@frozen
class Environments:
    """Environments below `folder`, which are kept there; `wheel` is tracefork as it is now."""

    folder: Path
    wheel: Path

    @classmethod
    def open(cls, folder: Path) -> Environments:
        """Build the wheel.

        Raises:
            NotMade: it cannot be built.
        """
        folder.mkdir(parents=True, exist_ok=True)
        for old in (folder / "wheel").glob("*.whl"):
            old.unlink()
        _run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder / "wheel"), str(ROOT))
        [wheel] = (folder / "wheel").glob("*.whl")
        return cls(folder, wheel)

    def make(self, program: Program) -> Path:
        """The interpreter of the program's environment: one that is there gets tracefork anew.

        Raises:
            NotMade: something cannot be installed.
        """
        home = self.folder / program.name
        python, mark = home / "bin" / "python", home / "installed.txt"
        wanted = "\n".join(program.needs)
        if mark.exists() and mark.read_text() == wanted:
            _install(python, "--force-reinstall", "--no-deps", str(self.wheel))
            return python
        _run(sys.executable, "-m", "venv", "--clear", str(home))
        _install(python, *program.needs, f"tracefork[{EXTRAS}] @ {self.wheel.as_uri()}")
        mark.write_text(wanted)
        return python


def _install(python: Path, *what: str) -> None:
    _run(str(python), "-m", "pip", "install", "-q", *what)


def _run(*command: str) -> None:
    environment = {**os.environ, "PIP_NO_COMPILE": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=LONGEST, check=False
    )
    if done.returncode:
        raise NotMade((done.stderr.strip().splitlines() or ["it said nothing"])[-1])
