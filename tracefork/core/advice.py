"""Advice in the words of whoever reads it: of a program, or of a shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_SPEAKER = {"shell": False}  # of this process: an error is often written by another thread than it is read by


@contextmanager
def in_shell() -> Iterator[None]:
    """Give advice in the words of the command line while the block runs."""
    before, _SPEAKER["shell"] = _SPEAKER["shell"], True
    try:
        yield
    finally:
        _SPEAKER["shell"] = before


def advise(python: str, shell: str) -> str:
    """Give the advice that fits where it is read: in a program, or in a shell."""
    return shell if _SPEAKER["shell"] else python
