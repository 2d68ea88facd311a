"""Writes several files, all or none."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from ...errors import StoreError
from ...storage.tape_file import write


def write_files(files: Mapping[Path, bytes]) -> None:
    """Write each of `files`, whole; where one fails, or somebody interrupts, all are as they were.

    Folders that are not there are made.

    Raises:
        StoreError: the file system refused.
    """
    before: dict[Path, bytes | None] = {}
    made: list[Path] = []
    try:
        for path, data in files.items():
            before[path] = path.read_bytes() if path.is_file() else None
            made += _make_folders(path.parent)
            write(data, path)
    except BaseException as exc:
        for path, old in before.items():
            with suppress(OSError, StoreError):
                path.unlink(missing_ok=True) if old is None else write(old, path)
        for folder in reversed(made):
            with suppress(OSError):
                folder.rmdir()
        if isinstance(exc, OSError):
            raise StoreError(f"cannot write {', '.join(map(str, files))}: {exc.strerror or exc}") from exc
        raise


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those above it; return the new ones, the highest first."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(exist_ok=True)
    return missing[::-1]
