"""The programs of the table: what each is called, and what it needs, as its file says."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import tomllib
from pathlib import Path

from attrs import frozen

HERE = Path(__file__).parent / "programs"
_HEAD = re.compile(r"\A# /// script\n((?:#.*\n)*?)# ///\n")


@frozen
class Program:
    """A file of `programs/`: an agent of some fifteen lines that knows nothing of us."""

    name: str
    title: str
    needs: tuple[str, ...]

    @property
    def packages(self) -> tuple[str, ...]:
        """The packages that it needs, without extras and versions."""
        return tuple(re.split(r"[\[<>=!~ ;]", need)[0] for need in self.needs)

    @property
    def missing(self) -> str:
        """The first package that is not installed beside us; "" if all are."""
        return next((name for name in self.packages if not _is_installed(name)), "")


def list_programs() -> list[Program]:
    """All programs, by the names of their files."""
    return [read_program(file.stem) for file in sorted(HERE.glob("*.py"))]


def read_program(name: str) -> Program:
    """The program in the file of this name, described by its inline metadata and its docstring.

    Raises:
        ValueError: the file has no metadata.
    """
    text = (HERE / f"{name}.py").read_text()
    head = _HEAD.match(text)
    if head is None:
        raise ValueError(f"{name}.py does not begin with what it needs: # /// script")
    metadata = tomllib.loads("".join(line.removeprefix("#").lstrip() for line in head[1].splitlines(True)))
    return Program(name, ast.get_docstring(ast.parse(text)) or name, tuple(metadata["dependencies"]))


def _is_installed(package: str) -> bool:
    try:
        importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
