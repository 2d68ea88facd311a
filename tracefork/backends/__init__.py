"""
Named byte logs: the protocol, and its memory, directory and SQLite forms.

Each form is imported when it is first asked for, so that nobody pays for sqlite3 unused.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .base import Backend
    from .directory import DirectoryBackend
    from .memory import MemoryBackend
    from .sqlite import SQLiteBackend

__all__ = ["Backend", "DirectoryBackend", "MemoryBackend", "SQLiteBackend"]

_HOMES = {
    "Backend": ".base",
    "DirectoryBackend": ".directory",
    "MemoryBackend": ".memory",
    "SQLiteBackend": ".sqlite",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name], __name__), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
