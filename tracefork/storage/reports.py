"""Where the reports of blame lie beside a store, and what they say of whether their runs failed.

A report says more; who wants that reads it with `attribution.findings.saved`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import quote

LONGEST = 200
"""Bytes of a file's name, which most file systems allow 255."""

_SUFFIX = ".json"
_LARGEST = 64 << 20  # bytes of a report


def locate(store: str | Path, run_id: str) -> tuple[Path, Path]:
    """Return the paths of the ledger and the report of a run's blame, beside the store at `store`."""
    folder, name = _find_folder(Path(store)), name_report(run_id)
    return folder / f"{name.removesuffix(_SUFFIX)}.jsonl", folder / name


def name_report(run_id: str) -> str:
    """The file's name of a run's report."""
    return f"{quote(run_id.encode('utf-8', 'surrogatepass'), safe='')[:LONGEST]}{_SUFFIX}"


def stamp_reports(store: Path) -> str:
    """A text that is another one once a report came, went or was written anew; "" where there are none."""
    found = list[object]()
    with suppress(OSError, ValueError), os.scandir(_find_folder(store)) as entries:
        for entry in entries:
            if entry.name.endswith(_SUFFIX):
                stat = entry.stat()
                found.append([_clean(entry.name), stat.st_ino, stat.st_mtime_ns, stat.st_size])
    return json.dumps(sorted(found, key=str)) if found else ""


def list_failed(store: Path) -> Iterator[tuple[str, str]]:
    """Yield the names of the reports whose oracle says that the run failed, each with the run's digest.

    What is no report, or cannot be read, is passed over.
    """
    with suppress(OSError, ValueError):
        for file in sorted(_find_folder(store).glob(f"*{_SUFFIX}")):
            match _read(file):
                case {"recorded": False, "digest": str(digest)}:
                    yield _clean(file.name), _clean(digest)


# -- below ---------------------------------------------------------------------------


def _find_folder(store: Path) -> Path:
    return store.with_name(f"{store.name}.blame")


def _read(file: Path) -> object:
    try:
        if not file.is_file() or file.stat().st_size > _LARGEST:
            return None
        return json.loads(file.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
