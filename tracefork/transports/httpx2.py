"""Transports for `httpx2` clients."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2 as lib

from ..host.patching import Target
from ..session.session import Session
from ._bodies import Again
from ._picking import targets_of
from ._seam import Seam, Tee


class _Stream(Tee, lib.SyncByteStream):
    pass


class _AsyncStream(Tee, lib.AsyncByteStream):
    pass


class _Again(Again, lib.SyncByteStream, lib.AsyncByteStream):
    pass


class Transport(Seam, lib.BaseTransport):
    """Give this to `httpx2.Client(transport=...)`: what goes through it is recorded or replayed.

    Args:
        session: the run that it belongs to; by default the current one of whoever asks.
        inner: what forwards live requests; by default the library's own transport.
    """

    lib, stream, again = lib, _Stream, _Again

    def __init__(self, session: Session | None = None, inner: lib.BaseTransport | None = None) -> None:
        super().__init__(session, lib.HTTPTransport() if inner is None else inner)

    def close(self) -> None:
        self._inner.close()


class AsyncTransport(Seam, lib.AsyncBaseTransport):
    """Give this to `httpx2.AsyncClient(transport=...)`; otherwise as `Transport`."""

    lib, stream, again = lib, _AsyncStream, _Again

    def __init__(self, session: Session | None = None, inner: lib.AsyncBaseTransport | None = None) -> None:
        super().__init__(session, lib.AsyncHTTPTransport() if inner is None else inner)

    async def aclose(self) -> None:
        await self._inner.aclose()


def targets() -> Iterator[Target]:
    """Return what of the library is replaced while a run is in progress."""
    return targets_of(lib, Transport, AsyncTransport)
