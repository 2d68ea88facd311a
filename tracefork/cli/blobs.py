"""Files as git has them, as the text that `git diff` compares. Quick to import: git asks for each anew."""

from __future__ import annotations

import re
from pathlib import Path

from ..codec.limits import DEFAULT, Limits
from ..core.tape import Tape
from ..core.visible import visible
from ..storage.tape_file import load

_MAGIC = b"\x89TFK"
_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:.*\n)*oid sha256:([0-9a-f]{64})\nsize ([0-9]+)\n"
)
_LONGEST_POINTER = 1024  # bytes, as Git LFS has it


def convert(file: Path, limits: Limits = DEFAULT) -> bytes:
    """Return the conversation of the tape in `file`; of what is none, or damaged, a line that says why.

    It is UTF-8, whatever the locale, and never fails: git would show nothing of any file.
    """
    try:
        text = _read(file, limits)
    except Exception as exc:  # noqa: BLE001  one line about one file, and git goes on
        why = str(exc).replace(str(file), file.name) or type(exc).__name__
        text = visible(f"Not shown: {why}", one_line=True) + "\n"
    return text.encode()


def _read(file: Path, limits: Limits) -> str:
    with file.open("rb") as opened:
        beginning = opened.read(_LONGEST_POINTER + 1)
    if not beginning:
        return "An empty file, no tape.\n"
    if len(beginning) <= _LONGEST_POINTER and (found := _POINTER.fullmatch(beginning)):
        digest, size = found[1].decode(), int(found[2])
        return f"A Git LFS pointer, no tape: {size:,} bytes, sha256 {digest}; `git lfs pull` gets them.\n"
    tape = load(file, limits=limits) if beginning.startswith(_MAGIC) else _read_other(file)
    from ..report.text.conversation import conversation  # noqa: PLC0415  a pointer needs none of it

    return conversation(tape)


def _read_other(file: Path) -> Tape:
    from .tapes import read_file  # noqa: PLC0415  most files are tapes

    return read_file(file)
