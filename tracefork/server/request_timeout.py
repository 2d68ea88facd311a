"""uvicorn's HTTP protocol with a time limit for requests: uvicorn itself waits for ever for one half sent."""

from __future__ import annotations

from asyncio import TimerHandle, Transport
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

HURRY = 10.0
"""Seconds in which a request has to be sent, from when a connection is made or its first byte came."""

_UNSENT = (h11.IDLE, h11.SEND_BODY)


def protocol(seconds: float = HURRY) -> type[H11Protocol]:
    """Return uvicorn's protocol class, closing connections without a complete request after `seconds`."""

    class Hurried(H11Protocol):
        _timer: TimerHandle | None = None

        def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._wind()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            if self.conn.their_state in _UNSENT:
                self._wind()
            else:
                self._stop()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop()
            super().connection_lost(exc)

        def _wind(self) -> None:
            if self._timer is None:
                self._timer = self.loop.call_later(seconds, self._late)

        def _stop(self) -> None:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None

        def _late(self) -> None:
            self._timer = None
            transport: Any = self.transport
            if self.conn.their_state in _UNSENT and not transport.is_closing():
                transport.close()

    return Hurried
