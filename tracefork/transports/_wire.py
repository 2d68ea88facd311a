"""What `http.client` reads: what a live connection gives, as it passes, or the bytes of a recorded answer.

The head and the framing of a recorded answer are written anew around its pieces, so that all that parses,
decodes and counts above runs as it does live, over the same bytes, and fails as it did.
"""

from __future__ import annotations

import errno
import io
import os
from contextlib import suppress
from http.client import IncompleteRead
from typing import Any

from ..core.values import Answer, End, Fault, Response
from ..session.asking import Call
from ._framing import INCOMPLETE, LAST_CHUNK, WHOLE, Framing, frame, read_fault

VERSIONS = {10: "HTTP/1.0", 11: "HTTP/1.1"}
MOST_JOINED = 4_096
"""Bytes of small pieces that are joined into one."""
TIMED_OUT = "cannot read from timed out object"


class CutShort(IncompleteRead):
    """Stands for a fault that whoever reads the body finds by himself: nobody sees it."""


class _Due(Exception):
    """The recorded pieces are used up, and what follows is no end of a body."""


class PieceCall(Call):
    """A call whose body is read in pieces that may be as small as a byte: they are kept joined.

    That changes nothing for who reads by size, and of what was read by whatever came the boundaries are kept.
    """

    _joined = b""

    def piece(self, data: bytes, *, ends: bool) -> None:
        """Note that the agent is about to get `data`, to which what follows is joined unless it `ends`."""
        self._joined += data
        if ends or len(self._joined) >= MOST_JOINED:
            self._pass_on()

    @property
    def taken_length(self) -> int:
        return super().taken_length + len(self._joined)

    def _pass_on(self) -> None:
        joined, self._joined = self._joined, b""
        if joined:
            self.chunk(joined)

    def _answer(self, end: End) -> Answer:
        self._pass_on()
        return super()._answer(end)


def head_of(response: Any) -> Response:
    """Return the head of a response of `http.client`."""
    version = VERSIONS.get(response.version, "HTTP/1.1")
    headers = tuple([(str(name), str(value)) for name, value in response.headers.items()])
    return Response(response.status, headers, (), "eof", response.reason, version)


def watch(response: Any, call: PieceCall, method: str) -> None:
    """Let `call` see the body of a response of `http.client`, whose head is read, as it passes."""
    length = 0 if method == "HEAD" else response.length
    framing = Framing(length, chunked=response.chunked and method != "HEAD")
    if response.fp is None:
        call.finish()
    else:
        response.fp = Body(response.fp, call, framing)


class Body:
    """A file of a body, framed as it is on the wire: what is read of it is noted, then given.

    Args:
        file: the file that is read, of a connection or of a recorded answer.
        call: what the body answers.
        framing: how the body is framed.
    """

    def __init__(self, file: Any, call: PieceCall, framing: Framing) -> None:
        self._file, self._call, self._framing = file, call, framing
        self._over = False
        self._failed: Exception | None = None
        if framing.over:
            self._finish()

    def read(self, size: int | None = -1) -> bytes:
        data = self._take(self._file.read, size)
        return self._pass(data, ended=size is None or size < 0 or len(data) < size)

    def read1(self, size: int = -1) -> bytes:
        data = self._take(self._file.read1, size)
        return self._pass(data, ended=size != 0 and not data, as_came=True)

    def readinto(self, buffer: Any) -> int:
        size: int = self._take(self._file.readinto, buffer)
        room = memoryview(buffer).cast("B")
        self._pass(bytes(room[:size]), ended=size < len(room))
        return size

    def readline(self, limit: int = -1) -> bytes:
        data = self._take(self._file.readline, limit)
        return self._pass(data, ended=len(data) != limit and not data.endswith(b"\n"))

    def peek(self, size: int = 0) -> bytes:
        data: bytes = self._take(self._file.peek, size)
        return data

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._over = True
        self._call.drop("closed")
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    # -- what is noted -------------------------------------------------------------------

    def _take(self, read: Any, *args: Any) -> Any:
        """What `read` gives.

        Raises:
            Exception: the connection broke, or the recorded one did.
            Divergence: the agent reads on where it had stopped when recorded.
        """
        if self._failed is not None and self._call.served is not None:
            timed_out = isinstance(self._failed, TimeoutError)
            raise OSError(TIMED_OUT) if timed_out else self._failed
        try:
            return read(*args)
        except _Due:
            try:
                self._call.finish()
            except Exception as exc:
                self._over, self._failed = True, exc
                self._call.leave(exc)
                raise
            raise
        except BaseException as exc:
            self._over = True
            self._call.leave(exc)
            raise

    def _pass(self, data: bytes, *, ended: bool, as_came: bool = False) -> bytes:
        """Note what was read, `as_came` if by whatever there was, and if the connection ended; return it."""
        framing = self._framing
        if not self._over:
            pieces = framing.feed(data)
            for number, piece in enumerate(pieces, 1):
                ends = number < len(pieces) or (framing.chunked and not framing.is_amid)
                self._call.piece(piece, ends=ends or as_came)
            if framing.over or framing.broken or ended:
                self._finish()
        return data

    def _finish(self) -> None:
        self._over = True
        fault = None if self._framing.may_end else self._framing.fault(self._call.taken_length)
        with suppress(CutShort):
            self._call.finish(fault)


