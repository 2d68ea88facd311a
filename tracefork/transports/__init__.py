"""Where runs meet others' libraries: an adapter for each; `files` is for adapters of yours."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = [
    "aiohttp",
    "botocore",
    "files",
    "http_client",
    "httpx",
    "httpx2",
    "mcp",
    "urllib3",
    "websockets",
    "websockets_sync",
]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
