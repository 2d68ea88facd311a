"""Limits of what a reader accepts: sizes, steps, depth of JSON. What exceeds one raises TooLarge."""

from __future__ import annotations

import sys
from itertools import accumulate

from attrs import frozen

from ..errors import TooLarge

_NOT_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))
_ROUND = bytes.maketrans(b"[]{}", b"()()")
_DEEPER = [(byte == ord("(")) - (byte == ord(")")) for byte in range(256)]
_FLAT = 8  # levels of most texts: so many are told without a look at each bracket


@frozen
class Limits:
    """What a reader accepts; sizes in bytes, after decompression.

    `total` bounds what one tape holds that is new, `blob` one body, `bodies` all of
    them when each is written out, `steps` the steps of a tape and `headers` the
    pairs of one message. Beyond `free` bytes, what is compressed
    may grow at most `ratio` times. `json_depth` and `json_items` bound one JSON
    text: how deep its brackets go, and how many brackets, commas and strings it
    has. `window` is the largest zstd window to allocate.
    """

    total: int = 1 << 30
    blob: int = 256 << 20
    bodies: int = 1 << 40
    free: int = 16 << 20
    ratio: int = 1000
    steps: int = 1_000_000
    headers: int = 10_000
    json_depth: int = 100
    json_items: int = 2_000_000
    window: int = 1 << 27

    def allowed(self, encoded: int) -> int:
        """Return how many bytes `encoded` compressed bytes may become."""
        return min(self.total, max(self.free, self.ratio * encoded))


DEFAULT = Limits()
"""For bytes from anywhere."""

UNLIMITED = Limits(
    total=sys.maxsize,
    blob=sys.maxsize,
    bodies=sys.maxsize,
    free=sys.maxsize,
    steps=sys.maxsize,
    headers=sys.maxsize,
    json_items=sys.maxsize,
)
"""For bytes that this process has just made, or whose maker is trusted.

What own values never need stays bounded.
"""


def check_count(what: str, number: int, most: int) -> None:
    """Refuse `number` of `what` above `most`.

    Raises:
        TooLarge: there are more.
    """
    if number > most:
        raise TooLarge(f"it has {number:,} {what}, the limit is {most:,}")


def check_nesting(text: bytes, limits: Limits) -> None:
    """Scan JSON `text` without building it; json.loads would recurse and allocate first.

    Malformed text passes: the parser refuses it.

    Raises:
        TooLarge: it is nested deeper than `json_depth`, or has more than `json_items` items.
    """
    bare = text.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in text else text
    marked = bare.translate(None, _NOT_STRUCTURE)
    check_count("JSON strings", marked.count(b'"') // 2, limits.json_items)
    outside = marked.replace(b'""', b"").split(b'"')[::2]  # without pairs, what is within a string stays so
    structure = b"".join(outside)
    check_count("JSON items", len(structure), limits.json_items)
    brackets = structure.translate(_ROUND, b",")
    left = brackets
    for _ in range(min(_FLAT, limits.json_depth)):
        left = left.replace(b"()", b"")  # what is deepest goes
    if left:
        steps = map(_DEEPER.__getitem__, brackets)
        check_count("levels of nested JSON", max(accumulate(steps), default=0), limits.json_depth)
