"""Says when modules are imported that were not there when a run began, and which are there whole."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_run: set[str] = set()
"""Modules that were watched, and have run to their end."""


def find_loaded(name: str) -> Any:
    """Return the module of this name if it has run to its end, else None; nothing is imported."""
    module = sys.modules.get(name)
    begun = getattr(getattr(module, "__spec__", None), "_initializing", False)
    return None if begun and name not in _run else module


class Watch:
    """Calls `imported` with each of `names` once it was imported, from `begin` until `end`."""

    def __init__(self, names: frozenset[str], imported: Callable[[str], object]) -> None:
        self._names = names
        self._imported = imported
        self._here = threading.local()

    def begin(self) -> None:
        """Start to watch; nothing if all of `names` are imported already."""
        if self not in sys.meta_path and not self._names <= sys.modules.keys():
            sys.meta_path.insert(0, self)

    def end(self) -> None:
        """Stop to watch."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(self, name: str, path: Any = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return the spec that the other finders have for one of `names`, its loader watched."""
        if name not in self._names or getattr(self._here, "looks", False):
            return None
        self._here.looks = True
        try:
            for finder in [one for one in sys.meta_path if one is not self]:
                spec = finder.find_spec(name, path, target) if hasattr(finder, "find_spec") else None
                if spec is not None:
                    if spec.loader is not None:
                        spec.loader = _Then(spec.loader, self._imported)
                    return spec
        finally:
            self._here.looks = False
        return None


class _Then(Loader):
    """A loader that says when it has run a module, and leaves it with its own."""

    def __init__(self, loader: Any, imported: Callable[[str], object]) -> None:
        self._loader, self._imported = loader, imported

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        made: ModuleType | None = self._loader.create_module(spec)
        return made

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        _run.add(module.__name__)
        self._imported(module.__name__)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)
