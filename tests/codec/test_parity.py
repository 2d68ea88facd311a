"""Two damaged blocks of a stripe are made again, exactly, and no third is made up."""

import random
import tracemalloc

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracefork.codec.frames.parity import STRIPE, make_checks, make_parity, measure, repair
from tracefork.errors import CorruptTape


def hurt(data, block, numbers):
    out = bytearray(data)
    for n in numbers:
        for at in range(n * block, min(len(data), (n + 1) * block)):
            out[at] ^= 0x5A
    return bytes(out)


def block_of(data):
    return repair(data, make_checks(data)).block


def mended(whole, damaged):
    return repair(damaged, make_checks(whole), make_parity(whole))


@example(b"", 0, 0)
@given(st.binary(max_size=2_000), st.integers(0, 300), st.integers(0, 300))
def test_any_two_damaged_blocks_come_back(data, one, other):
    block = block_of(data)
    number = max(1, -(-len(data) // block))
    bad = {one % number, other % number} if data else set()
    fixed = mended(data, hurt(data, block, bad))

    assert fixed.data == data
    assert (set(fixed.damaged), fixed.lost) == (bad, ())


@pytest.mark.parametrize("size", [1, 32, 33, STRIPE * 32, STRIPE * 32 + 1, 100_000, 3_000_000])
def test_every_stripe_bears_two_damaged_blocks(size):
    chance = random.Random(size)
    data = chance.randbytes(size)
    block = block_of(data)
    number = -(-size // block)
    stripes = [range(low, min(low + STRIPE, number)) for low in range(0, number, STRIPE)]
    bad = [n for stripe in stripes for n in chance.sample(stripe, min(2, len(stripe)))]
    fixed = mended(data, hurt(data, block, bad))

    assert fixed.data == data
    assert fixed.damaged == tuple(sorted(bad))


@pytest.mark.parametrize("pair", [(0, 239), (0, 1), (7, 200), (238, 239)])
def test_any_two_of_a_full_stripe_come_back(pair):
    data = random.Random(5).randbytes(STRIPE * 4096)

    assert mended(data, hurt(data, 4096, pair)).data == data


def test_a_third_block_of_a_stripe_is_lost_and_named():
    data = random.Random(6).randbytes(5_000)
    fixed = mended(data, hurt(data, block_of(data), (3, 20, 29)))

    assert fixed.damaged == fixed.lost == (3, 20, 29)


def test_blocks_that_changed_places_come_back():
    data = random.Random(7).randbytes(5_000)
    size = block_of(data)
    one, other = slice(10 * size, 11 * size), slice(20 * size, 21 * size)
    swapped = b"".join(
        (data[: one.start], data[other], data[one.stop : other.start], data[one], data[other.stop :])
    )
    fixed = mended(data, swapped)

    assert fixed.data == data
    assert fixed.damaged == (10, 20)


@given(st.binary(min_size=200, max_size=900), st.integers(0, 10_000), st.integers(1, 32), st.booleans())
def test_bytes_that_came_in_or_went_are_made_good(data, at, much, came):
    at %= len(data) - 40
    other = data[:at] + b"\xa5" * much + data[at:] if came else data[:at] + data[at + much :]
    fixed = mended(data, other)

    assert fixed.data == data


def test_without_parity_damage_is_only_named():
    data = random.Random(8).randbytes(1_000)
    fixed = repair(hurt(data, block_of(data), [4]), make_checks(data))

    assert fixed.damaged == fixed.lost == (4,)


@given(st.binary(max_size=900))
def test_parity_costs_little_and_says_how_much(data):
    size, beside = measure(make_checks(data))

    assert (size, beside) == (len(data), len(make_parity(data)))
    assert beside <= 2 * max(32, 2 * len(data) ** 0.5)


@given(st.binary(max_size=60), st.binary(max_size=200), st.binary(max_size=200))
def test_checks_that_nobody_made_are_corrupt(known, data, beside):
    try:
        fixed = repair(data, known, beside)
    except CorruptTape:
        return
    assert len(fixed.data) == measure(known)[0]


def test_a_lie_about_the_size_costs_nothing():
    known = make_checks(b"x" * 100)

    with pytest.raises(CorruptTape, match="not as many"):
        repair(b"x" * 100, known[:4] + (1 << 40).to_bytes(8, "big") + known[12:], b"")


def test_room_that_is_only_claimed_is_not_made():
    known = make_checks(bytes(40_000_000))
    tracemalloc.start()
    fixed = repair(b"x" * 1_000, known)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert fixed.lost == (0,)
    assert most < 4_000_000
