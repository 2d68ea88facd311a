import pytest
from hypothesis import given
from hypothesis import strategies as st

from tracefork.providers.sse import Event, encode, events, find_ends, list_data

LINES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n"))
NAMES = LINES.filter(lambda name: name and not name.startswith(" "))


def read(body):
    return list(events(body))


@given(NAMES, st.lists(LINES, min_size=1))
def test_what_is_encoded_is_read_back(name, lines):
    data = "\n".join(lines)

    assert read(encode(name, data)) == [Event(name, data)]


@given(st.lists(st.tuples(NAMES, LINES)))
def test_events_are_read_in_the_order_they_were_written(pairs):
    body = b"".join(encode(name, data) for name, data in pairs)

    assert [(e.event, e.data) for e in events(body)] == pairs


@given(st.binary())
def test_reading_never_fails(body):
    read(body)


PARTS = [
    "data",
    "data:",
    "data: ",
    ":",
    "event: data",
    "id: 1",
    "x",
    "é",
    "\ufeff",
    "\n",
    "\n",
    "\n\n",
    "\r\n",
    "\r",
]
BODIES = st.lists(st.sampled_from(PARTS)).map("".join).map(str.encode)


@given(st.one_of(st.binary(), BODIES, BODIES.map(lambda body: body.replace(b"\r", b""))))
def test_the_data_alone_are_those_of_the_events(body):
    assert list_data(body) == [event.data for event in read(body)]


@given(st.one_of(BODIES, BODIES.map(lambda body: body.replace(b"\r", b""))))
def test_an_event_ends_where_a_body_that_is_cut_there_has_it_and_one_byte_before_has_not(body):
    ends = find_ends(body)

    assert len(ends) == len(read(body))
    for number, end in enumerate(ends):
        cut = end - 1 if body[end - 2 : end] != b"\r\n" else end - 2  # a CR alone ends a line, too
        assert len(read(body[:end])) == number + 1
        assert len(read(body[:cut])) == number


@given(st.lists(LINES, min_size=1), st.sampled_from(["\r\n", "\r", "\n"]))
def test_each_kind_of_line_end_reads_alike(lines, end):
    body = encode("tick", "\n".join(lines))

    assert read(body.replace(b"\n", end.encode())) == read(body)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"data: a\r\n\r\ndata: b\r\rdata: c\n\n", [Event(data="a"), Event(data="b"), Event(data="c")]),
        (b": a comment\ndata: x\n: another\n\n", [Event(data="x")]),
        (b"data: YHOO\ndata: +2\ndata: 10\n\n", [Event(data="YHOO\n+2\n10")]),
        (b"\xef\xbb\xbfdata: x\n\n", [Event(data="x")]),
        (b"data: one\n\ndata: unfinished\n", [Event(data="one")]),
        (b"data: one\n\ndata: unfinished", [Event(data="one")]),
        (b"data\n\ndata\ndata\n\ndata:", [Event(data=""), Event(data="\n")]),
        (
            b"data:test\n\ndata: test\n\ndata:  test\n\n",
            [Event(data="test"), Event(data="test"), Event(data=" test")],
        ),
        (b"event: ping\n\ndata: x\n\n", [Event(data="x")]),
        (b"event: a\nevent: b\ndata: x\n\n", [Event("b", "x")]),
        (b"whatever: y\ndata: x\n\n", [Event(data="x")]),
        (b"data: a:b\n\n", [Event(data="a:b")]),
        (
            b"id: 1\ndata: a\n\ndata: b\n\nid\ndata: c\n\n",
            [Event(data="a", id="1"), Event(data="b", id="1"), Event(data="c")],
        ),
        (b"id: 1\nid: 2\0\ndata: a\n\n", [Event(data="a", id="1")]),
        (b"retry: 1500\n\nretry: soon\ndata: a\n\n", [Event(data="a", retry=1500)]),
        (b"data: \xe2\x80\xa8\x0b\x0c\xc2\x85\n\n", [Event(data="\u2028\x0b\x0c\x85")]),
        (b"data: \xff\n\n", [Event(data="\ufffd")]),
        (b"", []),
    ],
)
def test_a_body_is_read_as_the_standard_says(body, expected):
    assert read(body) == expected


def test_an_event_without_a_name_writes_no_event_line():
    assert encode("", "[DONE]") == b"data: [DONE]\n\n"


def test_an_event_name_cannot_forge_a_field():
    with pytest.raises(ValueError, match="one line"):
        encode("a\ndata: forged", "x")
