"""Agents in any language: a proxy on loopback through which a command's model calls become a run's."""

from __future__ import annotations

from .command import CommandAgent
from .serving import open_gateway

__all__ = ["CommandAgent", "open_gateway"]
