"""Finds what an import path names, as the options of a shell and other processes name an agent."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def resolve(what: Any) -> Any:
    """Return what `"package.module:function"` names; anything but a string is itself.

    Raises:
        ValueError: the name is no such path, or leads to nothing that can be called.
    """
    if not isinstance(what, str):
        return what
    module, _, path = what.partition(":")
    if not module or not path:
        raise ValueError(f"{what!r} is no import path such as package.module:function")
    try:
        found: Any = import_module(module)
    except ImportError as exc:
        raise ValueError(f"{what!r} cannot be imported: {exc}") from exc
    for name in path.split("."):
        found = getattr(found, name, None)
    if not callable(found):
        raise ValueError(  # noqa: TRY004  a name, not an argument, is at fault
            f"{what!r} names nothing that can be called"
        )
    return found
