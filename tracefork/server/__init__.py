"""The reports of a store, live, for the person at this machine and nobody else. Needs `tracefork[server]`."""

from __future__ import annotations

from ..errors import MissingPart

try:
    from .access import Door, Tickets, refusal
    from .app import app
    from .serving import Serving, serving
    from .urls import segment
except ModuleNotFoundError as exc:
    _part = (exc.name or "").partition(".")[0]
    if _part not in ("starlette", "uvicorn"):
        raise
    raise MissingPart("the server", _part, "server") from exc

__all__ = ["Door", "Serving", "Tickets", "app", "refusal", "segment", "serving"]
