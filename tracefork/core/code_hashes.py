"""Hashes of the code of tools, as calls have them: words `kind:hash`, with a space between. Pure."""

from __future__ import annotations

from typing import TypeAlias

Hash: TypeAlias = str
"""16 hexadecimal characters."""

SOURCE = "ast"
"""The kind of the hash of a function's source, as parsed; others are of its bytecode, by interpreter."""


VALUES = "values"
"""The kind of the hash of what a function holds: defaults, and what it closes over. It is no code."""


def is_other_code(recorded: str, now: str) -> bool:
    """True if two hashes are of different code; False where either is empty or they cannot be compared."""
    ours, theirs = _split(recorded), _split(now)
    both = (ours.keys() & theirs.keys()) - {VALUES}
    kinds = {SOURCE} & both or both
    return any(ours[kind] != theirs[kind] for kind in kinds)


def has_other_values(recorded: str, now: str) -> bool:
    """True if both functions are known, and hold different values."""
    ours, theirs = _split(recorded), _split(now)
    return bool(ours and theirs) and ours.get(VALUES) != theirs.get(VALUES)


def _split(text: str) -> dict[str, Hash]:
    parts = (part.partition(":") for part in text.split())
    return {kind: found for kind, _, found in parts if found}
