"""zstd compression, and decompression with a hard output limit.

Nothing is allocated for a size that a header merely claims, and a bomb stops early.

What shrinks beyond the default ratio is padded up to it, so that the limits which
stop a bomb never stop a tape of our own: a whole frame by a skippable one, a
stream by empty blocks.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence

import zstandard

from ...errors import CorruptTape, TooLarge
from ..limits import DEFAULT, Limits

WINDOW = 23
"""Log of the bytes that a compressor looks back."""

_TABLES = 20  # log of the entries of a compressor's tables: 22 and 23 save a hundredth, and take 40 MB

_SKIP = struct.Struct("<II")
_SKIPPABLE = 0x184D2A50
_EMPTY_BLOCK = bytes(3)  # raw, of no bytes, not the last
_PIECE = 1 << 18  # bytes that are taken at once, so that what is only claimed is not there to be kept; or ...
_LIKELY = 16  # ... so many times those that hold them: zstd then needs no window beside
_SIP = 512  # bytes of a stream that are taken at once: at most 16 MiB come of them


def compress(columns: Sequence[bytes | bytearray], level: int, dictionary: bytes = b"") -> bytes:
    """Compress `columns`, one behind the other, into one zstd frame that says its size."""
    size = sum(map(len, columns))
    stream = _make_compressor(level, dictionary, size).compressobj(size=size)
    packed = b"".join([*map(stream.compress, columns), stream.flush()])
    missing = size // DEFAULT.ratio - len(packed)
    if missing <= 0:
        return packed
    return packed + _SKIP.pack(_SKIPPABLE, missing) + bytes(missing)


def decompress(
    packed: bytes | memoryview,
    size: int,
    most: int,
    limits: Limits,
    dictionary: bytes = b"",
    *,
    torn: bool = False,
) -> bytes:
    """Undo `compress`: return the `size` bytes of all columns, at most `most`.

    Of `torn` data what comes before the damage is returned.

    Raises:
        TooLarge: it says it is larger, or wants a larger window.
        CorruptTape: it is no zstd frame, or not of this size.
    """
    if size > most:
        raise TooLarge(f"it expands to {size:,} bytes, {most:,} are allowed")
    pieces, missing = list[bytes](), size
    at_once = _PIECE if torn else max(_PIECE, _LIKELY * len(packed))
    try:
        header = zstandard.get_frame_parameters(packed)
        if header.content_size != size and not torn:
            raise CorruptTape(f"its columns have {size:,} bytes, and what holds them {header.content_size:,}")
        if header.window_size > limits.window and header.content_size > limits.window:
            raise TooLarge(
                f"it wants a window of {header.window_size:,} bytes, the limit is {limits.window:,}"
            )
        with _make_decompressor(limits, dictionary).stream_reader(packed) as reader:
            while missing and (piece := reader.read(min(at_once, missing))):
                pieces.append(piece)
                missing -= len(piece)
            if not torn and (missing or reader.read(1)):
                raise CorruptTape(f"it has not the {size:,} bytes that it says")
    except zstandard.ZstdError as error:
        if not torn:
            raise CorruptTape(f"the compressed data are damaged: {error}") from error
    return b"".join(pieces)


class Compressor:
    """One zstd stream of which every piece can be undone once those before it were. Not thread-safe."""

    def __init__(self, level: int = 6, dictionary: bytes = b"") -> None:
        self._stream = _make_compressor(level, dictionary).compressobj()

    def piece(self, raw: bytes) -> bytes:
        packed = self._stream.compress(raw) + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        missing = len(raw) // DEFAULT.ratio - len(packed)
        return packed + _EMPTY_BLOCK * -(-max(missing, 0) // len(_EMPTY_BLOCK))


class Decompressor:
    """Undoes a `Compressor`, piece by piece."""

    def __init__(self, limits: Limits, dictionary: bytes = b"") -> None:
        self._stream = _make_decompressor(limits, dictionary).decompressobj()

    def piece(self, packed: bytes, most: int) -> bytes:
        """Return the next piece, of at most `most` bytes.

        Raises:
            TooLarge: it has more, or wants a larger window than the limits allow.
            CorruptTape: it is none.
        """
        raw = bytearray()
        try:
            for at in range(0, len(packed), _SIP):
                raw += self._stream.decompress(packed[at : at + _SIP])
                if len(raw) > most:
                    raise TooLarge(f"it expands to more than the {most:,} bytes that are allowed")
        except zstandard.ZstdError as error:
            if "memory" in str(error):  # how zstd says that a window is too large
                raise TooLarge(f"it wants a larger window than is allowed: {error}") from error
            raise CorruptTape(f"the compressed data are damaged: {error}") from error
        return bytes(raw)


def _make_compressor(level: int, dictionary: bytes, size: int = 0) -> zstandard.ZstdCompressor:
    chosen = zstandard.ZstdCompressionParameters.from_level(level, source_size=size)
    tables = min(chosen.hash_log, _TABLES), min(chosen.chain_log, _TABLES)
    chosen = zstandard.ZstdCompressionParameters.from_level(
        level, source_size=size, window_log=WINDOW, hash_log=tables[0], chain_log=tables[1]
    )
    if not dictionary:
        return zstandard.ZstdCompressor(compression_params=chosen)
    return zstandard.ZstdCompressor(compression_params=chosen, dict_data=_make_dictionary(dictionary))


def _make_decompressor(limits: Limits, dictionary: bytes) -> zstandard.ZstdDecompressor:
    if not dictionary:
        return zstandard.ZstdDecompressor(max_window_size=limits.window)
    return zstandard.ZstdDecompressor(max_window_size=limits.window, dict_data=_make_dictionary(dictionary))


def _make_dictionary(dictionary: bytes) -> zstandard.ZstdCompressionDict:
    return zstandard.ZstdCompressionDict(dictionary, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
