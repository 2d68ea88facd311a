"""Content-encoding undone, for those who look at a body; matching and replay keep it raw."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module

from ..core.values import Headers

MOST = 256 * 2**20
"""Bytes of a decoded body; what is larger is left encoded."""


def is_encoded(headers: Headers) -> bool:
    """True when the headers say that the body is compressed."""
    return bool(_encodings(headers))


def decoded(headers: Headers, chunks: tuple[bytes, ...], most: int = MOST) -> tuple[bytes, ...] | None:
    """Return what each chunk decodes to, as many pieces as chunks; the tail goes with the last.

    None when an encoding is unknown here, the data does not decode, or there are
    more than `most` bytes.
    """
    pieces = list(chunks)
    for encoding in reversed(_encodings(headers)):
        opened = _DECODERS.get(encoding, lambda: None)()
        if opened is None:
            return None
        decode, flush = opened
        size = 0
        try:
            for n, piece in enumerate(pieces):
                pieces[n] = decode(piece)
                size += len(pieces[n])
                if size > most:
                    return None
            if pieces:
                pieces[-1] += flush()
        except Exception:  # noqa: BLE001  each library raises its own; undecodable is an answer here
            return None
    return tuple(pieces)


def _encodings(headers: Headers) -> list[str]:
    said = [v for n, v in headers if n.lower() == "content-encoding"]
    names = [name.strip().lower() for value in said for name in value.split(",")]
    return [name for name in names if name not in ("", "identity")]


_Decoder = tuple[Callable[[bytes], bytes], Callable[[], bytes]]


def _zlib(bits: int) -> Callable[[], _Decoder]:
    def opened() -> _Decoder:
        it = zlib.decompressobj(bits)
        return (lambda piece: it.decompress(piece, MOST + 1)), it.flush

    return opened


def _deflate() -> _Decoder:
    """Deflate as RFC 9110 has it, in a zlib frame; or bare, as some servers send it."""
    it = zlib.decompressobj()
    started = False

    def decode(piece: bytes) -> bytes:
        nonlocal it, started
        if started:
            return it.decompress(piece, MOST + 1)
        started = bool(piece)
        try:
            return it.decompress(piece, MOST + 1)
        except zlib.error:
            it = zlib.decompressobj(-zlib.MAX_WBITS)
            return it.decompress(piece, MOST + 1)

    return decode, lambda: it.flush()  # noqa: PLW0108  `it` may be another by then


def _zstd() -> _Decoder:
    import zstandard  # noqa: PLC0415  only bodies in zstd need it

    it = zstandard.ZstdDecompressor(max_window_size=2**27).decompressobj(read_across_frames=True)
    return it.decompress, lambda: b""


def _brotli() -> _Decoder | None:
    for name in ("brotli", "brotlicffi"):  # neither is a dependency: a client that asked for br has one
        try:
            it = import_module(name).Decompressor()
        except ImportError:
            continue
        decode = it.process if hasattr(it, "process") else it.decompress
        return decode, lambda: b""
    return None


_DECODERS: dict[str, Callable[[], _Decoder | None]] = {
    "gzip": _zlib(16 + zlib.MAX_WBITS),
    "x-gzip": _zlib(16 + zlib.MAX_WBITS),
    "deflate": _deflate,
    "zstd": _zstd,
    "br": _brotli,
}
