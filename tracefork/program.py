"""Somebody's script or module as an agent: run in this process, as `python` would run it."""

from __future__ import annotations

import json
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from types import ModuleType

from attrs import frozen

from .wrapping import MAIN, Defining, names_of_main

COMMAND = "command"
"""Where a run's meta keeps the command that made it, as a JSON list."""


@frozen
class Program:
    """A Python program: `argv[0]` is a file, or with `module` a dotted name."""

    argv: tuple[str, ...]
    module: bool = False

    @classmethod
    def parse(cls, words: Sequence[str]) -> Program:
        """Read `SCRIPT ARGS...` or `-m MODULE ARGS...`.

        Raises:
            ValueError: there is no script.
        """
        module = bool(words) and words[0] == "-m"
        argv = tuple(words[1:] if module else words)
        if not argv:
            raise ValueError("say which script to run: SCRIPT [ARGS...] or -m MODULE [ARGS...]")
        return cls(argv, module)

    @classmethod
    def of(cls, meta: Mapping[str, str]) -> Program | None:
        """Return the program that a run's meta names, or None."""
        return cls.parse(json.loads(meta[COMMAND])) if COMMAND in meta else None

    def meta(self) -> dict[str, str]:
        """Return what a run keeps of its command."""
        return {COMMAND: json.dumps(["-m", *self.argv] if self.module else list(self.argv))}

    def check(self) -> None:
        """Look before a run is begun.

        Raises:
            FileNotFoundError: there is no such script.
        """
        if not self.module and not os.path.exists(self.argv[0]):  # noqa: PTH110
            raise FileNotFoundError(f"there is no script {self.argv[0]!r}")

    def __call__(self) -> None:
        """Run it to its end. `sys.exit()` and `sys.exit(0)` are an ordinary end.

        Raises:
            SystemExit: it left with another code.
        """
        argv, path = sys.argv, sys.path[:]
        sys.argv = list(self.argv)
        try:
            if self.module:
                sys.path.insert(0, os.getcwd())  # noqa: PTH109
                runpy.run_module(self.argv[0], run_name="__main__", alter_sys=True)
            else:
                sys.path.insert(0, os.path.dirname(os.path.abspath(self.argv[0])))  # noqa: PTH100, PTH120
                _run_script(self.argv[0])
        except SystemExit as exc:
            if exc.code not in (None, 0):
                raise
        finally:
            sys.argv, sys.path[:] = argv, path


def _run_script(path: str) -> None:
    """Run the script as `python` does; functions of it that a run wraps are taken as they are defined."""
    if not names_of_main() or os.path.isdir(path):  # noqa: PTH112
        runpy.run_path(path, run_name=MAIN)
        return
    with open(path, "rb") as file:  # noqa: PTH123
        code = compile(file.read(), path, "exec")
    module, before = ModuleType(MAIN), sys.modules[MAIN]
    module.__file__ = path
    sys.modules[MAIN] = module
    try:
        exec(code, vars(module), Defining(vars(module)))  # noqa: S102  it is what we are here for
    finally:
        sys.modules[MAIN] = before
