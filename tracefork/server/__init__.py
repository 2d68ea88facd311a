"""The reports of a store, live, for the person at this machine and nobody else. Needs `tracefork[server]`."""

from __future__ import annotations

from .app import app
from .guard import Door, refusal
from .serving import Serving, serving

__all__ = ["Door", "Serving", "app", "refusal", "serving"]
