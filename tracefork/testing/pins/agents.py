"""Scripts and commands as agents of a test: started as `tracefork run` started them, in their folder.

What a script changes of its process is put back: working folder, environment, `sys.argv`, `sys.path`.
Modules that it imports from its own folder are forgotten, so that it imports them again when it runs
again, and never gets the ones of the same names that another test has imported from elsewhere.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from attrs import evolve, frozen

from ...redact import redactor
from ...runs.command import CommandAgent
from ...runs.options import Scope
from ...runs.program import Program
from ...session.session import Session

_NOT_THEIRS = frozenset({"site-packages", "dist-packages"})
"""Folders whose modules are nobody's script's, wherever they lie."""


@frozen
class ScriptAgent:
    """A script or module of Python, run in this process: `words` are what follows `tracefork run`."""

    words: tuple[str, ...]
    cwd: Path

    def __call__(self, run: Session) -> None:  # noqa: ARG002  clients here meet the run by themselves
        program = Program.parse([_restore(word) for word in self.words])
        with _in_folder(self.cwd), _own_modules(program):
            program.check()
            program(None)


@frozen
class CommandLine:
    """A command in any language with its arguments, behind the gateway; whom it asks is as its run has it."""

    words: tuple[str, ...]
    cwd: Path

    def __call__(self, run: Session) -> None:
        found = CommandAgent.of({key: _restore(text) for key, text in run.meta.items()})
        if found is None:
            raise ValueError(
                "this run was not made by `tracefork run --gateway`: whom its command asks is not known"
            )
        with _in_folder(self.cwd):
            agent = evolve(found, argv=tuple(map(_restore, self.words)))
            agent.check()
            agent(run)


def script(*words: str | os.PathLike[str], cwd: str | os.PathLike[str] = ".") -> ScriptAgent:
    """Return a script as an agent: `"agent.py", "Rome"`, or a module, `"-m", "package.agent", "Rome"`.

    Args:
        words: what follows `tracefork run`. `[secret:NAME]` stands for the variable of this name.
        cwd: the folder in which it runs, and which its path starts from.

    Raises:
        ValueError: there is no script.
    """
    agent = ScriptAgent(tuple(os.fspath(word) for word in words), Path(cwd))
    Program.parse(agent.words)
    return agent


def command(*words: str | os.PathLike[str], cwd: str | os.PathLike[str] = ".") -> CommandLine:
    """Return a command as an agent, behind the gateway: what follows `--gateway --`.

    Args:
        words: the command and its arguments. `[secret:NAME]` stands for the variable of this name.
        cwd: the folder in which it runs.

    Raises:
        ValueError: there is no command.
    """
    if not words:
        raise ValueError("say which command to run")
    return CommandLine(tuple(os.fspath(word) for word in words), Path(cwd))


def find_scope(agent: object) -> Scope:
    """Return which `scope` a run of `agent` has: a process of its own was that of a script or a command."""
    return "process" if isinstance(agent, ScriptAgent | CommandLine) else "context"


def _restore(text: str) -> str:
    return redactor(os.environ).restore(text, os.environ)


@contextmanager
def _in_folder(folder: Path) -> Iterator[None]:
    """A block in which `folder` is the working folder, and after which the environment is what it was."""
    here, environ = Path.cwd(), dict(os.environ)
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(here)
        if os.environ != environ:
            os.environ.clear()
            os.environ.update(environ)


@contextmanager
def _own_modules(program: Program) -> Iterator[None]:
    """A block in which the modules beside a script are its own; the working folder is where it runs."""
    folder = Path.cwd() if program.module else Path(program.argv[0]).resolve().parent
    before = dict(sys.modules)
    for name, module in before.items():
        if _is_shadow(name, module, folder):
            del sys.modules[name]
    try:
        yield
    finally:
        for name, module in list(sys.modules.items()):
            if before.get(name) is not module and _is_within(module, folder):
                del sys.modules[name]
        sys.modules.update({name: module for name, module in before.items() if name not in sys.modules})


def _is_shadow(name: str, module: ModuleType, folder: Path) -> bool:
    """Whether a module from elsewhere stands where the script would import one of its folder."""
    top = folder / name.partition(".")[0]
    is_theirs = top.with_suffix(".py").is_file() or (top / "__init__.py").is_file()
    is_other = getattr(module, "__file__", None) is not None and not _is_within(module, folder)
    return is_theirs and is_other and name.partition(".")[0] not in sys.stdlib_module_names


def _is_within(module: ModuleType, folder: Path) -> bool:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str):
        return False
    path = Path(file)
    return path.is_relative_to(folder) and not _NOT_THEIRS & set(path.parts)
