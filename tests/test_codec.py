"""Laws of the codec: what goes in comes out, whole or up to where it was cut."""

import json

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tapes import SMALL, any_text, tapes, timed

from tracefork.codec import frames, journal, plain
from tracefork.codec.limits import DEFAULT, Limits, nesting
from tracefork.codec.pack import pack, summary, unpack
from tracefork.codec.records import Asked, Closed, Ended, Header, Headed, records, replayed
from tracefork.core.tape import Tape
from tracefork.core.values import (
    RETURNED,
    UNFINISHED,
    Exchange,
    Outcome,
    Reading,
    Request,
    Response,
    Source,
    Span,
    Timing,
)
from tracefork.errors import CorruptTape, TooLarge, Truncated


def chunks_of(tape, size=1):
    told = records(tape)
    batches = [told[i : i + size] for i in range(0, len(told), size)]
    later = [journal.encode(batch, tape.run_id, n) for n, batch in enumerate(batches, 1)]
    return [journal.header(Header.of(tape)), *later]


@example(SMALL)
@example(Tape())
@given(tapes())
def test_unpacking_what_was_packed_gives_the_tape(tape):
    back = unpack(pack(tape))

    assert back == tape
    assert timed(back) == timed(tape)


@given(tapes())
def test_packing_is_a_function_of_the_tape(tape):
    assert pack(unpack(pack(tape))) == pack(tape)


@example(SMALL)
@given(tapes())
def test_the_records_of_a_tape_fold_into_the_tape(tape):
    back = replayed(Header.of(tape), records(tape))

    assert back == tape
    assert timed(back) == timed(tape)


@given(tapes())
def test_records_come_in_the_order_of_their_ticks(tape):
    def tick(record):
        match record:
            case Asked(began=at) | Headed(tick=at):
                return at
            case Ended(span=span):
                return span.ended
        return float("inf")

    ticks = [tick(record) for record in records(tape)]

    assert ticks == sorted(ticks)


@given(tapes(), st.integers(1, 4))
def test_a_log_unrolls_to_the_tape(tape, size):
    back = journal.unroll(chunks_of(tape, size), tape.run_id)

    assert back == tape
    assert timed(back) == timed(tape)


@example(SMALL, 3)
@given(tapes(), st.integers(0, 20))
def test_any_flushed_prefix_decodes_to_what_had_happened(tape, kept):
    back = journal.unroll(chunks_of(tape)[: kept + 1], tape.run_id)

    assert back == replayed(Header.of(tape), records(tape)[:kept])


def test_a_question_is_known_before_its_answer():
    asked = [r for r in records(SMALL) if isinstance(r, Asked)]

    back = journal.unroll([*chunks_of(SMALL)[:1], journal.encode(asked[:2], "small", 1)], "small")

    assert [p.asked for p in back.pending] == [SMALL[0].request]
    assert back.outcome == UNFINISHED


def test_a_draw_in_flight_is_left_out():
    asked = Asked(0, Source("clock"), "", 0, 0.0)

    assert replayed(Header("r"), [asked]) == Tape(run_id="r")


def test_a_torn_last_chunk_is_the_end():
    chunks = chunks_of(SMALL)

    back = journal.unroll([*chunks[:-1], chunks[-1][:-1]], "small")

    assert back == replayed(Header.of(SMALL), records(SMALL)[:-1])


def test_a_torn_chunk_in_the_middle_is_named():
    chunks = chunks_of(SMALL)
    chunks[2] = chunks[2][:-1]

    with pytest.raises(Truncated, match="chunk 2"):
        journal.unroll(chunks, "small")


ASKED = Asked(0, Request("GET", "u"), "", 0, 0.0)
ENDED = Ended(0, Response(200), Span(0, 1, 2))


@pytest.mark.parametrize(
    ("told", "problem"),
    [
        ([ASKED, ASKED], "asked twice"),
        ([ENDED], "was not open"),
        ([ASKED, ENDED, ENDED], "was not open"),
        ([ASKED, Ended(0, Reading("x"), Span(0, 1, 2))], "got a Reading"),
        ([ASKED, Ended(0, Response(200), Span(1, 2, 3))], "began at tick 0"),
        ([Headed(0, 1)], "not waiting"),
        ([ASKED, Headed(0, 1), Headed(0, 1)], "not waiting"),
        ([Closed(RETURNED), Closed(RETURNED)], "closed twice"),
    ],
)
def test_records_that_contradict_each_other_are_refused(told, problem):
    with pytest.raises(CorruptTape, match=problem):
        replayed(Header("r"), told)


@given(tapes())
def test_a_summary_is_read_from_the_first_64_kib_alone(tape):
    said = summary(pack(tape)[: frames.HEAD_ROOM])

    assert said.header == Header.of(tape)
    assert (said.exchanges, said.draws, said.effects) == (len(tape), len(tape.draws), len(tape.effects))
    assert said.digest == tape.digest()


@given(tapes())
def test_one_reader_reads_the_header_of_both_forms(tape):
    live, sealed = journal.header(Header.of(tape)), pack(tape)[: frames.HEAD_ROOM]

    assert journal.decode_header(live) == journal.decode_header(sealed) == Header.of(tape)


