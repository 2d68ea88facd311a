"""The framing of bodies in HTTP/1.1: told from the bodies as bytes pass, and put around them again. Pure."""

from __future__ import annotations

import ast
import re

from attrs import frozen

from ..core.values import Fault

LONGEST_LINE = 65_536
LAST_CHUNK = b"0\r\n\r\n"
INCOMPLETE = "http.client.IncompleteRead"
"""The kind of a fault in which a body ended too early, or its framing made no sense."""

_CUT = re.compile(r"IncompleteRead\(\d+ bytes read, (\d+) more expected\)")
_TORN = re.compile(r"IncompleteRead\(\d+ bytes read\) at (the end of a chunk, )?(b['\"].*)", re.DOTALL)


class Framing:
    """Tells the pieces of a body from what frames it, wherever the bytes are cut as they pass.

    Args:
        length: how many bytes the body has; None if its end is that of the connection.
        chunked: whether it comes in chunks; then `length` says nothing.
    """

    def __init__(self, length: int | None, *, chunked: bool = False) -> None:
        self.chunked = chunked
        self.left = 0 if chunked else length
        """Bytes of the body that are due, in all or in this chunk; None if nobody knows."""
        self.broken = False
        """Whether the framing makes no sense: whoever reads it reads no further."""
        self.over = length == 0 and not chunked
        self._tail = b""  # of the framing, since the last piece
        self._due = "size"  # of a chunk: what comes next, "size", "data", "end" or "trailer"
        self._end = 0  # bytes that end this chunk

    @property
    def may_end(self) -> bool:
        """Whether the connection may end here: the body is whole, or nobody knows its length."""
        return self.over or (self._due == "trailer" if self.chunked else self.left is None)

    @property
    def is_amid(self) -> bool:
        """True amid a chunk of the body."""
        return self.chunked and self._due == "data"

    def feed(self, data: bytes) -> list[bytes]:
        """Return the pieces of the body in the next bytes: of each chunk, one."""
        if not self.chunked:
            return self._feed_plain(data)
        pieces, at = [], 0
        while at < len(data) and not (self.over or self.broken):
            if self._due == "data":
                piece = data[at : at + (self.left or 0)]
                pieces.append(piece)
                at += len(piece)
                self.left = (self.left or 0) - len(piece)
                self._tail = b""
                if not self.left:
                    self._due, self._end = "end", 2
            elif self._due == "end":
                taken = data[at : at + self._end]
                at += len(taken)
                self._tail += taken
                self._end -= len(taken)
                if not self._end:
                    self._due, self._tail = "size", b""
            else:
                line, newline, _ = data[at:].partition(b"\n")
                at += len(line) + len(newline)
                self._tail += line + newline
                self._read_line(whole=bool(newline))
        return pieces

    def fault(self, taken: int) -> Fault:
        """The fault of a body that ends here, too early, after `taken` bytes."""
        read = f"IncompleteRead({taken} bytes read"
        if not self.chunked or (self._due == "data" and not self._tail):
            return Fault(INCOMPLETE, f"{read}, {self.left} more expected)")
        if self._due == "end":
            return Fault(INCOMPLETE, f"{read}) at the end of a chunk, {self._tail!r}")
        return Fault(INCOMPLETE, f"{read}) at {self._tail!r}")

    def _feed_plain(self, data: bytes) -> list[bytes]:
        if self.left is not None:
            data = data[: self.left]
            self.left -= len(data)
            self.over = not self.left
        return [data] if data else []

    def _read_line(self, *, whole: bool) -> None:
        if not whole:
            self.broken = len(self._tail) > LONGEST_LINE
        elif self._due == "trailer":
            self.over = self._tail in (b"\r\n", b"\n")
            self._tail = b""
        else:
            try:
                self.left = int(self._tail.split(b";", 1)[0], 16)
            except ValueError:
                self.left = -1
            self.broken = self.left < 0
            if not self.broken:
                self._due = "data" if self.left else "trailer"
                self._tail = self._tail if self.left else b""


@frozen
class Cut:
    """How a body that ends too early ends on the wire.

    `more` bytes of the last chunk were to follow; `end` came instead of its line's end, and then `tail`.
    """

    more: int = 0
    end: bytes = b"\r\n"
    tail: bytes = b""


WHOLE = Cut()


def frame(piece: bytes, cut: Cut = WHOLE) -> bytes:
    """Return `piece` as a chunk, the last one if there is a `cut`."""
    return b"%x\r\n%b%b%b" % (len(piece) + cut.more, piece, cut.end, cut.tail)


def read_fault(fault: Fault) -> Cut:
    """Return how a body with this fault ended on the wire: the inverse of `Framing.fault`."""
    if found := _CUT.fullmatch(fault.message):
        return Cut(int(found[1]), b"")
    if found := _TORN.fullmatch(fault.message):
        try:
            text = bytes(ast.literal_eval(found[2]))
        except (SyntaxError, TypeError, ValueError):
            return WHOLE
        return Cut(end=text) if found[1] else Cut(tail=text)
    return WHOLE
