"""Rows say what records say, by numbers where something came before; and nothing in them is coerced."""

import json

import pytest
from attrs import evolve
from hypothesis import example, given
from hypothesis import strategies as st
from tapes import SMALL, tapes, timed

from tracefork.codec import strict_json
from tracefork.codec.limits import DEFAULT
from tracefork.codec.records import Asked, Ended, Header, fold, list_records
from tracefork.codec.rows.rows import RowReader, RowWriter
from tracefork.core.values import Request, Response, Span, Timing
from tracefork.errors import CorruptTape


class Beside:
    """The bytes of bodies, as a list."""

    def __init__(self, parts=()):
        self.parts = list(parts)

    def literal(self, data):
        if isinstance(data, bytes):
            self.parts.append(data)
            return None
        part = self.parts.pop(0)
        if len(part) != data:
            raise CorruptTape("the bytes of another body")
        return part

    def response(self, chunks):
        if isinstance(chunks, tuple):
            self.parts += chunks
            return [*map(len, chunks)]
        return tuple(map(self.literal, chunks))


def written(told, parent=()):
    """The rows of records as JSON, and the bytes beside."""
    writer, beside = RowWriter(parent), Beside()
    return [strict_json.encode(writer.write(record, beside)[0]) for record in told], beside.parts


def read(rows, parts, parent=()):
    reader, beside = RowReader(parent, DEFAULT), Beside(parts)
    with strict_json.damage():
        return [reader.read(strict_json.parse(row, DEFAULT), beside) for row in rows]


@example(SMALL)
@given(tapes())
def test_rows_give_the_records_back(tape):
    back = fold(Header.of(tape), read(*written(list_records(tape))))

    assert back == tape
    assert timed(back) == timed(tape)


@given(tapes(), tapes())
def test_rows_that_refer_to_a_parent_give_the_records_back(tape, parent):
    tape = evolve(tape, steps=(*tape.steps, *shifted(parent.steps, tape)))
    told = list_records(tape)

    assert fold(Header.of(tape), read(*written(told, parent.steps), parent.steps)) == tape


def shifted(steps, tape):
    by = 1 + max([s.span.ended for s in tape.steps] + [p.headed or p.began for p in tape.pending], default=0)
    return [
        evolve(s, span=Span(*(getattr(s.span, n) + by for n in ("began", "headed", "ended")))) for s in steps
    ]


def test_a_writer_gives_each_record_back_with_its_body_in_less_room():
    writer, told = RowWriter(), list_records(SMALL)
    kept = [writer.write(record, Beside())[1] for record in told]

    assert kept == list(told)
    assert [
        type(r.question.kept) for r in kept if isinstance(r, Asked) and isinstance(r.question, Request)
    ] != [bytes]


def test_headers_that_came_before_are_a_number():
    headers = (("content-type", "application/json"), ("x-a", "1"), ("x-a", "1"))
    again = (*headers, ("x-b", "2"))
    told = [Asked(n, Request("GET", "u", h), "", n, 0.0) for n, h in enumerate([headers, headers, again])]
    rows, parts = written(told)

    assert [json.loads(row)[5][2] for row in rows] == [
        [["content-type", "application/json"], ["x-a", "1"], 1],
        0,
        [0, 1, 1, ["x-b", "2"]],
    ]
    assert read(rows, parts) == told


@pytest.mark.parametrize(
    "headers", [b"[-1]", b"[true]", b"-1", b"true", b"[7]", b'["ab"]', b'[["a","\xc4\x80"]]']
)
def test_headers_that_are_none_are_refused(headers):
    known = (("a", "1"), ("b", "2"))
    rows, parts = written([Asked(n, Request("GET", "u", h), "", n, 0.0) for n, h in enumerate([known, ()])])
    assert b'"u",[],' in rows[1]

    with pytest.raises(CorruptTape):
        read([rows[0], rows[1].replace(b'"u",[],', b'"u",%s,' % headers)], parts)


