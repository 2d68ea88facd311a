"""Chance without a state: numbers that follow from a seed and a name."""

from __future__ import annotations

from hashlib import sha256


def unit(seed: int, *names: object) -> float:
    """A number of [0, 1) that looks drawn: the first 8 bytes of sha256(seed:name:...), as a share."""
    text = ":".join(map(str, (seed, *names)))
    return share(int.from_bytes(sha256(text.encode()).digest()[:8], "big"))


def share(drawn: int) -> float:
    """A seed of 64 bits as a number of [0, 1)."""
    return (drawn >> 11) / 2.0**53


def places(seed: int, count: int, below: int) -> tuple[int, ...]:
    """`count` different numbers of 0 .. below - 1, rising; each set is as likely as any other."""
    ranked = sorted(range(below), key=lambda n: unit(seed, "place", n))
    return tuple(sorted(ranked[:count]))
