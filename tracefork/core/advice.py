"""Advice in the words of whoever reads it: of a program, or of a shell."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_READER = {"of": "program", "test": ""}
"""Who reads, in this process: an error is often written by another thread than it is read by."""


@contextmanager
def in_shell() -> Iterator[None]:
    """Give advice in the words of the command line while the block runs."""
    with _read_by("shell"):
        yield


@contextmanager
def in_test(command: str) -> Iterator[None]:
    """Give advice in pytest's words while the block runs; `command` runs the test.

    Options take the place of its first `{}`: names of tests have braces, too.
    """
    with _read_by("test", command):
        yield


def advise(python: str, shell: str, test: str | None = None) -> str:
    """Give the advice that fits where it is read: in a program, in a shell, or of a test that failed.

    In `test`, which is by default as `python`, `{new}` stands for what records what the test asks anew, and
    `{all}` for what records all of it.
    """
    if _READER["of"] == "test" and test is not None:
        command = _READER["test"]
        modes = {name: command.replace("{}", f"--tracefork-mode={name}", 1) for name in ("new", "all")}
        return test.format(**modes)
    return shell if _READER["of"] == "shell" else python


@contextmanager
def _read_by(reader: str, test: str = "") -> Iterator[None]:
    before = dict(_READER)
    _READER.update(of=reader, test=test)
    try:
        yield
    finally:
        _READER.update(before)
