"""Request bodies of aiohttp: read before they leave, since the question is made of them, and sent again."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import payload
from aiohttp.abc import AbstractStreamWriter

from ..session.bodies import Gathering, gather_body
from ..session.session import Session
from ._bodies import Again


class Sent(payload.Payload):
    """A body that was read, in the place of the payload that gave it: written again as it was.

    Whether it can be sent once more, and closed, is for that payload to say.
    """

    def __init__(self, origin: Any, read: Gathering, failed: Exception | None = None) -> None:
        self._origin, self._read, self._failed = origin, read, failed
        self.true: bytes | None = None
        """What is to be written instead: an edited body, or one with secrets put back."""

    async def write(self, writer: AbstractStreamWriter) -> None:
        for block in self._blocks():
            await writer.write(block)
        if self._failed is not None and self.true is None:
            raise self._failed

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        left = content_length
        for block in self._blocks():
            await writer.write(block if left is None or self.true is not None else block[:left])
            left = None if left is None else max(0, left - len(block))
        if self._failed is not None and self.true is None:
            raise self._failed

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return b"".join(self._blocks()).decode(encoding, errors)

    async def close(self) -> None:
        if hasattr(self._origin, "close"):
            await self._origin.close()

    def _close(self) -> None:
        if hasattr(self._origin, "_close"):
            self._origin._close()  # noqa: SLF001

    @property
    def size(self) -> int | None:
        size: int | None = getattr(self._origin, "size", None)
        return size

    @property
    def headers(self) -> Any:
        return self._origin.headers

    @property
    def consumed(self) -> bool:
        return bool(getattr(self._origin, "consumed", False))

    @property
    def autoclose(self) -> bool:
        return bool(getattr(self._origin, "autoclose", True))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._origin, name)

    def _blocks(self) -> Iterator[bytes]:
        return iter(Again(self._read)) if self.true is None else iter((self.true,))


class _Gatherer(AbstractStreamWriter):
    """A writer whose connection is a `Gathering`."""

    def __init__(self, body: Gathering) -> None:
        self._body = body

    async def write(self, chunk: Any) -> None:
        self._body.take(bytes(chunk))

    async def write_eof(self, chunk: bytes = b"") -> None:
        self._body.take(chunk)

    async def drain(self) -> None:
        pass

    def enable_compression(self, *_: Any, **__: Any) -> None:
        pass

    def enable_chunking(self) -> None:
        pass

    async def write_headers(self, *_: Any, **__: Any) -> None:
        pass


async def gather(run: Session, request: Any, headers: Any) -> Gathering:
    """Return the body of `request`, as it is before aiohttp compresses or chunks it.

    One that could be read once is replaced by what was read. If whoever gives it fails, the request
    fails where it would have failed: as it is sent.
    """
    body, failed = find_body(request), None
    again = not (body is None or type(body) in _REPEATED)
    read = gather_body(run, headers, spooled=again)
    if isinstance(body, Sent):
        body.true, again = None, False
    if isinstance(body, payload.Payload):
        try:
            await body.write(_Gatherer(read))
        except Exception as exc:  # noqa: BLE001  it is raised again as it is sent
            failed = exc
    elif body is not None:
        for chunk in (body,) if isinstance(body, bytes | bytearray) else body:
            read.take(bytes(chunk))
    if again or failed is not None:
        put_body(request, Sent(body, read, failed))
    return read


_REPEATED = frozenset({payload.BytesPayload, payload.StringPayload, payload.JsonPayload})
"""Payloads that are bytes: as often as they are asked for."""


def find_body(request: Any) -> Any:
    """Return the body of `request`, None if it has none."""
    return getattr(request, "_body", None) if hasattr(request, "_body") else request.body or None


def put_body(request: Any, body: payload.Payload | None) -> None:
    """Give `request` another body, and leave its headers alone."""
    setattr(request, "_body" if hasattr(request, "_body") else "body", body)


def swap_body(request: Any, read: Gathering, true: bytes) -> None:
    """Let `request`, whose body is `read`, send `true` this once; a redirect asks with what it had."""
    body = find_body(request)
    if not isinstance(body, Sent):
        body = Sent(body if body is not None else payload.BytesPayload(b""), read)
    body.true = true
    put_body(request, body)
