"""Where runs meet `httpx`, `httpx2`, `urllib3`, `http_client`, `botocore`, `mcp`; `files` is for others."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

__all__ = ["botocore", "files", "http_client", "httpx", "httpx2", "mcp", "urllib3"]


def __getattr__(name: str) -> ModuleType:
    if name in __all__:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