def test_a_long_outcome_is_cut_in_the_summary_alone():
    tape = evolve(SMALL, outcome=Outcome("raised", "E" * 1_000, "\x00" * 100_000))

    assert len(summary(pack(tape)).outcome.message) == 500
    assert unpack(pack(tape)) == tape


def test_meta_that_does_not_fit_the_header_is_refused_when_written():
    with pytest.raises(ValueError, match="meta is too large"):
        journal.header(Header("r", meta={"notes": "x" * 60_000}))


def test_meta_that_just_fits_the_header_fits_the_summary():
    room = journal.HEADER_ROOM - len(journal.header(Header("r", meta={"notes": ""})))
    head = Header("r", meta={"notes": "\xe9" * (room // 2)})
    tape = evolve(SMALL, run_id="r", meta=head.meta, outcome=Outcome("raised", "\x00" * 999, "\x00" * 999))
    tape = evolve(tape, agent_name="", parent=None)

    assert journal.decode_header(journal.header(head)) == head
    assert unpack(pack(tape)) == tape


def test_a_number_that_is_not_finite_is_refused_when_written():
    with pytest.raises(ValueError, match="not JSON compliant"):
        pack(Tape(created_at=float("nan")))


def test_a_tape_of_many_blocks_unpacks():
    bodies = [bytes([n]) * 700_000 for n in range(9)]
    steps = [
        Exchange(Request("POST", "u", body=body), Response(200), span=Span(3 * n, 3 * n + 1, 3 * n + 2))
        for n, body in enumerate(bodies)
    ]
    tape = Tape(tuple(steps), run_id="many")

    assert pack(tape).count(frames.MAGIC + b"\x01B") > 2
    assert unpack(pack(tape)) == tape


def test_what_compresses_beyond_the_ratio_still_loads_by_default():
    tape = Tape((Exchange(Request("GET", "u"), Response(200, chunks=(b"\x41" * 40_000_000,))),))

    packed = pack(tape)

    assert len(packed) < 100_000
    assert unpack(packed) == tape


@pytest.mark.parametrize(
    "limits",
    [
        Limits(total=200),
        Limits(blob=4),
        Limits(steps=2),
        Limits(headers=0),
        Limits(json_depth=2),
        Limits(json_items=5),
        Limits(free=100, ratio=1),
    ],
)
def test_what_is_over_a_limit_is_too_large_in_both_forms(limits):
    with pytest.raises(TooLarge):
        unpack(pack(SMALL), limits)
    with pytest.raises(TooLarge):
        journal.unroll(chunks_of(SMALL), "small", limits)


def test_the_limits_of_a_log_are_for_all_its_chunks_together():
    chunks = chunks_of(SMALL)
    most = max(len(plain.dump(record, plain.RECORD)) for record in records(SMALL))

    with pytest.raises(TooLarge):
        journal.unroll(chunks, "small", Limits(total=2 * most))


@given(
    st.recursive(any_text | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(any_text, inner))
)
def test_the_depth_of_json_is_what_the_parser_would_meet(value):
    def depth(v):
        inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    text = json.dumps(value).encode()

    nesting(text, evolve(DEFAULT, json_depth=depth(value)))
    if depth(value):
        with pytest.raises(TooLarge):
            nesting(text, evolve(DEFAULT, json_depth=depth(value) - 1))


LINES = [plain.dump(r, plain.RECORD) for r in records(SMALL)]


@pytest.mark.parametrize("line", LINES)
def test_a_line_of_another_shape_is_corrupt_and_nothing_is_coerced(line):
    def within(part, whole):
        if isinstance(part, dict) and isinstance(whole, dict):  # what is left out has its default
            return all(k in whole and within(v, whole[k]) for k, v in part.items())
        if isinstance(part, list) and isinstance(whole, list):
            return len(part) == len(whole) and all(map(within, part, whole))
        return json.dumps(part) in (json.dumps(whole), json.dumps(whole).removesuffix(".0"))

    def mutants(v):
        for wrong in (None, [], {}, "?", -1, 1.5, True, [[]], {"is": []}):
            if type(wrong) is not type(v) or wrong in (True, -1):
                yield wrong
        if isinstance(v, dict):
            for key in v:
                yield {k: w for k, w in v.items() if k != key}
                yield from ({**v, key: m} for m in mutants(v[key]))
            yield {**v, "spare": 1}
        elif isinstance(v, list):
            yield from ([*v[:i], m, *v[i + 1 :]] for i in range(len(v)) for m in mutants(v[i]))

    for mutant in mutants(json.loads(line.decode("utf-8", "surrogatepass"))):
        try:
            read = plain.load_record(json.dumps(mutant, ensure_ascii=False).encode(), DEFAULT)
        except CorruptTape:
            continue
        assert within(mutant, json.loads(plain.dump(read, plain.RECORD)))


def test_timing_is_exact_to_the_last_bit():
    took = Timing(1_700_000_000.123456789, 0.1 + 0.2, 5e-324)
    tape = Tape((Exchange(Request("GET", "u"), Response(200), timing=took),))

    assert timed(unpack(pack(tape))) == [took]
