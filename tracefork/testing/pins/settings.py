"""What pytest is told in a project's files, as far as it decides whether a test is found and can import."""

from __future__ import annotations

import configparser
import shlex
import tomllib
from fnmatch import fnmatch
from pathlib import Path

from attrs import frozen

_FILES = (
    "pytest.toml",
    ".pytest.toml",
    "pytest.ini",
    ".pytest.ini",
    "pyproject.toml",
    "tox.ini",
    "setup.cfg",
)
_PATTERNS = ("test_*.py", "*_test.py")
_PASSED_OVER = ("*.egg", ".*", "_darcs", "build", "CVS", "dist", "node_modules", "venv", "{arch}")


@frozen
class PytestSettings:
    """The settings at `root`: which files are tests, which folders are passed over, where modules are found.

    By `imports_by_path` two tests of the same file name do not meet (`--import-mode=importlib`).
    """

    root: Path
    python_files: tuple[str, ...] = _PATTERNS
    norecursedirs: tuple[str, ...] = _PASSED_OVER
    pythonpath: tuple[Path, ...] = ()
    imports_by_path: bool = False

    def is_test(self, file: Path) -> bool:
        """Whether a file of this name is taken for a test."""
        return any(fnmatch(file.name, pattern) for pattern in self.python_files)

    def find_passed_over(self, folder: Path) -> str:
        """Return the first part of `folder` below the root that is passed over; "" if none is."""
        if not folder.is_relative_to(self.root):
            return ""
        for part in (folder, *folder.parents):
            if part == self.root:
                return ""
            is_environment = (part / "pyvenv.cfg").is_file()
            if is_environment or any(fnmatch(part.name, pattern) for pattern in self.norecursedirs):
                return part.name
        return ""


def read_settings(folder: Path) -> PytestSettings:
    """Return the settings that pytest would find for a test in `folder`, or its own where there are none."""
    for root in (folder, *folder.parents):
        for name in _FILES:
            found = _read(root / name)
            if found is not None:
                return _make(root, found)
    marks = ("pyproject.toml", "setup.py", ".git")
    marked = (root for root in (folder, *folder.parents) if any((root / mark).exists() for mark in marks))
    return PytestSettings(next(marked, folder))


def _make(root: Path, found: dict[str, object]) -> PytestSettings:
    options = _list_words(found.get("addopts"))
    return PytestSettings(
        root,
        tuple(_list_words(found.get("python_files"))) or _PATTERNS,
        tuple(_list_words(found.get("norecursedirs"))) or _PASSED_OVER,
        tuple(root / path for path in _list_words(found.get("pythonpath"))),
        "importlib" in options or "--import-mode=importlib" in options,
    )


def _read(file: Path) -> dict[str, object] | None:
    """The settings in a file; None if it has none, or cannot be read."""
    try:
        text = file.read_text("utf-8")
        if file.suffix == ".toml":
            return _find_in_toml(tomllib.loads(text), file.name)
        parser = configparser.ConfigParser(interpolation=None, strict=False)
        parser.read_string(text)
    except (OSError, ValueError, configparser.Error):
        return None
    section = "tool:pytest" if file.name == "setup.cfg" else "pytest"
    if parser.has_section(section):
        return dict(parser.items(section))
    return {} if file.name in ("pytest.ini", ".pytest.ini") else None


def _find_in_toml(table: dict[str, object], name: str) -> dict[str, object] | None:
    tool = table.get("tool") if name == "pyproject.toml" else {"pytest": table.get("pytest", {})}
    match tool:
        case {"pytest": {"ini_options": dict() as options}}:
            return options
        case {"pytest": dict() as options}:
            return options
    return None


def _list_words(value: object) -> list[str]:
    if isinstance(value, list):
        return [str(one) for one in value]
    if not isinstance(value, str):
        return []
    try:
        return shlex.split(value)
    except ValueError:
        return value.split()
