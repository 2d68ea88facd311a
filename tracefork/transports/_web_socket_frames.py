"""Frames of web sockets (RFC 6455), read out of bytes in either direction, and written as a server's.

What is compressed is not read: who needs messages out of bytes has agreed on no extension.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

CONTINUED, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10

_FINAL, _MASKED = 0x80, 0x80
_SHORT, _LONG = 126, 127


@frozen
class Frame:
    """One frame, unmasked."""

    final: bool
    opcode: int
    payload: bytes

    @property
    def closing(self) -> tuple[int, str]:
        """The code and the reason of a frame that closes; 1005 if it has none."""
        code = int.from_bytes(self.payload[:2], "big") if len(self.payload) > 1 else 1005
        return code, self.payload[2:].decode("utf-8", "replace")


class Frames:
    """Frames out of the bytes of one direction."""

    def __init__(self, data: bytes = b"") -> None:
        self._data = bytearray(data)

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take `data`, and give each frame that is whole."""
        self._data += data
        while (frame := self._next()) is not None:
            yield frame

    def _next(self) -> Frame | None:
        data = self._data
        if len(data) < 2:  # noqa: PLR2004  the shortest head
            return None
        size, at = data[1] & ~_MASKED, 2
        if size >= _SHORT:
            wide = 2 if size == _SHORT else 8
            if len(data) < at + wide:
                return None
            size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        masked = bool(data[1] & _MASKED)
        start = at + 4 * masked
        if len(data) < start + size:
            return None
        payload = bytes(data[start : start + size])
        if masked:
            payload = apply_mask(payload, bytes(data[at:start]))
        frame = Frame(bool(data[0] & _FINAL), data[0] & 0xF, payload)
        del data[: start + size]
        return frame


class Messages:
    """Messages, and frames of control, out of the bytes of one direction."""

    def __init__(self) -> None:
        self._frames = Frames()
        self._parts: list[bytes] = []
        self._opcode = TEXT

    def feed(self, data: bytes) -> Iterator[str | bytes | Frame]:
        """Take `data`, and give each message that is whole; of control, the frame."""
        for frame in self._frames.feed(data):
            if frame.opcode not in (CONTINUED, TEXT, BINARY):
                yield frame
                continue
            if frame.opcode != CONTINUED:
                self._parts, self._opcode = [], frame.opcode
            self._parts.append(frame.payload)
            if frame.final:
                whole = b"".join(self._parts)
                yield whole.decode("utf-8", "surrogateescape") if self._opcode == TEXT else whole


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    """`payload` masked, or unmasked again."""
    size = len(payload)
    whole = int.from_bytes(mask * (size // 4 + 1), "big") >> 8 * (4 - size % 4)
    return (int.from_bytes(payload, "big") ^ whole).to_bytes(size, "big")


def write_frame(opcode: int, payload: bytes, mask: bytes = b"") -> bytes:
    """One whole frame: a server's, or with a `mask` of 4 bytes a client's."""
    size, bit = len(payload), _MASKED * bool(mask)
    if size < _SHORT:
        head = bytes([_FINAL | opcode, bit | size])
    elif size < 2**16:
        head = bytes([_FINAL | opcode, bit | _SHORT]) + size.to_bytes(2, "big")
    else:
        head = bytes([_FINAL | opcode, bit | _LONG]) + size.to_bytes(8, "big")
    return head + mask + (apply_mask(payload, mask) if mask else payload)
