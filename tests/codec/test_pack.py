"""Laws of the sealed form: unpacking gives the tape, and a function of the tape is what it is."""

import pytest
import zstandard
from attrs import evolve
from conversations import anthropic_events, grown
from hypothesis import example, given
from hypothesis import strategies as st
from logs import bounds, forged, of_version
from tapes import SMALL, tapes, timed

from tracefork.codec import journal, pack
from tracefork.codec.frames import frame
from tracefork.codec.limits import Limits
from tracefork.codec.records import Header
from tracefork.core.tape import Tape
from tracefork.core.values import RETURNED, Exchange, Outcome, Request, Response, Span, Timing
from tracefork.errors import CorruptTape, Truncated, UnknownVersion
from tracefork.storage.tape_file import loads


@example(SMALL)
@example(Tape())
@example(grown(5))
@given(tapes())
def test_unpacking_what_was_packed_gives_the_tape(tape):
    back = pack.unpack(pack.pack(tape))

    assert back == tape
    assert timed(back) == timed(tape)
    assert back.digest() == tape.digest()


@given(tapes())
def test_equal_tapes_give_equal_bytes(tape):
    packed = pack.pack(tape)

    assert pack.pack(pack.unpack(packed)) == packed
    assert pack.pack(journal.unroll([journal.encode_header(Header.of(tape))], tape.run_id)) == pack.pack(
        evolve(tape, steps=(), pending=(), outcome=Tape().outcome)
    )


@given(tapes())
def test_a_summary_is_read_from_the_first_64_kib_alone(tape):
    said = pack.read_summary(pack.pack(tape)[: frame.HEAD_ROOM])

    assert said.header == Header.of(tape)
    assert (said.exchanges, said.draws, said.effects) == (len(tape), len(tape.draws), len(tape.effects))
    assert said.digest == tape.digest()


@given(
    st.lists(
        st.lists(st.sampled_from([b"\n\n", b"\r\n\r\n", b'd: "', b'\\"', b'"', b"\x00", b"x"])), max_size=4
    )
)
def test_answers_of_any_shape_come_back_with_their_chunks(answers):
    steps = [
        Exchange(
            Request("POST", "u"), Response(200, chunks=tuple(chunks)), span=Span(3 * n, 3 * n + 1, 3 * n + 2)
        )
        for n, chunks in enumerate(answers)
    ]
    back = pack.unpack(pack.pack(Tape(tuple(steps))))

    assert [step.answer.chunks for step in back] == [tuple(chunks) for chunks in answers]


def test_a_long_outcome_is_cut_in_the_summary_alone():
    tape = evolve(SMALL, outcome=Outcome("raised", "E" * 1_000, "\x00" * 100_000))

    assert len(pack.read_summary(pack.pack(tape)).outcome.message) == 500
    assert pack.unpack(pack.pack(tape)) == tape


