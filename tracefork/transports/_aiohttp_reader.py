"""Bodies that aiohttp's clients read: what the agent takes is noted, and given again in the same pieces.

A piece is what one read took of what had come by then, as it came: encoded, but not chunked. An empty
piece says where a chunk of HTTP was cut, which `readchunk` tells: after a piece that its chunk did not
end with, and for the end of one that came alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from aiohttp import ClientPayloadError, http_parser
from aiohttp.http_exceptions import ContentEncodingError
from aiohttp.streams import StreamReader

from ..session.asking import Call

ENCODINGS = {"gzip", "deflate", "br"} | ({"zstd"} if hasattr(http_parser, "HAS_ZSTD") else set())
LIMIT = 2**16

_FLOW = SimpleNamespace(
    connected=True,
    _reading_paused=False,
    pause_reading=lambda: None,
    resume_reading=lambda **_: None,
)
"""What holds back a sender: here nothing is sent before it is asked for."""


class Body(StreamReader):
    """The body of the answer to `call`, as the agent reads it: out of `source`, or as recorded.

    Args:
        call: the call, its head given.
        source: the live body, still encoded; None for the recorded one.
        encoding: what it is decoded from, "" for nothing.
        chunked: whether chunks of HTTP can be told.
    """

    __slots__ = ("_call", "_chunked", "_decoder", "_most", "_pending", "_pulling", "_recorded", "_source")

    def __init__(self, call: Call, source: Any, encoding: str, *, chunked: bool) -> None:
        loop = asyncio.get_running_loop()
        super().__init__(_FLOW, LIMIT, loop=loop)  # type: ignore[arg-type]
        self._call, self._source, self._chunked = call, source, chunked
        self._recorded: Iterator[bytes] = iter(()) if source is not None else _Peekable(call.chunks())
        self._decoder = http_parser.DeflateBuffer(self, encoding) if encoding else None
        self._most = -1
        self._pending: object = False
        self._pulling = False

    # -- reading ---------------------------------------------------------------------------

    async def read(self, n: int = -1) -> bytes:
        self._most = n if self._decoder is None else -1
        try:
            return await super().read(n)
        finally:
            self._most = -1

    async def readchunk(self) -> tuple[bytes, bool]:
        while True:
            if (exc := self.exception()) is not None:
                raise exc
            if self._buffer:
                return self._read_nowait_chunk(-1), False
            if self._eof:
                return b"", False
            if self._pending:
                self._take(b"")
                continue
            data, ends = await self._pull(self._next_chunk)
            self._take(data)
            while self._pending:
                self._take(b"")
            if self._buffer or (ends and self._decoder is None):
                return self._read_nowait(-1), ends

    def read_nowait(self, n: int = -1) -> bytes:
        if not (self._buffer or self._pulling) and super().exception() is None:
            if self._source is None:
                data = next(filter(None, self._recorded), b"")
            else:
                data = self._source.read_nowait(n if self._decoder is None else -1)
            if data:
                self._call.chunk(data)
                self._take(data)
        return super().read_nowait(n)

    async def _wait(self, func_name: str) -> None:
        """Take the next piece, where the library waits until it comes."""
        if self._pulling:
            raise RuntimeError(
                f"{func_name}() called while another coroutine is already waiting for incoming data"
            )
        if self._pending:
            self._take(b"")
        else:
            self._take((await self._pull(self._next_piece))[0])

    async def _pull(self, take: Callable[[], Any]) -> tuple[bytes, bool]:
        """The next piece on its way to the agent; the step ends after the last one."""
        self._pulling, self._call.given_up = True, False
        try:
            data, ends = await take()
            if not (data or ends):
                await self._call.afinish()
                self._end()
        except Exception as exc:
            await self._call.aleave(exc)
            if super().exception() is None:
                super().set_exception(exc)
            raise
        except BaseException:
            self._call.given_up = True  # unless it reads on
            raise
        finally:
            self._pulling = False
        return data, ends

    async def _next_piece(self) -> tuple[bytes, bool]:
        if self._source is None:
            data = next(filter(None, self._recorded), b"")
        elif self._most > 0:
            data = await self._source.read(self._most)
        else:
            data = await self._source.readany()
        if data:
            self._call.chunk(data)
        return data, False

    async def _next_chunk(self) -> tuple[bytes, bool]:
        if self._source is None:
            data, ends = self._next_recorded_chunk()
        else:
            data, ends = await self._source.readchunk()
        if data:
            self._call.chunk(data)
        if self._chunked and (data or ends) and bool(data) is not ends:
            self._call.chunk(b"")
        return data, ends

    def _next_recorded_chunk(self) -> tuple[bytes, bool]:
        data = next(self._recorded, None)
        if data is None:
            return b"", False
        if not data:
            return b"", True
        cut = self._chunked and isinstance(self._recorded, _Peekable) and self._recorded.skip_empty()
        return data, self._chunked and not cut

    def _take(self, data: bytes) -> None:
        """Add a piece to what the agent can read, decoded."""
        if not (data or self._pending):
            return
        if self._decoder is None:
            self.feed_data(data)
            return
        try:
            self._pending = self._decoder.feed_data(data, len(data))
        except ContentEncodingError as exc:
            raise self._fail_to_decode(exc) from exc

    def _end(self) -> None:
        """There is no more."""
        if self._decoder is None:
            self.feed_eof()
            return
        try:
            self._decoder.feed_eof()
        except ContentEncodingError as exc:
            raise self._fail_to_decode(exc) from exc

    def _fail_to_decode(self, exc: Exception) -> ClientPayloadError:
        self._call.drop("closed")
        error = ClientPayloadError(str(exc))
        super().set_exception(error)
        return error

    # -- what is told of it ------------------------------------------------------------------

    def exception(self) -> BaseException | None:
        exc: BaseException | None = super().exception()
        if exc is None and self._source is not None and not self._buffer:
            exc = self._source.exception()
        return exc

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        """The agent is done with this, as it closes or releases the response."""
        self.leave()
        super().set_exception(exc, *cause)
        if self._source is not None and self._source.exception() is None:
            self._source.set_exception(exc, *cause)

    def leave(self) -> None:
        """End the step where the agent stopped to read."""
        is_whole = self.at_eof() if self._source is not None else self._is_read()
        self._call.drop("eof" if is_whole else "cancelled" if self._call.given_up else "closed")

    def _is_read(self) -> bool:
        """True if all that was recorded has been read, up to an end that was seen."""
        return self._call.is_whole and not self._buffer

    def on_eof(self, callback: Callable[[], None]) -> None:
        if self._source is not None:
            self._source.on_eof(callback)
        else:
            super().on_eof(callback)

    def is_eof(self) -> bool:
        return bool(self._eof if self._source is None else self._source.is_eof())

    def at_eof(self) -> bool:
        ended = self._is_read() if self._source is None else self._source.at_eof()
        return bool((self._eof or ended) and not (self._buffer or self._pending))

    async def wait_eof(self) -> None:
        if self._source is not None:
            await self._source.wait_eof()

    def __del__(self) -> None:
        call = getattr(self, "_call", None)  # as it is, after an error in the constructor
        if call is not None:
            call.drop("cancelled" if call.given_up else "closed")


class _Peekable(Iterator[bytes]):
    """The recorded pieces, of which the next may be looked at."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._next: list[bytes] = []

    def __next__(self) -> bytes:
        return self._next.pop() if self._next else next(self._pieces)

    def skip_empty(self) -> bool:
        """Take the next piece if it is empty; True if it was."""
        if not self._next:
            self._next.extend([one] if (one := next(self._pieces, None)) is not None else ())
        return bool(self._next) and not self._next[0] and self._next.pop() == b""
