"""A web socket's far end in memory: it answers the handshake as recorded, pings with pongs, and closes.

It speaks bytes (RFC 6455) and knows no library. What the client says is for others to note; what the
server says is put in by `say` and `close`. Messages are sent whole and uncompressed, which every
negotiated extension allows.
"""

from __future__ import annotations

import base64
import hashlib

from ..core.values import Response

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10
MARK = b"\xff"
"""What a binary message is kept behind: no text in UTF-8 has this byte. A text is kept as it is."""

_FINAL, _MASKED = 0x80, 0x80
_SHORT, _LONG = 126, 127
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def pack(message: str | bytes) -> bytes:
    """Return a message as it is kept."""
    return message.encode("utf-8", "surrogatepass") if isinstance(message, str) else MARK + message


def unpack(kept: bytes) -> str | bytes:
    """Return the message that was kept so."""
    return kept[1:] if kept[:1] == MARK else kept.decode("utf-8", "surrogatepass")


class Peer:
    """The server of one socket, as recorded: what it is sent goes to `receive`, which returns its reply.

    Args:
        head: how it answers the handshake.
        body: what follows, where it refuses.
        greeted: the handshake is over already.
    """

    def __init__(self, head: Response, body: bytes = b"", *, greeted: bool = False) -> None:
        self._head, self._body = head, body
        self._data = bytearray()
        self._greeted = greeted
        self._closed = False
        self.ended = False
        """Whether it has hung up: no more comes."""

    def receive(self, data: bytes) -> bytes:
        """Take what the client sends; return what is sent back."""
        self._data += data
        reply = b""
        if not self._greeted:
            head, found, rest = bytes(self._data).partition(b"\r\n\r\n")
            if not found:
                return b""
            self._greeted, self._data = True, bytearray(rest)
            reply = write_handshake(self._head, find_key(head)) + self._body
            self.ended = self._head.status != 101  # noqa: PLR2004
        while not self.ended and (frame := self._next_frame()) is not None:
            reply += self._answer(*frame)
        return reply

    def say(self, kept: bytes) -> bytes:
        """The bytes of a message, given as it is kept."""
        return write_frame(BINARY, kept[1:]) if kept[:1] == MARK else write_frame(TEXT, kept)

    def close(self, code: int | None, reason: str = "") -> bytes:
        """The bytes with which it closes; without a code it hangs up, and there are none."""
        if code is None:
            self.ended = True
            return b""
        self._closed = True
        return write_frame(CLOSE, code.to_bytes(2, "big") + reason.encode())

    def _answer(self, opcode: int, payload: bytes) -> bytes:
        match opcode:
            case 9:
                return write_frame(PONG, payload)
            case 8:
                self.ended = True
                return b"" if self._closed else write_frame(CLOSE, payload)
        return b""

    def _next_frame(self) -> tuple[int, bytes] | None:
        """Take the next whole frame of a client out of what has come; None until it is whole."""
        data = self._data
        if len(data) < 2:  # noqa: PLR2004
            return None
        size, at = data[1] & ~_MASKED, 2
        if size >= _SHORT:
            wide = 2 if size == _SHORT else 8
            size, at = int.from_bytes(data[at : at + wide], "big"), at + wide
        if len(data) < at + 4 + size:
            return None
        mask, opcode = bytes(data[at : at + 4]), data[0] & 0xF
        payload = bytes(data[at + 4 : at + 4 + size])
        del data[: at + 4 + size]
        if opcode in (CLOSE, PING):  # what else is said is not looked at
            payload = bytes(byte ^ mask[n % 4] for n, byte in enumerate(payload))
        return opcode, payload


def write_frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame of a server."""
    size = len(payload)
    if size < _SHORT:
        head = bytes([_FINAL | opcode, size])
    elif size < 2**16:
        head = bytes([_FINAL | opcode, _SHORT]) + size.to_bytes(2, "big")
    else:
        head = bytes([_FINAL | opcode, _LONG]) + size.to_bytes(8, "big")
    return head + payload


def find_key(head: bytes) -> bytes:
    """The key of a handshake, given the bytes of its request's head."""
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"sec-websocket-key":
            return value.strip()
    return b""


def write_handshake(head: Response, key: bytes) -> bytes:
    """The bytes of a head that answers the handshake with this key."""
    accept = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest()).decode()
    pairs = [(n, accept if n.lower() == "sec-websocket-accept" else v) for n, v in head.headers]
    lines = [f"HTTP/1.1 {head.status:03d} {head.reason}", *(f"{n}: {v}" for n, v in pairs), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")