def test_meta_that_just_fits_the_header_fits_the_summary():
    room = journal.HEADER_ROOM - len(journal.encode_header(Header("r", meta={"notes": ""})))
    head = Header("r", meta={"notes": "\xe9" * (room // 2)})
    tape = evolve(SMALL, run_id="r", meta=head.meta, outcome=Outcome("raised", "\x00" * 999, "\x00" * 999))
    tape = evolve(tape, agent_name="", parent=None)

    assert journal.decode_header(journal.encode_header(head)) == head
    assert pack.unpack(pack.pack(tape)) == tape


def test_a_number_that_is_not_finite_is_refused_when_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack.pack(Tape(created_at=float("nan")))


def test_timing_is_exact_to_the_last_bit():
    took = Timing(1_700_000_000.123456789, 0.1 + 0.2, 5e-324, (0.001, 0.1 + 0.2))
    tape = Tape((Exchange(Request("GET", "u"), Response(200), timing=took),))

    assert [step.timing for step in pack.unpack(pack.pack(tape)).steps] == [took]


def test_a_body_of_many_blocks_unpacks():
    bodies = [bytes([n]) * 700_000 for n in range(9)]
    steps = [
        Exchange(Request("POST", "u", body=body), Response(200), span=Span(3 * n, 3 * n + 1, 3 * n + 2))
        for n, body in enumerate(bodies)
    ]
    tape = Tape(tuple(steps), run_id="many")

    assert pack.unpack(pack.pack(tape)) == tape


def test_limits_on_one_text_are_not_for_all_rows_together():
    chunks = tuple(anthropic_events("word " * 1_000, "msg"))
    took = Timing(chunks=tuple(n / 1000 for n in range(len(chunks))))
    steps = [
        Exchange(
            Request("POST", "u"), Response(200, chunks=chunks), "", Span(3 * n, 3 * n + 1, 3 * n + 2), took
        )
        for n in range(80)
    ]
    packed = pack.pack(Tape(tuple(steps), run_id="chatty", outcome=RETURNED))

    assert len(pack.unpack(packed, limits=Limits(json_items=50_000))) == 80


def test_a_tape_inside_a_tape_is_a_body_like_any_other():
    inner = pack.pack(evolve(SMALL, run_id="inner"))
    outer = Tape((Exchange(Request("PUT", "u", body=inner), Response(200)),), run_id="outer")

    assert pack.unpack(pack.pack(outer))[0].request.body == inner


# -- what is refused ---------------------------------------------------------------


def test_every_truncation_is_truncated():
    packed = pack.pack(SMALL)
    for length in range(len(packed)):
        with pytest.raises(Truncated):
            pack.unpack(packed[:length])


@pytest.mark.parametrize("more", [b"\x00", b"x" * 1000, pack.pack(SMALL)])
def test_what_follows_is_refused(more):
    with pytest.raises(CorruptTape, match="follow its end"):
        pack.unpack(pack.pack(SMALL) + more)


@pytest.mark.parametrize("number", range(5))
def test_a_frame_of_another_run_is_refused(number):
    ours, theirs = pack.pack(SMALL), pack.pack(evolve(SMALL, run_id="other"))
    at, its = bounds(ours), bounds(theirs)

    with pytest.raises(CorruptTape):
        pack.unpack(ours[: at[number]] + theirs[its[number] : its[number + 1]] + ours[at[number + 1] :])


@pytest.mark.parametrize(
    "order", [(0, 2, 1, 3, 4), (0, 1, 2, 4, 3), (0, 1, 2, 3), (0, 1, 2, 2, 3, 4), (1, 0, 2, 3, 4)]
)
def test_frames_in_another_order_are_refused(order):
    packed = pack.pack(SMALL)
    at = bounds(packed)

    with pytest.raises(CorruptTape):
        pack.unpack(b"".join(packed[at[n] : at[n + 1]] for n in order))


@pytest.mark.parametrize("version", [0, 1, 6, 255])
@pytest.mark.parametrize("read", [pack.unpack, pack.read_summary, journal.decode_header, loads])
def test_another_version_is_named_as_such(read, version):
    packed = of_version(version, pack.pack(SMALL))

    with pytest.raises(UnknownVersion, match=f"version {version} is unknown"):
        read(packed)


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4, 6, 255])
@pytest.mark.parametrize("read", [pack.unpack, pack.read_summary, journal.decode_header, loads])
def test_a_version_that_its_checksum_does_not_cover_is_damage(read, version):
    packed = pack.pack(SMALL)
    flipped = packed[:4] + bytes([version]) + packed[5:]

    with pytest.raises(CorruptTape, match="the version of a frame is damaged") as caught:
        read(flipped)

    assert not isinstance(caught.value, UnknownVersion)
    assert pack.salvage(flipped).tape == SMALL


@pytest.mark.parametrize("data", [b"{}", b"PK\x03\x04" + b"\x00" * 100, b"\x28\xb5\x2f\xfd" * 20])
def test_another_kind_of_file_is_said_to_be_no_tape(data):
    with pytest.raises(CorruptTape, match="not a tracefork tape"):
        loads(data)


def test_steps_that_the_summary_does_not_tell_of_are_refused():
    body = pack.pack(evolve(SMALL, steps=SMALL.steps[1:]))
    at = bounds(body)
    other = body[at[2] : at[3]][frame.OVERHEAD :]

    assert pack.unpack(forged(inside(pack.pack(SMALL)), SMALL)) == SMALL
    with pytest.raises(CorruptTape, match="not those that its summary"):
        pack.unpack(forged(other, SMALL))


def inside(packed):
    """The payload of a sealed tape's body."""
    at = bounds(packed)
    return packed[at[2] + frame.OVERHEAD : at[3]]


def test_bytes_that_no_row_speaks_of_are_refused():
    columns = bytearray(inside(pack.pack(SMALL))[:64])
    raw = zstandard.ZstdDecompressor().decompress(inside(pack.pack(SMALL))[64:])
    columns[-8:] = (int.from_bytes(columns[-8:], "big") + 1).to_bytes(8, "big")

    with pytest.raises(CorruptTape, match="no row speaks of"):
        pack.unpack(forged(bytes(columns) + zstandard.ZstdCompressor().compress(raw + b"x"), SMALL))
