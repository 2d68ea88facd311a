"""For tests: tapes and cassettes, policies, pins, scripted providers, a loopback server, contracts as tests.

Names load when they are first used: `tapes` and `BackendTests` need hypothesis, and
`BackendTests` and `TransportTests` pytest (`tracefork[testing]`); the others need nothing more.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..core.breaches import Breach as Breach
    from .backends.contract import BackendTests as BackendTests
    from .on_tape.warned import OldTape as OldTape
    from .on_tape.warned import StaleCassette as StaleCassette
    from .pins.agents import command as command
    from .pins.agents import script as script
    from .pins.hold import hold as hold
    from .pins.pin import Pin as Pin
    from .pins.pin import pin as pin
    from .policies.policy import Policy as Policy
    from .policies.policy import policy as policy
    from .scripted import Script as Script
    from .scripted import by_marker as by_marker
    from .scripted import by_rule as by_rule
    from .server import LoopbackServer as LoopbackServer
    from .strategies import tapes as tapes
    from .transports.contract import TransportTests as TransportTests
    from .use import use_cassette as use_cassette

_HOMES = {
    "BackendTests": "backends.contract",
    "Breach": "policies.policy",
    "LoopbackServer": "server",
    "OldTape": "on_tape.warned",
    "Pin": "pins.pin",
    "Policy": "policies.policy",
    "Script": "scripted",
    "StaleCassette": "on_tape.warned",
    "TransportTests": "transports.contract",
    "by_marker": "scripted",
    "by_rule": "scripted",
    "command": "pins.agents",
    "hold": "pins.hold",
    "pin": "pins.pin",
    "policy": "policies.policy",
    "script": "pins.agents",
    "tapes": "strategies",
    "use_cassette": "use",
}

__all__ = [
    "BackendTests",
    "Breach",
    "LoopbackServer",
    "OldTape",
    "Pin",
    "Policy",
    "Script",
    "StaleCassette",
    "TransportTests",
    "by_marker",
    "by_rule",
    "cassettes",
    "command",
    "hold",
    "pin",
    "policy",
    "script",
    "tapes",
    "use_cassette",
]


def __getattr__(name: str) -> object:
    if name in ("backends", "cassettes", "scripted", "server", "strategies", "transports"):
        return import_module(f".{name}", __name__)
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
