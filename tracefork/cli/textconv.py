"""Commands for tapes in git: textconv, git."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from ..errors import StoreError
from ..storage.tape_file import write
from .app import escape, limits, out
from .blobs import convert

commands = typer.Typer()

ATTRIBUTES = "*.tape diff=tracefork merge=binary -text"
"""The line of `.gitattributes`: shown by the driver, never merged by lines, no line ends changed."""

KEY = "diff.tracefork.textconv"
COMMAND = "tracefork textconv"

_OURS = re.compile(r"^\s*\*\.tape\s(?=.*\bdiff=tracefork\b)(?=.*(?:\s-text|\sbinary)\b)")


@commands.command()
def textconv(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A tape, or a report.")],
) -> None:
    """Print a tape as the text that `git diff` compares: what was asked, answered and called.

    What is no tape, or a damaged one, is told in a line: git shows the other files all the same.
    """
    if not file.is_file():
        raise StoreError(f"there is no file {file}")
    sys.stdout.buffer.write(convert(file, limits()))
    sys.stdout.buffer.flush()


@commands.command()
def git(
    write_: Annotated[
        bool,
        typer.Option("--write", help="Put both into the repository of this folder; what is there stays."),
    ] = False,
) -> None:
    """Print what makes `git diff` show tapes as conversations: for .gitattributes, and for a shell."""
    if write_:
        _write_attributes(_find_root())
        _write_config()
        return
    print("# in .gitattributes, which is committed:")
    print(ATTRIBUTES)
    print("# in a shell, once in each clone, or with --global once for all of them:")
    print(f'git config {KEY} "{COMMAND}"')
    print("# and where `git log -p` goes through many tapes, so that each is read once:")
    print("git config diff.tracefork.cachetextconv true")


# -- a repository ----------------------------------------------------------------------


def _find_root() -> Path:
    return Path(_ask_git("rev-parse", "--show-toplevel").removesuffix("\n"))


def _write_attributes(root: Path) -> None:
    file = root / ".gitattributes"
    before = file.read_bytes() if file.exists() else b""
    if any(_OURS.match(line) for line in before.decode("utf-8", "replace").splitlines()):
        out.print(f"{escape(file)}: has the line already")
        return
    end = b"\r\n" if b"\r\n" in before else b"\n"
    between = b"" if not before or before.endswith(b"\n") else end
    write(before + between + ATTRIBUTES.encode() + end, file)
    out.print(f"{escape(file)}: {ATTRIBUTES}")


def _write_config() -> None:
    """Set the command, unless there is one that can be run."""
    done = _run_git("config", "--get", KEY)
    there = done.stdout.rstrip("\n")
    if there and _is_found(there):
        out.print(f"{KEY}: is {escape(there)} already")
        return
    command = _choose_command()
    _ask_git("config", KEY, command)
    out.print(f"{KEY}: {escape(command)}")


def _choose_command() -> str:
    """The command, or this Python with it: a virtual environment may not be active when git runs."""
    if sys.prefix == sys.base_prefix and shutil.which("tracefork"):
        return COMMAND
    return f"{shlex.quote(Path(sys.executable).as_posix())} -m {COMMAND}"


def _is_found(command: str) -> bool:
    try:
        return shutil.which(shlex.split(command)[0]) is not None
    except (ValueError, IndexError):
        return False


def _ask_git(*words: str) -> str:
    done = _run_git(*words)
    if done.returncode:
        raise StoreError(done.stderr.strip() or f"git {words[0]} failed")
    return done.stdout


def _run_git(*words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("git")
    if program is None:
        raise StoreError("there is no git here")
    return subprocess.run(  # noqa: S603  our words
        [program, *words], capture_output=True, check=False, encoding="utf-8", errors="surrogateescape"
    )
