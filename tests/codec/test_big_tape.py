"""A run of 50 MB: damage anywhere is found and named, and what can be made good is."""

import random
import re

import pytest
from conversations import grown
from logs import bounds, chunks_of, flips

from tracefork.codec import journal, mending, pack
from tracefork.codec.records import Header, fold, list_records
from tracefork.core.tape import Tape
from tracefork.errors import CorruptTape, Truncated

pytestmark = pytest.mark.slow  # run on one Python, in .ci/run
SAMPLE = 60
SECTOR = 512

sampled = pytest.mark.parametrize(
    "sample", [SAMPLE, pytest.param(5_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3_600)])]
)


class Big:
    """A tape of 180 turns in both forms."""

    def __init__(self):
        self.tape = grown(180)
        self.packed = pack.pack(self.tape)
        self.chunks = chunks_of(self.tape)
        self.at = bounds(self.packed)
        self.block = int.from_bytes(self.packed[self.at[1] + 34 :][:4], "big")


@pytest.fixture(scope="module")
def big():
    made = Big()
    assert sum(len(x.request.body) + len(x.answer.body) for x in made.tape) > 50_000_000
    return made


def named(error):
    """The exchange that an error names, None if it is none's."""
    found = re.search(r"exchange (\d+)", error.where)
    return int(found[1]) if found else None


def is_prefix(tape, whole):
    return all(mine == theirs for mine, theirs in zip(tape, whole, strict=False)) and len(tape) <= len(whole)


def is_whole(left, big):
    """True when salvage gave all back; hashes are compared, which is faster."""
    return left.digest() == big.tape.digest() and (left.outcome, left.meta) == (
        big.tape.outcome,
        big.tape.meta,
    )


def left_of(data):
    try:
        return pack.salvage(data, "grown").tape
    except CorruptTape:
        return Tape()


# -- sealed ------------------------------------------------------------------------


@sampled
def test_a_flipped_bit_of_a_sealed_tape_is_found_and_no_later_exchange_named(big, sample):
    chance = random.Random(sample)
    for flipped in flips(big.packed, (chance.randrange(len(big.packed) * 8) for _ in range(sample))):
        with pytest.raises(CorruptTape) as caught:
            pack.unpack(flipped)

        assert "salvage gives all of it back" in caught.value.advice


def test_the_exchange_that_is_named_is_the_first_that_needs_what_is_damaged(big):
    for part in range(1, 12):
        at = big.at[2] + (big.at[3] - big.at[2]) * part // 12
        with pytest.raises(CorruptTape) as caught:
            pack.unpack(next(flips(big.packed, [at * 8])))
        before = left_of(big.packed[:at])

        assert named(caught.value) in range(len(before) - 3, len(before) + 1)
        assert is_prefix(before, big.tape)


@pytest.mark.parametrize(
    "sample", [8, pytest.param(2_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3_600)])]
)
def test_a_single_flip_of_a_sealed_tape_costs_nothing(big, sample):
    chance = random.Random(sample)
    places = [8 * at + 40 for at in big.at[:-1]] + [
        chance.randrange(len(big.packed) * 8) for _ in range(sample)
    ]
    for flipped in flips(big.packed, places):
        left = pack.salvage(flipped, "grown")

        assert is_whole(left.tape, big)
        assert not left.lost or left.lost.startswith("nothing")


