"""Parity: for each stripe of data two blocks, from which any two damaged ones are computed again. Pure.

Data are cut into stripes of up to 240 blocks. With the blocks D0, D1, ... of a
stripe as vectors over GF(2^8), P = sum D_i and Q = sum g^i D_i, where g = 2 and
the field is that of x^8 + x^4 + x^3 + x^2 + 1: H. P. Anvin, The mathematics of
RAID-6. A crc-32 of each block, over its place too, says which ones to make again.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from functools import cache
from math import isqrt
from zlib import crc32

from attrs import frozen

from ...errors import CorruptTape

STRIPE = 240
"""Data blocks beside one P and one Q."""

_SMALLEST, _LARGEST = 32, 4096  # bytes of a block
_MOST_MISSING = 4  # blocks in a row: two at the end of one stripe, two at the beginning of the next
_POLYNOMIAL = 0x11D
_SIZES = struct.Struct(">IQ")  # of a block, and of the data
_CRC = struct.Struct(">I")


@frozen
class Repair:
    """Data as far as they can be made good; which blocks of them were `damaged`, which are `lost`."""

    data: bytes
    block: int
    damaged: tuple[int, ...] = ()
    lost: tuple[int, ...] = ()


def make_checks(data: bytes) -> bytes:
    """Return what tells damaged blocks of `data` from whole ones: 4 bytes a block, and 12."""
    block = _block(len(data))
    crcs = (_CRC.pack(_check(n, piece)) for n, piece in enumerate(_blocks(data, block)))
    return b"".join([_SIZES.pack(block, len(data)), *crcs])


def make_parity(data: bytes) -> bytes:
    """Return the P and the Q of each stripe of `data`: some hundredth of its size, and at least 64 bytes."""
    block = _block(len(data))
    return b"".join(
        part
        for stripe in _stripes([*_blocks(data, block)])
        for part in _parity(dict(enumerate(stripe)), block)
    )


def measure(known: bytes) -> tuple[int, int]:
    """Return how long the data are of which `known` are the checks, and how long their parity.

    Raises:
        CorruptTape: `known` is not what `checks` made.
    """
    block, size, crcs = _open_parity(known)
    return size, 2 * -(-len(crcs) // STRIPE) * block


def repair(data: bytes, known: bytes, beside: bytes = b"") -> Repair:
    """Return `data` with damaged blocks made again out of the parity `beside`.

    `known` are the checks of the blocks, by which each that is made is proven. Data
    that are longer or shorter than they were are taken to have gained or lost bytes
    at their first damaged block. Without parity nothing is made again.

    Raises:
        CorruptTape: `known` or `beside` is not what `checks` and `parity` made.
    """
    block, size, crcs = _open_parity(known)
    parts = [*_blocks(beside, block)]
    if beside and len(beside) != 2 * -(-len(crcs) // STRIPE) * block:
        raise CorruptTape("the parity is not as long as it should be")
    if size - len(data) > _MOST_MISSING * block:
        return _cut_short(data, block, crcs)
    data = _shift(data, size, block, crcs)
    blocks = list(_blocks(data, block))
    damaged = tuple(n for n, piece in enumerate(blocks) if _CRC.pack(_check(n, piece)) != crcs[n])
    lost = list[int]()
    for number in sorted({n // STRIPE for n in damaged}):
        first = number * STRIPE
        stripe = dict(enumerate(blocks[first : first + STRIPE]))
        bad = [n - first for n in damaged if n // STRIPE == number]
        for n in bad:
            del stripe[n]
        made = _solve(stripe, bad, parts[2 * number], parts[2 * number + 1], block) if parts else {}
        for n in bad:
            piece = made.get(n, b"")[: len(blocks[first + n])]
            if _CRC.pack(_check(first + n, piece)) == crcs[first + n]:
                blocks[first + n] = piece
            else:
                lost.append(first + n)
    return Repair(b"".join(blocks), block, damaged, tuple(lost))


def _open_parity(known: bytes) -> tuple[int, int, list[bytes]]:
    if len(known) < _SIZES.size:
        raise CorruptTape("the checks of the blocks stop early")
    block, size = _SIZES.unpack_from(known)
    if block != _block(size) or len(known) - _SIZES.size != -(-size // block) * _CRC.size:
        raise CorruptTape("the checks of the blocks are not as many as they say")
    return block, size, [*_blocks(known[_SIZES.size :], _CRC.size)]


def _block(size: int) -> int:
    """Bytes of a block: of more, small data would have more checks than the parity saves."""
    return min(max(-(-size // STRIPE), isqrt(4 * size), _SMALLEST), _LARGEST)


def _cut_short(data: bytes, block: int, crcs: list[bytes]) -> Repair:
    """What is left where more is gone than parity makes again; room that is only claimed is not made."""
    first = _first_damaged(data, block, crcs)
    return Repair(data, block, (first,), (first,))


def _shift(data: bytes, size: int, block: int, crcs: list[bytes]) -> bytes:
    if len(data) == size:
        return data
    at = _first_damaged(data, block, crcs) * block
    if len(data) > size:
        return (data[:at] + data[at + len(data) - size :])[:size]
    return data[:at] + bytes(size - len(data)) + data[at:]


def _first_damaged(data: bytes, block: int, crcs: list[bytes]) -> int:
    here = zip(_blocks(data, block), crcs, strict=False)
    damaged = (n for n, (piece, crc) in enumerate(here) if _CRC.pack(_check(n, piece)) != crc)
    return next(damaged, len(data) // block)


def _parity(stripe: dict[int, bytes], block: int) -> tuple[bytes, bytes]:
    p = q = 0
    for n, piece in stripe.items():
        padded = piece.ljust(block, b"\0")
        p ^= int.from_bytes(padded, "big")
        q ^= int.from_bytes(padded.translate(_times(_power(n))), "big")
    return p.to_bytes(block, "big"), q.to_bytes(block, "big")


def _solve(stripe: dict[int, bytes], bad: list[int], p: bytes, q: bytes, block: int) -> dict[int, bytes]:
    """The blocks of the places `bad`, one or two, out of all others of the stripe; none for more."""
    if len(bad) > 2:  # noqa: PLR2004  what two blocks of parity are good for
        return {}
    have_p, have_q = _parity(stripe, block)
    left_p, left_q = _xor(p, have_p), _xor(q, have_q)
    if len(bad) == 1:
        return {bad[0]: left_p}
    # x + y = left_p and g^i x + g^j y = left_q, hence (g^i + g^j) x = left_q + g^j left_p
    i, j = bad
    sum_ = _xor(left_q, left_p.translate(_times(_power(j))))
    x = sum_.translate(_times(_inverse(_power(i) ^ _power(j))))
    return {i: x, j: _xor(left_p, x)}


def _blocks(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


def _stripes(blocks: list[bytes]) -> Iterator[list[bytes]]:
    return (blocks[at : at + STRIPE] for at in range(0, len(blocks), STRIPE))


def _check(number: int, piece: bytes) -> int:
    return crc32(piece, crc32(number.to_bytes(8, "big")))


def _xor(a: bytes, b: bytes) -> bytes:
    return (int.from_bytes(a, "big") ^ int.from_bytes(b, "big")).to_bytes(len(a), "big")


# -- the field ---------------------------------------------------------------------


@cache
def _power(n: int) -> int:
    """2 to the n-th."""
    return 1 if n == 0 else _product(_power(n - 1), 2)


@cache
def _times(factor: int) -> bytes:
    """The table by which `bytes.translate` multiplies each byte by `factor`."""
    return bytes(_product(byte, factor) for byte in range(256))


@cache
def _inverse(n: int) -> int:
    return next(m for m in range(1, 256) if _product(n, m) == 1)


def _product(a: int, b: int) -> int:
    out = 0
    while b:
        if b & 1:
            out ^= a
        a <<= 1
        if a & 0x100:
            a ^= _POLYNOMIAL
        b >>= 1
    return out