@given(
    st.floats(allow_nan=False, allow_infinity=False),
    st.lists(
        st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 9_000).map(lambda n: n / 1000)
    ),
)
def test_times_are_exact_to_the_last_bit(at, chunks):
    took = Timing(at, at / 3, 5e-324, tuple(chunks), 3, None)
    told = [
        Asked(0, Request("GET", "u"), "", 0, at),
        Ended(0, Response(200), Span(0, 1, 2), took),
        Asked(1, Request("GET", "u"), "", 3, at / 7),
    ]
    back = read(*written(told))

    assert back == told
    assert back[1].timing == took


def test_whole_microseconds_take_little_room():
    at = 1_700_000_000.123456
    told = [Asked(n, Request("GET", "u"), "", n, at + n) for n in range(3)]

    assert json.loads(written(told)[0][2])[4] == 1_000_000


def test_a_body_is_no_truth_value_and_a_time_is_finite():
    (asked, ended), parts = written(
        [Asked(0, Request("GET", "u"), "", 0, 0.0), Ended(0, Response(200), Span(0, 1, 2))]
    )

    with pytest.raises(CorruptTape, match="where a list belongs"):
        read([asked.replace(b'["GET","u",[],[0]]', b"true")], parts)
    with pytest.raises(CorruptTape, match="finite"):
        read([asked.replace(b'"",0,0,', b'"",0,1e999,')], parts)
    assert read([asked, ended], parts)


@pytest.mark.parametrize(
    "row",
    [
        b"[]",
        b"5",
        b"{}",
        b'["z",0]',
        b'["a",0,"",0,0,0]',
        b'["a",0,"",0,0,-1]',
        b'["a",0,"",0,0,["GET","u",0,[0]]]',
        b'["a",0,"",0,0,["GET","u",[],[1,0,1]]]',
        b'["a",0,"",0,0,["GET","u",[],[0,-2,1]]]',
        b'["a",0,"",0,0,["GET","u",[],[0,0]]]',
        b'["a",0,"",0,0,["GET","u",[["a"]],[0]]]',
        b'["a",0,"",0,0,["GET","u",[["a","\xd0\xb6"]],[0]]]',
        b'["e",0,[0,1,1],0,0]',
        b'["e",0,[0,1],{"is":"Fault","kind":"x","message":""},[null,0,0,[],null,null]]',
        b'["c",{"kind":"died","type":"","message":""}]',
        b'["c",{"kind":"returned","type":"","message":"","spare":1}]',
    ],
)
def test_a_row_of_another_shape_is_corrupt(row):
    with pytest.raises(CorruptTape):
        read([row], [])


def mutants(value):
    """`value` with one thing in it of another type, missing or too much."""
    for wrong in (None, [], {}, "?", -1, 1.5, True, [[]], {"is": []}):
        if type(wrong) is not type(value):
            yield wrong
    if isinstance(value, dict):
        for key in value:
            yield {k: v for k, v in value.items() if k != key}
            yield from ({**value, key: m} for m in mutants(value[key]))
        yield {**value, "spare": 1}
    elif isinstance(value, list):
        yield from ([*value[:i], m, *value[i + 1 :]] for i in range(len(value)) for m in mutants(value[i]))
        yield [*value, 0]


def within(part, whole):
    """True when `whole` says all that `part` does; what is left out has its default."""
    if isinstance(part, dict) and isinstance(whole, dict):
        return all(k in whole and within(v, whole[k]) for k, v in part.items())
    if isinstance(part, list) and isinstance(whole, list):
        return len(part) == len(whole) and all(map(within, part, whole))
    return json.dumps(part) in (json.dumps(whole), json.dumps(whole).removesuffix(".0"))


ROWS, PARTS = written(list_records(SMALL))


@pytest.mark.parametrize("number", range(len(ROWS)))
def test_a_row_of_another_shape_is_corrupt_and_nothing_is_coerced(number):
    for mutant in mutants(json.loads(ROWS[number])):
        rows = [*ROWS[:number], json.dumps(mutant).encode()]
        try:
            told = read(rows, PARTS)
        except CorruptTape:
            continue
        again = written(told)[0][number]
        assert within(mutant, json.loads(again)) or same(told, read([*ROWS[:number], again], PARTS)), mutant


def same(one, other):
    return one == other and list(map(repr, one)) == list(map(repr, other))
