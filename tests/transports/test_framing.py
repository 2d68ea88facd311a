"""The framing of bodies, wherever the bytes are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tracefork.transports._framing import LAST_CHUNK, WHOLE, Framing, frame, read_fault

PIECES = st.lists(st.binary(min_size=1, max_size=40), max_size=5)


def feed(framing, data, sizes):
    """Give `data` to `framing` in parts of these sizes, again and again; return the pieces."""
    pieces, at, turn = [], 0, 0
    while at < len(data):
        size = sizes[turn % len(sizes)]
        pieces += framing.feed(data[at : at + size])
        at, turn = at + size, turn + 1
    return pieces


SIZES = st.lists(st.integers(1, 30), min_size=1, max_size=4)


@given(PIECES, SIZES)
def test_chunks_are_told_from_their_framing_wherever_they_are_cut(pieces, sizes):
    framing, data = Framing(None, chunked=True), b"".join(map(frame, pieces)) + LAST_CHUNK

    assert b"".join(feed(framing, data, sizes)) == b"".join(pieces)
    assert framing.over and framing.may_end and not framing.broken


@given(PIECES, SIZES)
def test_a_body_with_a_length_is_over_with_its_last_byte(pieces, sizes):
    body = b"".join(pieces)
    framing = Framing(len(body))
    found = feed(framing, body + b"what follows", sizes)

    assert b"".join(found) == body and framing.over


@given(PIECES, st.data())
def test_chunks_that_end_too_early_are_written_again_byte_for_byte(pieces, data):
    """Wherever it ends: what is kept of it is enough to end there again."""
    wire = b"".join(map(frame, pieces))
    wire = wire[: data.draw(st.integers(0, len(wire)))]
    framing = Framing(None, chunked=True)
    taken = framing.feed(wire)
    cut = read_fault(framing.fault(sum(map(len, taken))))
    again = b"".join(map(frame, taken[:-1])) + (frame(taken[-1], cut) if taken else cut.tail)

    assert again == wire and not framing.over


@given(PIECES, st.binary(max_size=9).filter(lambda line: b"\n" not in line and b";" not in line))
def test_a_size_that_is_none_is_written_again(pieces, line):
    try:
        if int(line, 16) >= 0:
            return
    except ValueError:
        pass
    framing = Framing(None, chunked=True)
    taken = framing.feed(b"".join(map(frame, pieces)) + line + b"\r\n")
    cut = read_fault(framing.fault(0))

    assert framing.broken and cut.tail == line + b"\r\n" and taken == pieces
    assert cut.end == WHOLE.end
