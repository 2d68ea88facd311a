"""Pure readers and builders of the vendors' payloads. Record and replay do without them.

Submodules load when first named: `tracefork.providers.anthropic.text("Hi.")` needs no import of its own.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from . import (
        anthropic,
        base,
        gemini,
        messages,
        openai,
        paths,
        prices,
        read,
        reusable,
        route,
        sse,
        streams,
        turns,
    )

__all__ = [
    "anthropic",
    "base",
    "gemini",
    "messages",
    "openai",
    "paths",
    "prices",
    "read",
    "reusable",
    "route",
    "sse",
    "streams",
    "turns",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return importlib.import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
