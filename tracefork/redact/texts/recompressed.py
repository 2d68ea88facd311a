"""Compresses a body again after it was changed: piece by piece, as a server streams it. Pure."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from ...core.content_encoding import list_encodings
from ...core.values import Headers
from .encoded import Unwritable

_EMPTY = b"\0\0\0\xff\xff"
"""A block of deflate that holds nothing."""


def encode_pieces(headers: Headers, pieces: Sequence[bytes], *, whole: bool) -> tuple[bytes, ...]:
    """Return `pieces` in the encodings that `headers` name: each decodes to its piece when it is read.

    A body that is not `whole` has no end, as if it had been cut there.

    Raises:
        Unwritable: nothing here makes one of these encodings.
    """
    made = tuple(pieces)
    for name in list_encodings(headers):
        if (encoder := _ENCODERS.get(name, _unknown)()) is None:
            raise Unwritable
        last = len(made) - 1
        made = tuple([encoder.piece(piece, end=whole and n == last) for n, piece in enumerate(made)])
    return made


class _Encoder(Protocol):
    """Makes one encoding, piece by piece."""

    def piece(self, piece: bytes, *, end: bool) -> bytes:
        """What decodes to `piece`, behind what was made before; `end` ends it all."""
        ...


class _Zlib:
    """gzip, and deflate in a zlib frame."""

    def __init__(self, bits: int) -> None:
        self._it = zlib.compressobj(wbits=bits)

    def piece(self, piece: bytes, *, end: bool) -> bytes:
        made = self._it.compress(piece) + self._it.flush(zlib.Z_FINISH if end else zlib.Z_SYNC_FLUSH)
        return made or _EMPTY


class _Zstd:
    def __init__(self) -> None:
        self._library = import_module("zstandard")
        self._it = self._library.ZstdCompressor().compressobj()

    def piece(self, piece: bytes, *, end: bool) -> bytes:
        how = self._library.COMPRESSOBJ_FLUSH_FINISH if end else self._library.COMPRESSOBJ_FLUSH_BLOCK
        made: bytes = self._it.compress(piece) + self._it.flush(how)
        return made


class _Brotli:
    def __init__(self, it: Any) -> None:
        self._it = it
        self._compress = it.process if hasattr(it, "process") else it.compress

    def piece(self, piece: bytes, *, end: bool) -> bytes:
        made: bytes = self._compress(piece) + (self._it.finish() if end else self._it.flush())
        return made


def _brotli() -> _Encoder | None:
    for name in ("brotli", "brotlicffi"):
        try:
            return _Brotli(import_module(name).Compressor())
        except ImportError:
            continue
    return None


def _unknown() -> _Encoder | None:
    return None


def _gzip() -> _Encoder:
    return _Zlib(16 + zlib.MAX_WBITS)


def _deflate() -> _Encoder:
    return _Zlib(zlib.MAX_WBITS)


_ENCODERS: dict[str, Callable[[], _Encoder | None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _deflate,
    "zstd": _Zstd,
    "br": _brotli,
}
