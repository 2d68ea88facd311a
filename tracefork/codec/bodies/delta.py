"""Deltas: a body as copies of ranges of one earlier body, and the bytes that are new in it. Pure.

Bytes only, so that it is exact and for any vendor.

A delta is a sequence of operations that write the new body from its beginning to
its end: copy a range of the base, or take the next so many bytes of the literal.
The copies of a delta are together no longer than its base, so that a body is
never longer than all literals that went before it, and no delta is a bomb.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

LITERAL = -1
MOST_OPS = 256
"""Operations in one delta; what follows them is literal. More cost time and save nothing."""

_SHORTEST = 32  # bytes of a copy, and of what is looked for
_SLICE = 1 << 16  # compared at once: as much as stays in the cache
_STRIDES = tuple(16 * (2**n - 1) for n in range(14))  # 0, 16, 48, ... 131,056
_NEAR = 10  # strides that are also tried without a search
_FINE = 128  # bytes that are compared as integers


Op: TypeAlias = tuple[int, int]
"""(offset, length): copy so many bytes of the base from there, or of the literal where offset is LITERAL."""

Ops: TypeAlias = tuple[Op, ...]


def make_delta(base: bytes, new: bytes, prefix: int | None = None) -> Ops:
    """Return operations that make `new` of `base`; `prefix` is what both begin with, where that is known.

    What both begin and end with is copied. Between these, a run of new bytes ends
    where a stretch of 32 bytes, looked for at growing distances, stands in the base.
    """
    head = measure_prefix(base, new) if prefix is None else prefix
    tail = measure_suffix(base, new, min(len(base), len(new)) - head)
    head, tail = (length if length >= _SHORTEST else 0 for length in (head, tail))
    return tuple(_join(_list_operations(base, new, head, tail), len(base), len(new)))


def take_literal(ops: Ops, new: bytes) -> bytes:
    """Return the bytes of `new` that `ops` take from the literal."""
    pieces, at = list[bytes](), 0
    for offset, length in ops:
        if offset == LITERAL:
            pieces.append(new[at : at + length])
        at += length
    return b"".join(pieces)


def patch(base: bytes, ops: Ops, literal: bytes) -> bytes:
    """Return what `ops` make of `base` and `literal`."""
    pieces, at = list[memoryview](), 0
    here, new = memoryview(base), memoryview(literal)
    for offset, length in ops:
        if offset == LITERAL:
            pieces.append(new[at : at + length])
            at += length
        else:
            pieces.append(here[offset : offset + length])
    return b"".join(pieces)


def measure_prefix(one: bytes, other: bytes, here: int = 0, there: int = 0) -> int:
    """Return how many bytes `one[here:]` and `other[there:]` begin with alike.

    Slices are compared as memory; where one differs it is halved down to a size
    at which the lowest bit of an XOR tells the place.
    """
    size = min(len(one) - here, len(other) - there)
    for low in range(0, size, _SLICE):
        high = min(low + _SLICE, size)
        a, b = one[here + low : here + high], other[there + low : there + high]
        if a != b:
            return low + _find_first_difference(a, b)
    return max(size, 0)


def measure_suffix(one: bytes, other: bytes, most: int) -> int:
    """Return how many bytes, up to `most`, `one` and `other` end with alike."""
    return _measure_suffix(one, len(one), other, len(other), most)


def _list_operations(base: bytes, new: bytes, head: int, tail: int) -> Iterator[Op]:
    stop, base_stop = len(new) - tail, len(base) - tail
    if head:
        yield 0, head
    start = at = head  # new[start:] is not written yet; base[at:] is what comes next there
    while stop - start >= _SHORTEST and base_stop - head >= _SHORTEST:
        found = _find_resumption(base, new, start, at, stop, head, base_stop)
        if found is None:
            break
        here, there = found
        length = min(measure_prefix(base, new, there, here), stop - here, base_stop - there)
        if here > start:
            yield LITERAL, here - start
        yield there, length
        start, at = here + length, there + length
    if stop > start:
        yield LITERAL, stop - start
    if tail:
        yield base_stop, tail


def _find_resumption(
    base: bytes, new: bytes, start: int, at: int, stop: int, low: int, high: int
) -> tuple[int, int] | None:
    """Where `new` goes on as the base does: a place in `new` from `start` on, and one in `base[low:high]`."""
    for stride in _STRIDES[:_NEAR]:  # bytes that were replaced by as many others
        here, there = start + stride, at + stride
        if here + _SHORTEST > stop or there + _SHORTEST > high:
            break
        if base[there : there + _SHORTEST] == new[here : here + _SHORTEST]:
            return _draw_back(base, new, here, there, start, low)
    for stride in _STRIDES:
        here = start + stride
        if here + _SHORTEST > stop:
            break
        there = base.find(new[here : here + _SHORTEST], at, high)
        if there < 0:
            there = base.find(new[here : here + _SHORTEST], low, min(at + _SHORTEST, high))
        if there >= 0:
            return _draw_back(base, new, here, there, start, low)
    return None


def _draw_back(base: bytes, new: bytes, here: int, there: int, start: int, low: int) -> tuple[int, int]:
    """The same pair of places, as far in front as both stay alike."""
    back = _measure_suffix(base, there, new, here, min(there - low, here - start))
    return here - back, there - back


def _join(ops: Iterator[Op], base: int, new: int) -> Iterator[Op]:
    """`ops` as long as they are few, and copy no more than the base has; literal from there on."""
    copied = written = held = 0
    for n, (offset, length) in enumerate(ops):
        if offset == LITERAL:
            held += length
            continue
        if n >= MOST_OPS - 2 or copied + length > base:
            break
        if held:
            yield LITERAL, held
        yield offset, length
        copied, written, held = copied + length, written + held + length, 0
    if new > written:
        yield LITERAL, new - written


def _measure_suffix(one: bytes, one_stop: int, other: bytes, other_stop: int, most: int) -> int:
    same, step = 0, 1 << 12
    while same < most:
        size = min(step, most - same)
        a = one[one_stop - same - size : one_stop - same]
        b = other[other_stop - same - size : other_stop - same]
        if a != b:
            return same + _measure_alike(a, b)
        same, step = same + size, min(step * 2, _SLICE)
    return max(most, 0)


def _find_first_difference(a: bytes, b: bytes) -> int:
    low, high = 0, len(a)
    while high - low > _FINE:
        middle = (low + high) >> 1
        if a[low:middle] == b[low:middle]:
            low = middle
        else:
            high = middle
    differ = int.from_bytes(a[low:high], "little") ^ int.from_bytes(b[low:high], "little")
    return low + (((differ & -differ).bit_length() - 1) >> 3)


def _measure_alike(a: bytes, b: bytes) -> int:
    """How many bytes two slices of one length that differ end with alike."""
    low, high = 0, len(a)
    while high - low > _FINE:
        middle = (low + high) >> 1
        if a[middle:high] == b[middle:high]:
            high = middle
        else:
            low = middle
    differ = int.from_bytes(a[low:high], "big") ^ int.from_bytes(b[low:high], "big")
    return len(a) - high + (((differ & -differ).bit_length() - 1) >> 3)
