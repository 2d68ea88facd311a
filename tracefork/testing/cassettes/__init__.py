"""Reads the cassettes of other recorders as tapes: vcrpy, cassetter, betamax, Ruby VCR and HAR.

What a cassette's format does not keep is not on the tape, and its `meta` says so. YAML needs PyYAML
(`tracefork[cassettes]`); only plain data is read of it, and no Python object is ever made.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from .sniffing import is_cassette

if TYPE_CHECKING:
    from .reading import read as read
    from .reading import reads as reads

__all__ = ["is_cassette", "read", "reads"]


def __getattr__(name: str) -> object:
    if name in ("read", "reads"):  # most commands ask no more than whether a file is one
        return getattr(import_module(".reading", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
