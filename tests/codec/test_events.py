"""Responses split into columns come back to the byte, with the chunks the agent saw, whatever is in them."""

import json
from hashlib import sha256
from itertools import pairwise

import pytest
from attrs import evolve
from conversations import anthropic_events, openai_events
from hypothesis import example, given
from hypothesis import strategies as st

from tracefork.codec.frames.zstd import compress
from tracefork.codec.limits import DEFAULT
from tracefork.codec.rows.event_reader import EventReader
from tracefork.codec.rows.event_streams import Columns, EventWriter
from tracefork.codec.strict_json import damage, parse
from tracefork.errors import CorruptTape

separators = st.sampled_from([b"\n\n", b"\r\n\r\n", b"\n", b"\r\r", b"\n\n\n", b"\n\r\n"])
fillings = st.binary(max_size=12) | st.sampled_from(
    [
        b"",
        b'\\"',
        b'"',
        b"\x00",
        b"\\",
        b'\\\\"',
        b"\xff\xfe",
        b"x" * 255,
        b"x" * 256,
        b"y" * 5_000,
        b"\n\n",
        b"\r\n\r\n",
    ]
)
shapes = st.sampled_from(
    [
        [b'data: {"text": "', b'"}'],
        [b'event: delta\ndata: {"index": 0, "delta": "', b'", "id": "', b'"}'],
        [b'data: {"a": "', b'", "b": "', b'", "c": "', b'", "d": "', b'", "e": "', b'"}'],
        [b": ping", b""],
        [b"data: [DONE]", b""],
        [b'data: "odd', b""],
    ]
)


@st.composite
def streams(draw):
    """A body of events of a few shapes, cut anywhere."""
    separator, out = draw(separators), []
    for _ in range(draw(st.integers(0, 9))):
        parts = draw(shapes)
        event = parts[0]
        for part in parts[1:]:
            event += draw(fillings) + part
        out.append(event)
    body = separator.join(out) + (separator if draw(st.booleans()) else b"") + draw(st.binary(max_size=3))
    if draw(st.booleans()):
        ends = [at + len(separator) for at in range(len(body)) if body.startswith(separator, at)]
    else:
        ends = draw(st.lists(st.integers(0, len(body)), max_size=6))
    cuts = [0, *sorted(ends), len(body)]
    return tuple(body[low:high] for low, high in pairwise(cuts))


def split(responses, between=()):
    """Where the responses lie, as JSON gives it back, and a reader of their columns."""
    writer, cuts = EventWriter(), []
    for n, chunks in enumerate(responses):
        writer.literal(between[n] if n < len(between) else b"")
        cuts.append(json.loads(json.dumps(writer.response(chunks))))
    templates = [tuple(part.encode("latin-1") for part in template) for template in writer.templates]
    return cuts, EventReader(Columns(*map(bytes, writer.columns())), templates)


@example([(b"\n\n" * 5,), (b"",), (), (b"", b"")], [])
@example([(b'd: "a"\n\n' * 4,), (b'd: "b"\n\n' * 4, b'd: "')], [])
@given(st.lists(streams(), max_size=4), st.lists(st.binary(max_size=9), max_size=4))
def test_what_was_split_joins_again(responses, between):
    cuts, reader = split(responses, between)

    for n, (cut, chunks) in enumerate(zip(cuts, responses)):
        assert reader.literal(len(between[n]) if n < len(between) else 0) == (
            between[n] if n < len(between) else b""
        )
        made = reader.response(cut)
        if not isinstance(made, tuple):
            body = b"".join(chunks)
            assert bytes(made) == body
            assert (len(made), made.sha256()) == (len(body), sha256(body).hexdigest())
            assert made.lengths() == tuple(map(len, chunks))
            assert made == chunks
            assert hash(made) == hash(chunks)
            made = made.chunks()
        assert made == chunks
    assert reader.at_end


@pytest.mark.parametrize("newline", [b"\n", b"\r\n"])
@pytest.mark.parametrize("vendor", [anthropic_events, openai_events])
def test_the_streams_of_vendors_become_what_fills_them(vendor, newline):
    said = " ".join(f"{n * n % 8191:x}" for n in range(300))
    chunks = tuple(event.replace(b"\n", newline) for event in vendor(said, "msg_1"))
    cuts, reader = split([chunks] * 2)

    assert all(not isinstance(made := reader.response(cut), tuple) and made == chunks for cut in cuts)
    assert len(reader.columns.text) < 2.5 * len(said) + 1_000
    assert len(reader.templates) < 6


def test_an_escaped_quotation_mark_fills_a_hole():
    chunks = tuple(b'data: {"text": "%s"}\n\n' % text for text in (b"a", rb"\"b\"", rb"c\"", rb"\"", b"d"))
    cuts, reader = split([chunks])

    assert reader.response(cuts[0]) == chunks
    assert reader.columns.text.endswith(rb"\"b\"c\"\"d")


def test_a_body_with_a_nul_stands_as_it_is():
    chunks = tuple(b'data: {"text": "%d\x00"}\n\n' % n for n in range(9))
    cuts, reader = split([chunks])

    assert reader.columns.events == b""
    assert reader.response(cuts[0]) == chunks


def test_more_kinds_of_events_than_there_are_numbers_stand_as_they_are():
    chunks = tuple(b'data: {"at": %d, "text": "%d"}\n\n' % (n // 3, n) for n in range(1_200))
    cuts, reader = split([chunks])

    assert len(reader.templates) == 256
    assert reader.response(cuts[0]) == chunks


def test_a_response_is_made_again_on_each_look():
    chunks = tuple(anthropic_events("one two three", "msg"))
    cuts, reader = split([chunks])
    made = reader.response(cuts[0])

    assert [bytes(made), bytes(made)] == [b"".join(chunks)] * 2


def test_splitting_saves_room():
    body = [tuple(anthropic_events(" ".join(f"{n * m:x}" for n in range(90)), f"m{m}")) for m in range(9)]
    _, reader = split(body)
    split_ = b"".join(
        (reader.columns.events, reader.columns.firsts, reader.columns.text, reader.columns.cuts)
    )

    assert len(compress([split_], 12)) < 0.9 * len(compress([b"".join(map(b"".join, body))], 12))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats(-9, 9) | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=9,
)


@given(st.lists(json_values, max_size=4))
def test_places_that_nobody_wrote_are_corrupt_or_lie_within(places):
    _, reader = split([tuple(anthropic_events("one two three", "msg"))])
    whole = sum(map(len, anthropic_events("one two three", "msg")))
    for place in places:
        try:
            with damage():
                made = reader.response(parse(json.dumps(place).encode(), DEFAULT))
        except CorruptTape:
            continue
        assert sum(map(len, made if isinstance(made, tuple) else made.chunks())) <= whole


@pytest.mark.parametrize("column", ["firsts", "others", "side", "text", "cuts", "events"])
def test_events_that_reach_beyond_what_is_kept_are_refused_before_anyone_looks(column):
    chunks = tuple(b'd: {"a": "%d", "b": "x%d"}\n\n' % (n, n) for n in range(9))
    cuts, reader = split([chunks])
    short = evolve(reader.columns, **{column: getattr(reader.columns, column)[:-1]})

    with pytest.raises(CorruptTape):
        EventReader(short, reader.templates[1:]).response(cuts[0])
