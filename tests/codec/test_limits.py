"""What bytes claim is believed up to a limit, in both forms alike."""

import json

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from logs import chunks_of
from tapes import SMALL, any_text

from tracefork.codec import journal, pack, strict_json
from tracefork.codec.limits import DEFAULT, Limits, check_nesting
from tracefork.core.tape import Tape
from tracefork.core.values import Exchange, Request, Response, Span
from tracefork.errors import CorruptTape, TooLarge


@pytest.mark.parametrize(
    "limits",
    [
        Limits(total=200),
        Limits(blob=4),
        Limits(bodies=7),
        Limits(bodies=12),
        Limits(steps=2),
        Limits(headers=0),
        Limits(json_depth=2),
        Limits(json_items=5),
        Limits(free=100, ratio=1),
        Limits(window=1 << 10),
    ],
)
def test_what_is_over_a_limit_is_too_large_in_both_forms(limits):
    tape = evolve(SMALL, steps=(*SMALL.steps, LARGE)) if limits.window < DEFAULT.window else SMALL
    with pytest.raises(TooLarge):
        pack.unpack(pack.pack(tape), limits=limits)
    with pytest.raises(TooLarge):
        journal.unroll(chunks_of(tape, 20), "small", limits=limits)


any_json = st.recursive(
    st.none() | st.text('[]{}",\\a', max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text('[]{}"', max_size=3), inner, max_size=3)
    ),
    max_leaves=30,
)

LARGE = Exchange(
    Request("GET", "u"),
    Response(200, chunks=(b"".join(b"%d" % (n * n) for n in range(90_000)),)),
    "",
    Span(20, 21, 22),
)


@pytest.mark.parametrize(
    "limits",
    [Limits(blob=16), Limits(steps=4), Limits(headers=1), Limits(json_depth=5), Limits(json_items=60)],
)
def test_what_is_just_within_a_limit_is_read_in_both_forms(limits):
    assert pack.unpack(pack.pack(SMALL), limits=evolve(limits, json_items=200)) == SMALL
    assert journal.unroll(chunks_of(SMALL), "small", limits=limits) == SMALL


def test_the_limits_of_a_log_are_for_all_its_chunks_together():
    chunks = chunks_of(SMALL)
    most = sum(map(len, chunks)) // 3

    with pytest.raises(TooLarge):
        journal.unroll(chunks, "small", limits=Limits(total=most))


def test_all_bodies_together_are_limited_written_out():
    body = bytes(100_000)
    steps = [
        Exchange(
            Request("POST", "u", body=body + b"%d" % n), Response(200), span=Span(3 * n, 3 * n + 1, 3 * n + 2)
        )
        for n in range(20)
    ]
    tape = Tape(tuple(steps), run_id="small")

    assert len(pack.unpack(pack.pack(tape), limits=Limits(bodies=2_001_000))) == 20
    for read in (
        lambda: pack.unpack(pack.pack(tape), limits=Limits(bodies=1_900_000)),
        lambda: journal.unroll(chunks_of(tape), "small", limits=Limits(bodies=1_900_000)),
    ):
        with pytest.raises(TooLarge, match="all bodies"):
            read()


def test_what_compresses_beyond_the_ratio_still_loads_by_default():
    tape = Tape((Exchange(Request("GET", "u"), Response(200, chunks=(b"\x41" * 40_000_000,))),), run_id="r")
    packed = pack.pack(tape)
    chunks = chunks_of(tape)

    assert len(packed) < 100_000
    assert pack.unpack(packed) == tape
    assert journal.unroll(chunks, "r") == tape


@given(
    st.recursive(any_text | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(any_text, inner))
)
def test_the_depth_of_json_is_what_the_parser_would_meet(value):
    def depth(v):
        inner = v.values() if isinstance(v, dict) else v if isinstance(v, list) else None
        return 0 if inner is None else 1 + max(map(depth, inner), default=0)

    text = json.dumps(value).encode()

    check_nesting(text, evolve(DEFAULT, json_depth=depth(value)))
    if depth(value):
        with pytest.raises(TooLarge):
            check_nesting(text, evolve(DEFAULT, json_depth=depth(value) - 1))


@pytest.mark.parametrize("value", [SMALL.outcome, SMALL.parent])
def test_a_value_reads_as_it_was_dumped(value):
    assert strict_json.load(strict_json.dump(value), type(value), DEFAULT) == value


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (b'{"kind":"returned","type":5,"message":""}', "where text belongs"),
        (b'{"kind":"gone","type":"","message":""}', "wants one of"),
        (b'{"kind":"returned","spare":1}', "Extra"),
        (b'{"kind":NaN}', "NaN is not JSON"),
        (b'{"kind":', "JSONDecodeError"),
        (b"\xff", "UnicodeDecodeError"),
        (b"[]", "shape"),
    ],
)
def test_a_text_of_another_shape_is_corrupt(line, problem):
    with pytest.raises(CorruptTape, match=problem):
        strict_json.load(line, type(SMALL.outcome), DEFAULT)


def plainly(text):
    """How deep the brackets of JSON go, told one character at a time."""
    deepest = depth = 0
    within = escaped = False
    for character in text.decode():
        if escaped:
            escaped = False
        elif character == "\\":
            escaped = True
        elif character == '"':
            within = not within
        elif not within:
            depth += (character in "[{") - (character in "]}")
            deepest = max(deepest, depth)
    return deepest


@given(st.text('[]{}",:a', max_size=60).map(str.encode) | any_json.map(json.dumps).map(str.encode))
def test_depth_is_told_as_by_a_look_at_each_character(text):
    depth = plainly(text)

    check_nesting(text, Limits(json_depth=depth))
    if depth:
        with pytest.raises(TooLarge, match="levels"):
            check_nesting(text, Limits(json_depth=depth - 1))
