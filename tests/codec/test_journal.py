"""Laws of the live log: any flushed prefix is what had happened by then, however records were grouped."""

import pytest
from attrs import evolve
from conversations import grown
from hypothesis import example, given
from hypothesis import strategies as st
from logs import chunks_of, of_version
from tapes import SMALL, tapes, timed

from tracefork.codec import journal, mending, pack
from tracefork.codec.frames import frame
from tracefork.codec.records import Asked, Header, fold, list_records
from tracefork.core.values import UNFINISHED
from tracefork.errors import CorruptTape, Truncated, UnknownVersion


@example(SMALL, [3])
@given(tapes(), st.lists(st.integers(0, 5), max_size=9))
def test_any_flushed_prefix_decodes_to_what_had_happened(tape, sizes):
    told, encoder, at = list_records(tape), journal.Encoder(tape.run_id), 0
    chunks = [journal.encode_header(Header.of(tape))]
    for size in [*sizes, len(told)]:
        chunks.append(encoder.chunk(told[at : at + size])[0])
        at += size
        back = journal.unroll(chunks, tape.run_id)
        assert back == fold(Header.of(tape), told[:at])
    assert back == tape
    assert timed(back) == timed(tape)


@given(tapes())
def test_an_encoder_gives_the_records_back_with_their_bodies_in_less_room(tape):
    told = list_records(tape)

    assert journal.Encoder("r").chunk(told)[1] == list(told)
    shrinker = journal.Shrinker()
    assert [shrinker.shrunk(record) for record in told] == list(told)


@given(tapes())
def test_equal_tapes_give_equal_chunks(tape):
    again = journal.unroll(chunks_of(tape), tape.run_id)

    assert chunks_of(again) == chunks_of(tape)


def test_a_long_conversation_costs_what_is_new_in_it():
    tape = grown(40)
    chunks = chunks_of(tape)
    new = sum(len(step.answer.body) for step in tape) + len(tape[-1].request.body)

    assert sum(map(len, chunks)) < new / 3
    assert journal.unroll(chunks, "grown") == tape


def test_a_question_is_known_before_its_answer():
    asked = [r for r in list_records(SMALL) if isinstance(r, Asked)]
    chunk, _ = journal.Encoder("small").chunk(asked[:2])

    back = journal.unroll([*chunks_of(SMALL)[:1], chunk], "small")

    assert [p.asked for p in back.pending] == [SMALL[0].request]
    assert back.outcome == UNFINISHED


@given(st.integers(1, 11), st.floats(0, 1, exclude_max=True))
def test_a_torn_last_chunk_is_the_end(last, part):
    chunks = chunks_of(SMALL)[: last + 1]
    torn = chunks[-1][: int(part * len(chunks[-1]))]
    whole = min(last, len(chunks) - 1)

    assert journal.unroll([*chunks[:-1], torn], "small") == journal.unroll(chunks[:whole], "small")


def test_a_torn_chunk_in_the_middle_is_named():
    chunks = chunks_of(SMALL)
    chunks[2] = chunks[2][:-1]

    with pytest.raises(Truncated, match="chunk 2"):
        journal.unroll(chunks, "small")


@pytest.mark.parametrize("order", [(0, 2, 1), (0, 1, 1), (0, 2), (1, 2), (0, 0, 1), (1, 0, 2), (0, 1, 3), ()])
def test_chunks_that_are_swapped_repeated_or_missing_are_refused(order):
    chunks = chunks_of(SMALL, 3)

    with pytest.raises(CorruptTape):
        journal.unroll([chunks[i] for i in order], "small")


def test_a_chunk_of_another_run_is_refused():
    chunks, others = chunks_of(SMALL, 3), chunks_of(evolve(SMALL, run_id="other"), 3)

    with pytest.raises(CorruptTape, match=r"chunk 2.*out of its place"):
        journal.unroll([*chunks[:2], others[2]], "small")
    with pytest.raises(CorruptTape, match="header of run 'other'"):
        journal.unroll(others, "small")


@pytest.mark.parametrize("number", [0, 1, 2])
def test_what_follows_a_chunk_is_refused(number):
    chunks = chunks_of(SMALL, 3)
    chunks[number] += b"\x00"

    with pytest.raises(CorruptTape, match=rf"chunk {number}.*follow"):
        journal.unroll(chunks, "small")


@given(tapes())
def test_one_reader_reads_the_header_of_both_forms(tape):
    live, sealed = journal.encode_header(Header.of(tape)), pack.pack(tape)[: frame.HEAD_ROOM]

    assert journal.decode_header(live) == journal.decode_header(sealed) == Header.of(tape)


def test_meta_that_does_not_fit_the_header_is_refused_when_written():
    with pytest.raises(ValueError, match="meta is too large"):
        journal.encode_header(Header("r", meta={"notes": "x" * 60_000}))


@pytest.mark.parametrize("version", [0, 1, 6, 255])
def test_another_version_is_named_as_such(version):
    first = of_version(version, chunks_of(SMALL)[0])

    with pytest.raises(UnknownVersion, match=f"version {version} is unknown"):
        journal.unroll([first], "small")


# -- what is left ------------------------------------------------------------------


@given(tapes(), st.integers(0, 30))
def test_a_log_without_one_chunk_keeps_what_came_before_it(tape, lost):
    chunks = chunks_of(tape := evolve(tape, agent_name="known"))
    lost = 1 + lost % max(1, len(chunks) - 1)
    hurt = [*chunks[:lost], b"", *chunks[lost + 1 :]]  # the header is chunk 0

    left = mending.salvage(hurt, tape.run_id)

    assert left.tape == journal.unroll(chunks[:lost], tape.run_id)
    assert left.lost.startswith(f"chunk {lost} and all behind it")


@given(tapes(), st.randoms())
def test_chunks_that_changed_places_are_put_back(tape, chance):
    first, *later = chunks_of(tape)
    chance.shuffle(later)

    assert mending.salvage([first, *later], tape.run_id) == mending.Salvaged(tape)


def test_a_chunk_that_stands_twice_moves_no_other():
    chunks = chunks_of(SMALL)

    assert mending.salvage([*chunks[:3], chunks[2], *chunks[3:]], "small").tape == SMALL


def test_many_chunks_that_moved_are_put_back_soon():
    told = list_records(grown(3))[:1]
    encoder = journal.Encoder("r")
    chunks = [
        journal.encode_header(Header("r")),
        *(encoder.chunk(told if n == 0 else [])[0] for n in range(4_000)),
    ]

    left = mending.salvage([chunks[0], chunks[1], *chunks[1:]], "r")

    assert len(left.tape.pending) == 1


def test_a_lost_header_costs_the_header_alone():
    chunks = chunks_of(SMALL)
    left = mending.salvage([b"rubbish", *chunks[1:]], "small")

    assert (left.tape.steps, left.tape.outcome, left.tape.run_id) == (SMALL.steps, SMALL.outcome, "small")
    assert "chunk 0" in left.lost


def test_nothing_to_salvage_is_said():
    with pytest.raises(CorruptTape, match="nothing"):
        mending.salvage([b"", b"x"], "gone")
    with pytest.raises(CorruptTape, match="nothing"):
        mending.salvage([], "gone")
