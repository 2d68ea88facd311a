"""The module `datetime` as the agent's modules have it, also those that import it within a run.

Python takes a frame for one of its own imports' if "importlib" and "_bootstrap" are in the name of its file.
So a warning that a module gives while it is imported, about whoever imports it, is about him still.
"""

from __future__ import annotations

import builtins
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from types import ModuleType
from typing import Any

from ...host.callsite import is_library


class _Datetime(ModuleType):
    """The module with stand-ins for its classes. What is set or deleted here is set or deleted there."""

    def __init__(self, stand_ins: Mapping[str, type]) -> None:
        names = {name: value for name, value in vars(dt).items() if name.startswith("__")}
        vars(self).update(names, _stand_ins=stand_ins)

    def __getattr__(self, name: str) -> Any:
        value, stand_in = getattr(dt, name), self._stand_ins.get(name)
        is_class = stand_in is not None and isinstance(value, type) and issubclass(value, stand_in)
        return stand_in if is_class else value

    def __setattr__(self, name: str, value: Any) -> None:
        is_ours = value is self._stand_ins.get(name)
        setattr(dt, name, value.mro()[0] if is_ours else value)

    def __delattr__(self, name: str) -> None:
        delattr(dt, name)

    def __dir__(self) -> list[str]:
        return dir(dt)

    def __repr__(self) -> str:
        return repr(dt)


def start(stand_ins: Mapping[str, type]) -> tuple[ModuleType, Callable[[], None]]:
    """Give the agent's modules another `datetime` where they import it; return that, and what ends it."""
    module, original, over = _Datetime(stand_ins), builtins.__import__, False

    def import_for(
        name: str,
        globals: Mapping[str, object] | None = None,  # noqa: A002
        locals: Mapping[str, object] | None = None,  # noqa: A002
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        found = original(name, globals, locals, fromlist or (), level)
        if name == "datetime" and found is dt and not over and globals is not None:
            return found if is_library(str(globals.get("__name__", ""))) else module
        return found

    def stop() -> None:
        nonlocal over
        over = True
        if builtins.__import__ is import_for:
            builtins.__import__ = original

    builtins.__import__ = import_for
    return module, stop
