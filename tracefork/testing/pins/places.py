"""Where a pinned tape and its test go: names that are free, that pytest collects and each system allows."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from attrs import frozen

from ...errors import PinRefused
from .settings import PytestSettings, read_settings

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_UNSAFE = re.compile(r'[<>:"/\\|?*\x00-\x1f]')
_LONGEST = 120  # characters of a name


@frozen
class Places:
    """The files of a pin, absolute: the `tape`, the `test`, and the `name` of the test's function."""

    tape: Path
    test: Path
    name: str


def choose_places(
    file: str | os.PathLike[str], test: str | os.PathLike[str] | None = None, *, force: bool = False
) -> Places:
    """Return where the tape `file` and its test go: `test`, or beside the tape, as `test_NAME.py`.

    Raises:
        PinRefused: a file is there and is not to be replaced (`force`), has a name that some system does not
            allow, or a test that pytest would not collect, or would take for another one.
    """
    tape = Path(file).absolute()
    tape = tape.parent.resolve() / tape.name
    _check_name(tape)
    if tape.suffix == ".py":
        raise PinRefused(f"{tape.name} is the name of a program: a tape has one such as {tape.stem}.tape")
    name = _make_name(tape.stem)
    if test is None:
        target = tape.with_name(f"{name}.py")
    else:
        target = Path(test).absolute()
        target = target.parent.resolve() / target.name
        _check_name(target)
    for one in (tape, target):
        if one.is_dir():
            raise PinRefused(f"{one} is a folder")
        if os.path.lexists(one) and not force:
            raise PinRefused(f"{one} is there already: choose another name, or pass force=True (--force)")
    _check_collected(target, read_settings(target.parent))
    return Places(tape, target, name)


def check_imports(module: str, test: Path, here: Path) -> None:
    """See that a test at `test` can import `module`, which is found from the folder `here`.

    Raises:
        PinRefused: it is found by those alone who stand in that folder, which pytest does not.
    """
    if _is_installed(module, here):
        return
    settings = read_settings(test.parent)
    folders = [*settings.pythonpath]
    if not settings.imports_by_path:
        folders += [_find_base(test.parent)]
        parents = [test.parent, *test.parent.parents]
        folders += [_find_base(one) for one in parents if (one / "conftest.py").is_file()]
    top = module.partition(".")[0]
    if PathFinder.find_spec(top, [str(folder) for folder in folders]) is None:
        raise PinRefused(
            f"{module} is found in {here} alone, where pytest does not look: install it (pip install -e .), "
            'or write pythonpath = ["."] into [tool.pytest.ini_options] of pyproject.toml'
        )


def _make_name(stem: str) -> str:
    """A name for a test: what is no word in `stem` is left out."""
    words = re.sub(r"\W+", "_", stem.lower()).strip("_") or "run"
    return words if words.startswith("test_") else f"test_{words}"


def _check_name(path: Path) -> None:
    name = path.name
    if _UNSAFE.search(name) or _RESERVED.fullmatch(name) or name != name.rstrip(" .") or len(name) > _LONGEST:
        raise PinRefused(f"{name!r} is a name that not every system allows: choose another one")


def _check_collected(test: Path, settings: PytestSettings) -> None:
    if test.suffix != ".py" or not settings.is_test(test):
        patterns = " or ".join(settings.python_files)
        raise PinRefused(f"pytest would not collect {test.name}: give a test a name such as {patterns}")
    if passed_over := settings.find_passed_over(test.parent):
        raise PinRefused(f"pytest passes over the folder {passed_over}: choose another one for the test")
    if settings.imports_by_path or (test.parent / "__init__.py").is_file():
        return
    for folder, inner, files in os.walk(settings.root):
        inner[:] = [name for name in inner if not settings.find_passed_over(Path(folder, name))]
        other = Path(folder, test.name)
        if test.name in files and "__init__.py" not in files and other != test:
            raise PinRefused(
                f"pytest would take {test.name} for {other}, which has its name: choose another one, or use "
                "--import-mode=importlib"
            )


def _find_base(folder: Path) -> Path:
    """The folder that pytest puts on the path for what lies in `folder`: the first that is no package."""
    return next(one for one in (folder, *folder.parents) if not (one / "__init__.py").is_file())


def _is_installed(module: str, here: Path) -> bool:
    """Whether a fresh interpreter finds `module` without looking into the folder that it is started in."""
    code = "import importlib.util, sys; sys.exit(importlib.util.find_spec(sys.argv[1]) is None)"
    top = module.partition(".")[0]
    done = subprocess.run(  # noqa: S603  our own interpreter
        [sys.executable, "-P", "-c", code, top], cwd=here, check=False, capture_output=True
    )
    return done.returncode == 0
