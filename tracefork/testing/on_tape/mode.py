"""What pytest was asked to do with tapes, for tests that hold an agent to a tape by themselves."""

from __future__ import annotations

_asked = {"mode": "none"}


def set_mode(mode: str) -> None:
    """Let tests of this process treat tapes as `mode` says: none, once, new, all or rewrite."""
    _asked["mode"] = mode


def find_mode() -> str:
    """The mode that was asked for; "none" where nobody did."""
    return _asked["mode"]
