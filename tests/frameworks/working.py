"""The other end of `worker.py`: a program of the table in a process that is told what to do."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

HERE = Path(__file__).parent
PROGRAMS = HERE / "programs"
PATIENCE = 120
"""Seconds that one thing may take; then the process is killed."""


class Failed(Exception):
    """The program failed, with the class and the text of its exception."""


class Worker:
    """The program `name`, run by the interpreter `python`; `key` is what it has for its model."""

    def __init__(self, name: str, python: str | Path = sys.executable, *, key: str, log: Path) -> None:
        self._log = log
        environment = {**os.environ, "WEATHER_API_KEY": key, "HOME": str(log.parent), "NO_PROXY": "127.0.0.1"}
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                [str(python), "-P", str(HERE / "worker.py"), str(PROGRAMS / f"{name}.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                cwd=log.parent,
            )

    def do(self, verb: str, url: str, **options: Any) -> Any:
        """What the worker's function `verb` returns.

        Raises:
            Failed: it raised something, or the process is gone.
        """
        try:
            self.process.stdin.write(json.dumps([verb, url, options]) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise Failed(f"the process ended before {verb}: {self._last_words()}") from None
        timer = threading.Timer(PATIENCE, self.process.kill)
        timer.start()
        line = self.process.stdout.readline()
        timer.cancel()
        if not line:
            raise Failed(f"the process ended within {verb}: {self._last_words()}")
        answer = json.loads(line)
        if "failed" in answer:
            raise Failed(answer["failed"])
        return answer["did"]

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()
