"""Somebody's script or module as an agent: run in this process, as `python` would run it."""

from __future__ import annotations

import ast
import json
import os
import runpy
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import find_spec
from types import CodeType, ModuleType

from attrs import frozen

from ..session.tools.wrapping import MAIN, is_awaited, look

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

    def __call__(self, run: object = None) -> None:  # noqa: ARG002  clients here meet the run by themselves
        """Run it to its end. `sys.exit()` and `sys.exit(0)` are an ordinary end.

        Raises:
            SystemExit: it left with another code.
        """
        argv, path = sys.argv, sys.path[:]
        sys.argv = list(self.argv)
        try:
            if self.module:
                sys.path.insert(0, os.getcwd())  # noqa: PTH109
                _run_module(self.argv[0])
            else:
                sys.path.insert(0, os.path.dirname(os.path.abspath(self.argv[0])))  # noqa: PTH100, PTH120
                _run_script(self.argv[0])
        except SystemExit as exc:
            if exc.code not in (None, 0):
                raise
        finally:
            sys.argv, sys.path[:] = argv, path


def _run_script(path: str) -> None:
    """Run the script as `python` does."""
    if not is_awaited(MAIN) or os.path.isdir(path):  # noqa: PTH112
        runpy.run_path(path, run_name=MAIN)
    else:
        _run_looking(path, None)


def _run_module(name: str) -> None:
    """Run the module, or the `__main__` of the package, as `python -m` does."""
    spec = find_spec(name) if is_awaited(MAIN) else None
    if spec is not None and spec.submodule_search_locations is not None:
        spec = find_spec(f"{name}.{MAIN}")
    if spec is None or not spec.has_location or not str(spec.origin).endswith(".py"):
        runpy.run_module(name, run_name=MAIN, alter_sys=True)
    else:
        sys.argv[0] = str(spec.origin)
        _run_looking(str(spec.origin), spec)


def _run_looking(path: str, spec: ModuleSpec | None) -> None:
    """Run the file at `path`; functions of it that a run wraps are taken as they are defined."""
    module, before = ModuleType(MAIN), sys.modules[MAIN]
    module.__file__, module.__spec__ = path, spec
    module.__package__ = spec.parent if spec else None
    vars(module)[_LOOK] = lambda: look(MAIN)
    sys.modules[MAIN] = module
    try:
        _Script(MAIN, path).exec_module(module)
    finally:
        sys.modules[MAIN] = before


_LOOK = "__tracefork_look__"


class _Script(SourceFileLoader):
    """Runs a script that looks, behind each of its statements, whether what is awaited is there."""

    def get_code(self, fullname: str) -> CodeType:
        path = self.get_filename(fullname)
        made: CodeType = self.source_to_code(
            _insert_looks(self.get_data(path)), path
        )  # never from, or to, a cache
        return made


def _insert_looks(source: bytes) -> ast.Module:
    tree = ast.parse(source)
    body: list[ast.stmt] = []
    for n, statement in enumerate(tree.body):
        body.append(statement)
        is_first = n == 0 and isinstance(statement, ast.Expr)  # a docstring, and what may follow it only
        if not is_first and not (isinstance(statement, ast.ImportFrom) and statement.module == "__future__"):
            call = ast.Expr(ast.Call(ast.Name(_LOOK, ast.Load()), [], []))
            body.append(ast.fix_missing_locations(ast.copy_location(call, statement)))
    tree.body = body
    return tree
