"""The verbs: record, replay, resume, fork, verify, and the options that they take."""

from __future__ import annotations

from ..session.passthrough import TELEMETRY

__all__ = ["TELEMETRY"]
