"""Compares hashes of functions: `ast:` and 16 hexadecimal characters, and the same of the bytecode. Pure."""

from __future__ import annotations

SOURCE = "ast"
"""What a hash of the source is called; one of bytecode has the name of its interpreter."""


def is_other_code(recorded: str, now: str) -> bool:
    """True if two hashes are of different code; False where either is empty or they cannot be compared."""
    ours, theirs = _split(recorded), _split(now)
    both = ours.keys() & theirs.keys()
    kinds = {SOURCE} & both or both
    return any(ours[kind] != theirs[kind] for kind in kinds)


def _split(text: str) -> dict[str, str]:
    parts = (part.partition(":") for part in text.split())
    return {kind: found for kind, _, found in parts if found}
