"""What is squeezed comes back, within what its reader allows."""

import random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tracefork.codec.frames.zstd import Compressor, Decompressor, compress, decompress
from tracefork.codec.limits import DEFAULT, Limits
from tracefork.errors import CorruptTape, TooLarge

DICTIONARIES = st.sampled_from(
    [b"", b"x", b"1234567", b"12345678", b"\x37\xa4\x30\xec" * 9, bytes(range(256)) * 40]
)
raws = (
    st.binary(max_size=300)
    | st.integers(0, 3_000_000).map(bytes)
    | st.just(random.Random(1).randbytes(200_000))
)


@example(b"", b"", 12)
@given(raws, DICTIONARIES, st.sampled_from([1, 6, 12]))
def test_what_is_squeezed_expands(raw, dictionary, level):
    cut = len(raw) // 3
    packed = compress([raw[:cut], bytearray(raw[cut:])], level, dictionary)

    assert decompress(packed, len(raw), len(raw), DEFAULT, dictionary) == raw


@given(st.lists(raws, max_size=5), DICTIONARIES)
def test_every_piece_of_a_stream_expands_as_soon_as_it_is_there(pieces, dictionary):
    squeezer, expander = Compressor(dictionary=dictionary), Decompressor(DEFAULT, dictionary)

    for piece in pieces:
        assert expander.piece(squeezer.piece(piece), len(piece)) == piece


@pytest.mark.parametrize("raw", [bytes(40_000_000), b"ab" * 10_000_000])
def test_what_shrinks_beyond_the_ratio_is_padded_so_that_readers_allow_it(raw):
    whole, piece = compress([raw], 6), Compressor().piece(raw)

    assert decompress(whole, len(raw), DEFAULT.allowed(len(whole)), DEFAULT) == raw
    assert Decompressor(DEFAULT).piece(piece, DEFAULT.allowed(len(piece))) == raw
    assert max(len(whole), len(piece)) < 50_000


@given(st.binary(min_size=1, max_size=2_000), st.integers(0, 2_000))
def test_more_than_is_allowed_is_too_large(raw, most):
    if most >= len(raw):
        most = len(raw) - 1

    with pytest.raises(TooLarge):
        decompress(compress([raw], 6), len(raw), most, DEFAULT)
    with pytest.raises(TooLarge):
        Decompressor(DEFAULT).piece(Compressor().piece(raw), most)


@pytest.mark.parametrize("size", [99, 101, 0])
def test_columns_of_another_size_are_corrupt(size):
    with pytest.raises(CorruptTape):
        decompress(compress([b"x" * 100], 6), size, 10_000, DEFAULT)


def test_a_window_over_the_limit_is_too_large():
    raw = random.Random(2).randbytes(3_000_000)

    with pytest.raises(TooLarge, match="window"):
        decompress(compress([raw], 6), len(raw), len(raw), Limits(window=1 << 20))
    with pytest.raises(TooLarge, match="window"):
        Decompressor(Limits(window=1 << 20)).piece(Compressor().piece(raw), len(raw))


@given(st.binary(max_size=200))
def test_what_was_never_squeezed_is_corrupt(data):
    for read in (
        lambda: decompress(data, len(data), 10_000, DEFAULT),
        lambda: Decompressor(DEFAULT).piece(data, 10_000),
    ):
        try:
            read()
        except CorruptTape:
            pass


def test_of_a_torn_frame_what_is_before_the_tear_comes_back():
    raw = random.Random(3).randbytes(1_000_000)
    torn = decompress(compress([raw], 6)[:600_000], len(raw), len(raw), DEFAULT, torn=True)

    assert 400_000 < len(torn) < 600_001
    assert raw.startswith(torn)
