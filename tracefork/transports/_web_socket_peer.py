"""A web socket's far end in memory: it answers the handshake as recorded, pings with pongs, and closes.

It speaks bytes (RFC 6455) and knows no library. What the client says is for others to note; what the
server says is put in by `say` and `close`. Messages are sent whole and uncompressed, which every
negotiated extension allows.
"""

from __future__ import annotations

import base64
import hashlib

from ..core.values import Response
from ._web_socket_frames import BINARY, CLOSE, PING, PONG, TEXT, Frame, Frames, write_frame

MARK = b"\xff"
"""What a binary message is kept behind: no text in UTF-8 has this byte. A text is kept as it is."""

SWITCHED = 101
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
        self._head_of_client = b""
        self._frames = Frames()
        self._greeted = greeted
        self._closed = False
        self.ended = False
        """Whether it has hung up: no more comes."""

    def receive(self, data: bytes) -> bytes:
        """Take what the client sends; return what is sent back."""
        reply = b""
        if not self._greeted:
            self._head_of_client += data
            head, found, data = self._head_of_client.partition(b"\r\n\r\n")
            if not found:
                return b""
            self._greeted = True
            reply = write_handshake(self._head, find_key(head)) + self._body
            self.ended = self._head.status != SWITCHED
        for frame in self._frames.feed(data):
            reply += b"" if self.ended else self._answer(frame)
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

    def _answer(self, frame: Frame) -> bytes:
        if frame.opcode == PING:
            return write_frame(PONG, frame.payload)
        if frame.opcode == CLOSE:
            self.ended = True
            return b"" if self._closed else write_frame(CLOSE, frame.payload)
        return b""  # what else is said is not looked at


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
