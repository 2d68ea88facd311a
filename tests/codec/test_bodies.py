"""Bodies kept as deltas are the bytes they were made of, whole, in part and by their hash."""

from hashlib import sha256
from threading import Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.codec.bodies.chain import MOST_PIECES, Bodies
from tracefork.codec.bodies.delta import LITERAL
from tracefork.errors import CorruptTape, TooLarge


@st.composite
def histories(draw, most=14):
    """What makes bodies of each other, in any lawful way, as `add` takes it; and what they are."""
    deltas, plain = [], []
    for _ in range(draw(st.integers(0, most))):
        base = draw(st.integers(0, len(plain) - 1)) if plain and draw(st.integers(0, 4)) else None
        had = b"" if base is None else plain[base]
        ops, literal, body, left = [], b"", b"", len(had)
        for _ in range(draw(st.integers(0, 5))):
            if had and draw(st.booleans()):
                offset = draw(st.integers(0, len(had)))
                length = draw(st.integers(0, min(left, len(had) - offset)))
                ops.append((offset, length))
                body, left = body + had[offset : offset + length], left - length
            else:
                new = draw(st.binary(max_size=20))
                ops.append((LITERAL, len(new)))
                body, literal = body + new, literal + new
        deltas.append((base, tuple(ops), literal))
        plain.append(body)
    return deltas, plain


def kept(deltas):
    bodies = Bodies()
    return [bodies.add(*delta) for delta in deltas]


@given(histories(), st.randoms())
def test_bodies_are_what_they_were_made_of_in_whatever_order_they_are_looked_at(history, chance):
    deltas, plain = history
    made = kept(deltas)
    order = list(range(len(made))) * 2
    chance.shuffle(order)

    for n in order:
        assert bytes(made[n]) == plain[n]
        assert len(made[n]) == len(plain[n])
        assert made[n] == plain[n]


@given(histories(), st.randoms())
def test_bodies_are_compared_as_what_they_stand_for(history, chance):
    deltas, plain = history
    made = kept(deltas)
    order = list(range(len(made))) * 2
    if chance.random() < 0.5:
        chance.shuffle(order)

    for n in order:
        other = bytearray(plain[n])
        if other:
            other[chance.randrange(len(other))] ^= 1
            assert made[n] != bytes(other)
        assert made[n] == plain[n]
        assert made[n] != plain[n] + b"x"
        assert bytes(made[n]) == plain[n]


@given(histories(), st.randoms())
def test_hashes_are_those_of_the_bytes_in_whatever_order_they_are_asked_for(history, chance):
    deltas, plain = history
    made = kept(deltas)
    order = list(range(len(made)))
    if chance.random() < 0.5:
        chance.shuffle(order)

    assert [made[n].sha256() for n in order] == [sha256(plain[n]).hexdigest() for n in order]


@given(histories(), st.data())
def test_any_range_of_a_body_is_read_alone(history, data):
    deltas, plain = history
    made = kept(deltas)
    for n, body in enumerate(plain):
        start = data.draw(st.integers(0, len(body)))
        stop = data.draw(st.integers(start, len(body)))
        assert b"".join(made[n]._bodies._read(n, start, stop)) == body[start:stop]


@given(histories(), histories())
def test_bodies_may_be_made_of_those_of_another_tape(theirs, ours):
    parents, bodies = kept(theirs[0]), Bodies()
    numbers = [bodies.adopt(body) for body in parents]
    made = []
    for n, body in zip(numbers, theirs[1]):
        made.append((bodies.add(n, ((len(body) // 2, len(body) - len(body) // 2), (LITERAL, 3)), b"new"), n))

    for (body, n), was in zip(made, theirs[1]):
        assert bytes(body) == was[len(was) // 2 :] + b"new"
        assert body.sha256() == sha256(bytes(body)).hexdigest()
        assert bodies.whole(n) == was


def test_a_long_chain_is_right_at_every_link():
    bodies, plain, made = Bodies(), [b""], [None]
    for n in range(1, 300):
        new = b"%d," % n * 9
        cut = len(plain[-1]) * 3 // 4 if n % 50 == 0 else len(plain[-1])
        made.append(bodies.add(None if n == 1 else n - 2, ((0, cut), (LITERAL, len(new)))[n == 1 :], new))
        plain.append(plain[-1][:cut] + new)

    for n in (299, 1, 150, 151, 149, 298, 64, 63, 65, 2):
        assert bytes(made[n]) == plain[n]
    assert [body.sha256() for body in made[1:]] == [sha256(body).hexdigest() for body in plain[1:]]


@pytest.mark.parametrize(
    ("base", "ops", "literal", "problem"),
    [
        (1, ((0, 1),), b"", "made of body 1"),
        (-1, ((0, 1),), b"", "made of body -1"),
        (0, ((9, 2),), b"", "does not have"),
        (0, ((0, 10), (0, 1)), b"", "does not have"),
        (None, ((0, 1),), b"", "does not have"),
        (0, ((LITERAL, 2),), b"x", "new bytes"),
        (0, ((LITERAL, 1),), b"xy", "new bytes"),
    ],
)
def test_a_delta_that_its_base_cannot_bear_is_refused(base, ops, literal, problem):
    bodies = Bodies()
    bodies.add(None, ((LITERAL, 10),), b"0123456789")

    with pytest.raises(CorruptTape, match=problem):
        bodies.add(base, ops, literal)
    assert len(bodies) == 1


def test_more_pieces_than_are_allowed_are_refused():
    bodies, ops = Bodies(), ((0, 1), (LITERAL, 1)) * 500
    bodies.add(None, ((LITERAL, 500),), b"x" * 500)

    with pytest.raises(TooLarge, match=f"{MOST_PIECES:,} pieces"):
        for n in range(200):
            bodies.add(n, ops, b"y" * 500)
    assert len(bodies) < MOST_PIECES // 1_000 + 2


def test_one_thread_may_add_while_others_look():
    bodies, plain, wrong = Bodies(), [], []

    def look():
        for n in range(3_000):
            at = n * 7 % max(1, len(plain))
            if at < len(plain) and bodies.whole(at) != plain[at]:
                wrong.append(at)

    lookers = [Thread(target=look) for _ in range(3)]
    bodies.add(None, ((LITERAL, 1),), b"0")
    plain.append(b"0")
    for looker in lookers:
        looker.start()
    for n in range(1, 400):
        bodies.add(n - 1, ((0, len(plain[-1])), (LITERAL, 3)), b"%03d" % n)
        plain.append(plain[-1] + b"%03d" % n)
    for looker in lookers:
        looker.join()

    assert wrong == []
