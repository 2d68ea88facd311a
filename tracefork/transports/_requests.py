"""Requests as `http.client` writes them: gathered where they would be sent, and written when they leave."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from ..core.values import Headers, Request
from ..session.asking import Call
from ..session.bodies import Gathering, gather_body
from ..session.session import Session
from ._bodies import BLOCK
from ._framing import LAST_CHUNK, Framing, frame

HEAD_ENDS = b"\r\n\r\n"


class Sent:
    """A request of `run` that is gathered instead of sent."""

    def __init__(self, run: Session) -> None:
        self._run = run
        self._head = b""
        self.line: tuple[str, str, str] = ("", "", "")
        """Its method, its target and its version, as they are written."""
        self.headers: Headers = ()
        self._framing: Framing
        self._body: Gathering

    @property
    def is_whole(self) -> bool:
        """True once all of it is here that its head has announced."""
        return bool(self.headers or self.line[0]) and self._framing.over

    def take(self, data: Any, block: int) -> None:
        """Gather what `http.client` is given to send: bytes, a file that is read in blocks, or an iterable.

        Raises:
            TypeError: it is none of these.
        """
        for piece in _pieces(data, block):
            if self.line[0]:
                self._take_body(piece)
                continue
            self._head += piece
            head, ends, rest = self._head.partition(HEAD_ENDS)
            if ends:
                self._read_head(head)
                self._take_body(rest)

    def ask(self, url: str) -> Request:
        """Return the request as a value, asked for at `url`."""
        return Request(self.line[0], url, self.headers, self._body.content, self._body.omitted)

    def write(self, call: Call) -> Iterator[bytes]:
        """Yield what leaves: as it was gathered, or edited and with the secrets that the tape had hidden."""
        if not call.is_refilled:
            yield self._head.partition(HEAD_ENDS)[0] + HEAD_ENDS
            yield from self._frame(self._gathered())
            return
        true, (method, target, version) = call.outgoing, self.line
        parts = urlsplit(true.url)
        path = parts._replace(scheme="", netloc="").geturl() or "/"
        target = true.url if "://" in target.partition("?")[0] else path
        lines = [f"{true.method or method} {target} {version}", *(f"{n}: {v}" for n, v in true.headers)]
        yield ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        yield from self._frame(self._gathered() if true.omitted else [true.body] if true.body else [])

    def _read_head(self, head: bytes) -> None:
        first, *lines = head.decode("latin-1").replace("\r\n\t", "\t").split("\r\n")
        method, target, version = first.split(" ", 2)
        pairs = [line.partition(":") for line in lines]
        self.headers = tuple([(name, value.removeprefix(" ")) for name, _, value in pairs])
        names = {name.lower(): value.strip().lower() for name, value in self.headers}
        length = names.get("content-length", "0")
        chunked = "chunked" in names.get("transfer-encoding", "")
        self._framing = Framing(int(length) if length.isdigit() else None, chunked=chunked)
        self._body = gather_body(self._run, self.headers, spooled=True)
        self.line = method, target, version

    def _take_body(self, data: bytes) -> None:
        for piece in self._framing.feed(data):
            self._body.take(piece)

    def _gathered(self) -> Iterator[bytes]:
        yield from self._body.chunks
        if (file := self._body.file) is not None:
            file.seek(0)
            while block := file.read(BLOCK):
                yield block

    def _frame(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        if not self._framing.chunked:
            yield from pieces
            return
        for piece in pieces:
            yield frame(piece)
        yield LAST_CHUNK


def _pieces(data: Any, block: int) -> Iterator[bytes]:
    """What `http.client` would send of `data`, in its order of trying."""
    if hasattr(data, "read"):
        while piece := data.read(block):
            yield piece.encode("iso-8859-1") if isinstance(piece, str) else bytes(piece)
        return
    try:
        yield bytes(memoryview(data))
    except TypeError:
        for piece in data:
            yield bytes(memoryview(piece))
