"""The exceptions of `websockets` as faults, and made again; and what their texts say of a close."""

from __future__ import annotations

import re

from attrs import frozen
from websockets import exceptions
from websockets.frames import Close

from ..core.values import Fault
from ..session.faults import DOTTED

_CLOSE = re.compile(r"(?s)(\d+) \([^)]*\)(?: (.*))?")
_CLOSED = {kind.__name__: kind for kind in (exceptions.ConnectionClosedOK, exceptions.ConnectionClosedError)}


@frozen
class Closing:
    """How a connection was closed: what was received, what was sent, and whether in this order."""

    received: Close | None = None
    sent: Close | None = None
    in_order: bool | None = None

    @property
    def is_by_server(self) -> bool:
        """True if the server closed it, or went away."""
        return self.sent is None or bool(self.in_order)


def read_closing(text: str) -> Closing | None:
    """Return what the text of a ConnectionClosed says, or None if it is none."""
    if text == "no close frame received or sent":
        return Closing()
    first, _, second = text.rpartition("; ")
    if first.startswith("received "):
        sent = _read(second.removeprefix("then sent ")) if second.startswith("then sent ") else None
        return Closing(_read(first.removeprefix("received ")), sent, True if sent else None)
    if first.startswith("sent "):
        prefix = "then received "
        received = _read(second.removeprefix(prefix)) if second.startswith(prefix) else None
        return Closing(received, _read(first.removeprefix("sent ")), False if received else None)
    return None


def _read(text: str) -> Close | None:
    found = _CLOSE.fullmatch(text)
    return Close(int(found[1]), found[2] or "") if found else None


class ClosedFaults:
    """Faults as they are kept by default, but that a closed connection is made with its codes."""

    def of(self, exc: Exception) -> Fault:
        return DOTTED.of(exc)

    def make(self, fault: Fault) -> Exception:
        kind = _CLOSED.get(fault.kind.rpartition(".")[2])
        closing = read_closing(fault.message)
        if kind is None or closing is None:
            return DOTTED.make(fault)
        return kind(closing.received, closing.sent, closing.in_order)


FAULTS = ClosedFaults()