class Wire:
    """A socket of no connection: what is sent to it is dropped, and what it gives is a recorded answer.

    Without an answer it is as one whose peer has gone.
    """

    def __init__(self, call: Call | None = None, head: Response | None = None, method: str = "") -> None:
        self._file = None if call is None or head is None else _Recorded(call, head, method)

    def makefile(self, *_: Any, **__: Any) -> io.BufferedReader:
        if self._file is None:
            raise _gone()
        self._file.sock = self
        return io.BufferedReader(self._file)

    def sendall(self, *_: Any) -> None:
        if self._file is None:
            raise _gone()

    def send(self, data: Any, *_: Any) -> int:
        self.sendall(data)
        return len(data)

    def fileno(self) -> int:
        return -1

    def gettimeout(self) -> float | None:
        return None

    def close(self, *_: Any) -> None:
        """Nothing is open. What is set of it has no effect either."""

    settimeout = setblocking = setsockopt = shutdown = close


def _gone() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


class _Recorded(io.RawIOBase):
    """The bytes of a recorded answer: its head, then each of its pieces framed, then how it ended."""

    def __init__(self, call: Call, head: Response, method: str) -> None:
        self.sock: Wire | None = None
        self._call, self._end, self._left = call, head.end, len(head.chunks)
        self._has_pieces = bool(head.chunks)
        self._is_short = isinstance(head.end, Fault) and head.end.kind == INCOMPLETE
        self._cut = read_fault(head.end) if isinstance(head.end, Fault) and self._is_short else WHOLE
        values = [value.lower() for name, value in head.headers if name.lower() == "transfer-encoding"]
        self._chunked = values[:1] == ["chunked"] and method != "HEAD"
        self._rest = memoryview(write_head(head))
        self._ended = False

    @property
    def _sock(self) -> Wire | None:  # where libraries look for the socket that they read from
        return self.sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            self._rest = memoryview(self._pull())
        room = memoryview(buffer)
        size = min(len(room), len(self._rest))
        room[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size

    def _pull(self) -> bytes:
        """The next piece as it was on the wire, or what came after the last one.

        Raises:
            _Due: the body was left there, or the connection broke.
            BodyOmitted: the tape has only the hash of this body.
        """
        while (piece := next(self._call.chunks(), None)) is not None:
            self._left -= 1
            if piece:
                return frame(piece, WHOLE if self._left else self._cut) if self._chunked else piece
        if self._end != "eof" and not self._is_short:
            raise _Due
        if self._ended or not self._chunked:
            return b""
        self._ended = True
        if self._end == "eof":
            return LAST_CHUNK
        return b"" if self._has_pieces else self._cut.tail


def write_head(head: Response) -> bytes:
    """Return the head of a response as it is on the wire, in HTTP/1.1 if it came by another protocol."""
    version = head.http_version if head.http_version in VERSIONS.values() else "HTTP/1.1"
    lines = [f"{version} {head.status} {head.reason}", *(f"{n}: {v}" for n, v in head.headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")
