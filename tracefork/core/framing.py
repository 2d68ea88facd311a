"""Unambiguous framing: no two sequences of byte strings share an encoding."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import TypeAlias

Digest: TypeAlias = str
"""A sha-256 as 64 hex characters."""


def frame(parts: Iterable[bytes]) -> bytes:
    """Join `parts`, each behind its length as 8 bytes, big-endian."""
    return b"".join([len(p).to_bytes(8, "big") + p for p in parts])


def hash_parts(parts: Iterable[bytes]) -> bytes:
    """Return the 32 bytes of the sha-256 of the framed `parts`."""
    return sha256(frame(parts)).digest()


def encode(value: str) -> bytes:
    """Encode any text, lone surrogates too."""
    return value.encode("utf-8", "surrogatepass")
