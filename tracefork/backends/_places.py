"""
Checks that a file or folder is still the one that was opened: stores are moved, deleted and replaced.

What was opened by name keeps being written to after it was moved; somebody would look for those
steps at the old place, and find none. So each call looks first, which takes a microsecond or two.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from tracefork.errors import StoreError

Identity: TypeAlias = "tuple[int, int]"
"""The device and the number of a file or folder there: they stay while somebody has it open."""


def absolute(path: str | os.PathLike[str]) -> Path:
    """`path` from the root on.

    Raises:
        StoreError: no file can be called so; or it is relative, and the working folder is gone.
    """
    try:
        name = os.fsencode(path)
    except UnicodeEncodeError as error:
        raise StoreError(f"{os.fspath(path)!r}: no file can be called so: {error.reason}") from error
    if b"\0" in name:
        raise StoreError(f"{os.fspath(path)!r}: no file can be called so: it holds a null character")
    try:
        return Path(path).absolute()
    except OSError as error:
        raise StoreError(
            f"{os.fspath(path)!r} is relative to the working folder, which is not there any more: "
            "give the store's whole path"
        ) from error


def identity(path: Path | str) -> Identity | None:
    """What is at `path`; None where there is nothing."""
    try:
        found = os.stat(path)  # noqa: PTH116  a Path costs more than the call
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def check(opened: Iterable[tuple[Path | str, Identity]]) -> None:
    """Look whether each place still holds what it held.

    Raises:
        StoreError: it does not.
    """
    for path, known in opened:
        found = identity(path)
        if found != known:
            raise gone_error(path, is_there=found is not None)


def gone_error(path: Path | str, *, is_there: bool = False) -> StoreError:
    """Return the error for a store that is no longer at `path`, or was replaced (`is_there`)."""
    what = "was replaced" if is_there else "was moved or deleted"
    return StoreError(
        f"{path} {what} while the store was open, so nothing more is read or written through it; what "
        "was written before went with it: put it back where it was, or open the store anew"
    )
