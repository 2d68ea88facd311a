"""How tests treat tapes: the modes, and the one that pytest was asked for. Imports nothing of tracefork."""

from __future__ import annotations

MODES = ("none", "once", "new", "all", "rewrite")
ALIASES = {"new_episodes": "new", **{mode: mode for mode in MODES}}
"""What vcrpy calls the modes."""

_asked = {"mode": "none"}


def set_mode(mode: str) -> None:
    """Let tests of this process treat tapes as `mode` says: none, once, new, all or rewrite."""
    _asked["mode"] = mode


def find_mode() -> str:
    """The mode that was asked for; "none" where nobody did."""
    return _asked["mode"]