def sectors(big, sample):
    """Where sectors begin: those across two frames, and some others."""
    chance = random.Random(sample)
    across = [at // SECTOR * SECTOR for at in big.at[1:-1]]
    return [0, *across, *(chance.randrange(len(big.packed) // SECTOR) * SECTOR for _ in range(sample))]


@pytest.mark.parametrize(
    "sample", [5, pytest.param(1_000, marks=[pytest.mark.nightly, pytest.mark.timeout(3_600)])]
)
@pytest.mark.parametrize("filled", [b"\x00", b"\xff", b"\x89TFK\x02BCP"], ids=["zeros", "ones", "marks"])
def test_a_lost_sector_of_a_sealed_tape_is_found_and_costs_nothing(big, sample, filled):
    for at in sectors(big, sample):
        lost = (filled * SECTOR)[: min(SECTOR, len(big.packed) - at)]
        hurt = big.packed[:at] + lost + big.packed[at + SECTOR :]
        with pytest.raises(CorruptTape):
            pack.unpack(hurt)

        assert is_whole(pack.salvage(hurt, "grown").tape, big), at


def blocks(big, *numbers):
    """Where blocks of the body lie that parity counts, from those that hold body alone."""
    first = big.at[2] + (-(big.at[1])) % big.block + big.block
    return [first + n * big.block for n in numbers]


@pytest.mark.parametrize(("one", "other"), [(0, 1), (3, 200), (17, 18), (40, 120)])
def test_blocks_that_changed_places_are_found_and_cost_nothing(big, one, other):
    a, b = blocks(big, one, other)
    data, size = big.packed, big.block
    swapped = data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]
    with pytest.raises(CorruptTape):
        pack.unpack(swapped)

    assert is_whole(pack.salvage(swapped, "grown").tape, big)


@pytest.mark.parametrize(("one", "other"), [(0, 1), (3, 200), (120, 40)])
def test_a_block_that_was_written_over_another_is_found_and_costs_nothing(big, one, other):
    a, b = blocks(big, one, other)
    hurt = big.packed[:b] + big.packed[a : a + big.block] + big.packed[b + big.block :]
    with pytest.raises(CorruptTape):
        pack.unpack(hurt)

    assert is_whole(pack.salvage(hurt, "grown").tape, big)


@pytest.mark.parametrize("at", [1, 50, 100, 200])
def test_a_block_that_came_in_or_went_is_found_and_costs_nothing(big, at):
    (a,) = blocks(big, at)
    for hurt in (
        big.packed[: a + 100] + big.packed[a : a + 400] + big.packed[a + 100 :],
        big.packed[: a + 100] + big.packed[a + 500 :],
    ):
        with pytest.raises(CorruptTape):
            pack.unpack(hurt)

        assert is_whole(pack.salvage(hurt, "grown").tape, big)


def test_a_sealed_tape_that_stops_anywhere_is_truncated(big):
    chance = random.Random(5)
    for length in [
        *big.at[:-1],
        *(at + 1 for at in big.at[:-1]),
        *(chance.randrange(len(big.packed)) for _ in range(30)),
    ]:
        with pytest.raises(Truncated):
            pack.unpack(big.packed[:length])


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_sealed_tape_that_stops_early_keeps_what_was_before(big, share):
    left = pack.salvage(big.packed[: int(share * len(big.packed))], "grown")

    assert is_prefix(left.tape, big.tape)
    assert len(left.tape) > 180 * share - 60
    assert left.lost == f"what was asked after exchange {len(left.tape) - 1}"


@pytest.mark.parametrize("more", [b"\x00", b"x" * 10_000])
def test_what_follows_a_sealed_tape_is_found_and_costs_nothing(big, more):
    for longer in (big.packed + more, big.packed + big.packed):
        with pytest.raises(CorruptTape, match="follow its end"):
            pack.unpack(longer)

        assert is_whole(pack.salvage(longer, "grown").tape, big)


def test_worse_damage_costs_what_comes_behind_it(big):
    hurt = bytearray(big.packed)
    for at in blocks(big, 100, 110, 120, 130):
        hurt[at : at + 64] = bytes(64)
    left = pack.salvage(bytes(hurt), "grown")

    assert is_prefix(left.tape, big.tape)
    assert len(left.tape) > 50
    assert left.lost == f"what was asked after exchange {len(left.tape) - 1}"


# -- journal -----------------------------------------------------------------------


def exchange(number):
    """The exchange of a chunk of the journal: question, head and end have a chunk each."""
    return (number - 1) // 3


def hurt_chunk(big, number, hurt):
    return [*big.chunks[:number], hurt, *big.chunks[number + 1 :]]


@sampled
def test_a_flipped_bit_of_a_journal_is_found_and_its_exchange_named(big, sample):
    chance = random.Random(sample)
    for _ in range(sample):
        number = chance.randrange(1, len(big.chunks))
        hurt = next(flips(big.chunks[number], [chance.randrange(len(big.chunks[number]) * 8)]))
        with pytest.raises(CorruptTape, match=rf"chunk {number}\b") as caught:
            journal.unroll(hurt_chunk(big, number, hurt), "grown")

        assert named(caught.value) == min(exchange(number), 180)


@pytest.mark.parametrize("number", [0, 1, 2, 3, 200, 541])
def test_a_single_flip_of_a_journal_costs_nothing(big, number):
    hurt = next(flips(big.chunks[number], [len(big.chunks[number]) * 5]))

    assert is_whole(mending.salvage(hurt_chunk(big, number, hurt), "grown").tape, big)


@pytest.mark.parametrize("number", [1, 4, 150, 300, 540])
def test_a_lost_sector_of_a_journal_costs_what_comes_behind_it(big, number):
    chunk = big.chunks[number]
    hurt = hurt_chunk(big, number, bytes(min(SECTOR, len(chunk))) + chunk[SECTOR:])
    with pytest.raises(CorruptTape, match=rf"chunk {number}\b"):
        journal.unroll(hurt, "grown")
    left = mending.salvage(hurt, "grown")

    assert is_prefix(left.tape, big.tape)
    assert len(left.tape) == exchange(number)
    assert left.lost.startswith(f"chunk {number} and all behind it")


@pytest.mark.parametrize(("one", "other"), [(1, 2), (7, 500), (540, 541)])
def test_chunks_that_changed_places_are_found_and_put_back(big, one, other):
    swapped = list(big.chunks)
    swapped[one], swapped[other] = swapped[other], swapped[one]
    with pytest.raises(CorruptTape, match=rf"chunk {one}\b"):
        journal.unroll(swapped, "grown")

    assert is_whole(mending.salvage(swapped, "grown").tape, big)


@pytest.mark.parametrize("number", [1, 250, 541])
def test_a_chunk_that_stands_twice_or_not_at_all_is_found(big, number):
    twice = [*big.chunks[: number + 1], *big.chunks[number:]]
    missing = [*big.chunks[:number], *big.chunks[number + 1 :], b""]
    with pytest.raises(CorruptTape, match=rf"chunk {number + 1}\b"):
        journal.unroll(twice, "grown")

    assert is_whole(mending.salvage(twice, "grown").tape, big)
    if number < 541:
        with pytest.raises(CorruptTape, match=rf"chunk {number}\b"):
            journal.unroll(missing, "grown")
    assert len(mending.salvage(missing, "grown").tape) == exchange(number)


@pytest.mark.parametrize("kept", [1, 2, 3, 4, 100, 301, 540, 541])
def test_a_journal_that_stops_between_chunks_or_within_one_is_what_had_happened(big, kept):
    whole = fold(Header.of(big.tape), list_records(big.tape)[: kept - 1])

    assert journal.unroll(big.chunks[:kept], "grown") == whole
    for part in (1, 6, 7, 15, 20):
        assert journal.unroll([*big.chunks[:kept], big.chunks[kept][:part]], "grown") == whole


def test_what_follows_a_journal_is_found(big):
    for more in (b"\x00" * 100, big.chunks[-1], big.chunks[0]):
        with pytest.raises(CorruptTape):
            journal.unroll([*big.chunks, more], "grown")
