"""Decodes bodies by their content-encoding, for whoever looks at one; matching and replay keep them raw.

A small body may claim to be a large one. Each decoder is given room for what may still come, and stops
within it: no more is ever allocated than that and what the decoder needs to look back.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, Protocol

from .values import Headers

MOST = 256 * 2**20
"""Bytes of a decoded body; what is larger is left encoded."""

_GZIP = b"\x1f\x8b"
_LAYERS = 5  # encodings one within the other; no client undoes more
_WINDOW = 2**23  # bytes that zstd may look back: what RFC 9659 allows a server
_SIP = 512  # bytes of zstd that are taken at once: at most 16 MiB come of them
_BITE = 1 << 14  # bytes of gzip: what follows a member is copied once for each of them
_DROP = 8  # bytes of brotli, where its decoder cannot be told when to stop: a few of its blocks


def is_encoded(headers: Headers) -> bool:
    """True when the headers say that the body is compressed."""
    return bool(list_encodings(headers))


def decode_body(headers: Headers, chunks: tuple[bytes, ...], most: int = MOST) -> tuple[bytes, ...] | None:
    """Return what each chunk decodes to, as many pieces as chunks; the tail goes with the last.

    None when an encoding is unknown here, the data does not decode, or there are
    more than `most` bytes.
    """
    pieces, layers = list(chunks), list_encodings(headers)
    if len(layers) > _LAYERS:
        return None
    for encoding in reversed(layers):
        decoder = _DECODERS.get(encoding, _unknown)()
        if decoder is None:
            return None
        room = most
        try:
            for n, piece in enumerate(pieces):
                pieces[n] = decoder.decode(piece, room)
                room -= len(pieces[n])
                if room < 0:
                    return None
            if pieces:
                pieces[-1] += decoder.finish()
        except Exception:  # noqa: BLE001  each library raises its own; undecodable is an answer here
            return None
    return tuple(pieces)


def decode_before_damage(
    headers: Headers, chunks: tuple[bytes, ...], most: int = MOST
) -> tuple[bytes, ...] | None:
    """Return what the chunks of a damaged body decode to before the damage, as many pieces as chunks.

    None when nothing does, or there is more than one encoding.
    """
    layers, pieces = list_encodings(headers), list[bytes]()
    if len(layers) != 1 or (decoder := _DECODERS.get(layers[0], _unknown)()) is None:
        return None
    for chunk in chunks:
        try:
            pieces.append(decoder.decode(chunk, most))
        except Exception:  # noqa: BLE001  as above
            break
    decoder, out, damaged = _DECODERS[layers[0]](), bytearray(), len(pieces)
    assert decoder is not None
    for chunk in chunks[:damaged]:
        decoder.decode(chunk, most)
    for code in chunks[damaged] if damaged < len(chunks) else b"":
        try:
            out += decoder.decode(bytes([code]), most)
        except Exception:  # noqa: BLE001  as above
            break
    pieces = [*pieces, bytes(out), *[b""] * len(chunks)][: len(chunks)]
    return tuple(pieces) if any(pieces) else None


def list_encodings(headers: Headers) -> list[str]:
    """The names of a body's encodings, in lower case, in the order in which they were made."""
    values = [v for n, v in headers if n.lower() == "content-encoding"]
    names = [name.strip().lower() for value in values for name in value.split(",")]
    return [name for name in names if name not in ("", "identity")]


class _Decoder(Protocol):
    """Undoes one encoding, piece by piece."""

    def decode(self, piece: bytes, room: int) -> bytes:
        """What `piece` decodes to: all of it, or a little more than `room` bytes where that is more."""
        ...

    def finish(self) -> bytes:
        """What was held back until the end."""
        ...


class _Zlib:
    """gzip, of several members too, and deflate. `bits` are those of zlib's window."""

    def __init__(self, bits: int, *, members: bool = False) -> None:
        self._bits, self._members = bits, members
        self._it = zlib.decompressobj(bits)

    def decode(self, piece: bytes, room: int) -> bytes:
        out = list[bytes]()
        for at in range(0, len(piece), _BITE):
            out.append(self._bite(piece[at : at + _BITE], room))
            room -= len(out[-1])
            if room < 0:
                break
        return b"".join(out)

    def _bite(self, piece: bytes, room: int) -> bytes:
        out = list[bytes]()
        while True:
            if self._it.eof:
                piece = piece.lstrip(b"\0")  # what pads a member
                if not self._members or not _GZIP.startswith(piece[: len(_GZIP)]) or not piece:
                    break  # what else follows is no member, and left alone by every client
                self._it = zlib.decompressobj(self._bits)
            out.append(self._it.decompress(piece, room + 1))
            room -= len(out[-1])
            piece = self._it.unused_data if self._it.eof else self._it.unconsumed_tail
            if room < 0 or not piece:
                break
        return b"".join(out)

    def finish(self) -> bytes:
        return self._it.flush()


class _Deflate:
    """Deflate as RFC 9110 has it, in a zlib frame; or bare, as some servers send it."""

    def __init__(self) -> None:
        self._it = _Zlib(zlib.MAX_WBITS)
        self._started = False

    def decode(self, piece: bytes, room: int) -> bytes:
        if self._started:
            return self._it.decode(piece, room)
        self._started = bool(piece)
        try:
            return self._it.decode(piece, room)
        except zlib.error:
            self._it = _Zlib(-zlib.MAX_WBITS)
            return self._it.decode(piece, room)

    def finish(self) -> bytes:
        return self._it.finish()


class _Sips:
    """A decoder that cannot be told when to stop, given so little at once that little comes of it."""

    def __init__(self, decode: Callable[[bytes], bytes], size: int) -> None:
        self._decode, self._size = decode, size

    def decode(self, piece: bytes, room: int) -> bytes:
        out = list[bytes]()
        for at in range(0, len(piece), self._size):
            out.append(self._decode(piece[at : at + self._size]))
            room -= len(out[-1])
            if room < 0:
                break
        return b"".join(out)

    def finish(self) -> bytes:
        return b""


class _Brotli:
    """A decoder that stops when it is told to: the library's from 1.2 on."""

    def __init__(self, it: Any) -> None:
        self._it = it

    def decode(self, piece: bytes, room: int) -> bytes:
        out = [self._it.process(piece, output_buffer_limit=room + 1)]
        room -= len(out[0])
        while room >= 0 and not self._it.can_accept_more_data():
            out.append(self._it.process(b"", output_buffer_limit=room + 1))
            room -= len(out[-1])
        return b"".join(out)

    def finish(self) -> bytes:
        return b""


def _zstd() -> _Decoder:
    zstandard = import_module("zstandard")  # only bodies in zstd need it
    it = zstandard.ZstdDecompressor(max_window_size=_WINDOW).decompressobj(read_across_frames=True)
    return _Sips(it.decompress, _SIP)


def _brotli() -> _Decoder | None:
    for name in ("brotli", "brotlicffi"):  # neither is a dependency: a client that asked for br has one
        try:
            it = import_module(name).Decompressor()
        except ImportError:
            continue
        if hasattr(it, "process") and hasattr(it, "can_accept_more_data"):
            return _Brotli(it)
        return _Sips(it.process if hasattr(it, "process") else it.decompress, _DROP)
    return None


def _unknown() -> _Decoder | None:
    return None


def _gzip() -> _Decoder:
    return _Zlib(16 + zlib.MAX_WBITS, members=True)


_DECODERS: dict[str, Callable[[], _Decoder | None]] = {
    "gzip": _gzip,
    "x-gzip": _gzip,
    "deflate": _Deflate,
    "zstd": _zstd,
    "br": _brotli,
}
