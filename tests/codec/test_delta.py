"""Laws of deltas: they give the new body back, and never more than base and literal have."""

import random
from itertools import takewhile

import pytest
from edits import bodies, edited
from hypothesis import example, given

from tracefork.codec.bodies.delta import (
    LITERAL,
    MOST_OPS,
    make_delta,
    measure_prefix,
    measure_suffix,
    take_literal,
)


def alike(one, other):
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other)))


def applied(base, ops, new):
    """What `ops` write, of a base and a literal."""
    out, at = [], 0
    for offset, length in ops:
        if offset == LITERAL:
            out.append(new[at : at + length])
            at += length
        else:
            out.append(base[offset : offset + length])
    assert at == len(new)
    return b"".join(out)


@example((b"a" * 100_000, b"a" * 100_001))
@example((b"ab" * 40_000, b"ab" * 20_000 + b"!" + b"ab" * 20_000))
@given(edited())
def test_a_delta_makes_the_new_body_of_the_base(pair):
    base, new = pair
    ops = make_delta(base, new)

    assert applied(base, ops, take_literal(ops, new)) == new


@example((b"ab" * 64, b"ab" * 500))
@given(edited())
def test_the_copies_of_a_delta_are_together_no_longer_than_its_base(pair):
    base, new = pair
    ops = make_delta(base, new)

    assert sum(length for offset, length in ops if offset != LITERAL) <= len(base)
    assert all(offset + length <= len(base) for offset, length in ops if offset != LITERAL)


@given(edited())
def test_a_known_prefix_changes_nothing(pair):
    base, new = pair

    assert make_delta(base, new, measure_prefix(base, new)) == make_delta(base, new)


@given(edited())
def test_prefix_and_suffix_are_those_that_a_plain_loop_finds(pair):
    one, other = pair

    assert measure_prefix(one, other) == alike(one, other)
    assert measure_suffix(one, other, min(len(one), len(other))) == alike(one[::-1], other[::-1])


@pytest.mark.parametrize("at", [0, 1, 127, 128, 4095, 4096, 65_535, 65_536, 65_537, 131_072, 199_999])
def test_one_other_byte_is_found_wherever_it_is(at):
    one = random.Random(at).randbytes(200_000)
    other = one[:at] + bytes([one[at] ^ 1]) + one[at + 1 :]

    assert measure_prefix(one, other) == at
    assert measure_suffix(one, other, len(one)) == len(one) - at - 1
    assert len(take_literal(make_delta(one, other), other)) <= 32


@given(bodies)
def test_a_suffix_is_no_longer_than_was_asked_for(body):
    assert measure_suffix(body, body, len(body) // 2) == len(body) // 2


def test_an_insertion_costs_itself():
    base = random.Random(1).randbytes(300_000)
    new = base[:1_000] + b"now is 12:30" + base[1_000:200_000] + b"!" * 500 + base[200_000:]

    assert len(take_literal(make_delta(base, new), new)) <= 600


def test_scattered_edits_take_no_more_operations_than_are_allowed():
    base = random.Random(2).randbytes(400_000)
    new = b"".join(base[at : at + 199] + b"?" for at in range(0, len(base), 200))
    ops = make_delta(base, new)

    assert len(ops) <= MOST_OPS
    assert applied(base, ops, take_literal(ops, new)) == new
