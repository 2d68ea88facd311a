"""Names in the agent's modules that are bound to what is replaced."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from types import ModuleType
from typing import Any

from ...host.callsite import is_library
from ...host.tables import list_items

Undo = Callable[[], None]


def bind(swaps: list[tuple[Any, Any]], owners: tuple[ModuleType, ...]) -> Undo:
    """Bind each global name of the agent's modules that is bound to the first of a pair to the second.

    Returns what puts all back as it was, in modules that are imported meanwhile too. `owners` are left alone.
    """
    before = dict(sys.modules)
    to = {id(original): ours for original, ours in swaps}
    back = {id(ours): original for original, ours in reversed(swaps)}
    found = {name: module for name, module in list_items(sys.modules) if not is_library(name)}
    bound = list[tuple[dict[str, Any], str, Any]]()

    def undo() -> None:
        for names, name, original in bound:
            if id(names.get(name)) in back:
                names[name] = original
        new = [module for name, module in list_items(sys.modules) if before.get(name) is not module]
        for _ in _bind([*found.values(), *new], back, owners):
            pass

    with ExitStack() as failed:
        failed.callback(undo)
        for one in _bind(found.values(), to, owners):
            bound.append(one)
        failed.pop_all()
    return undo


def _bind(
    modules: Iterable[ModuleType], to: dict[int, Any], owners: tuple[ModuleType, ...]
) -> Iterator[tuple[dict[str, Any], str, Any]]:
    """Bind names anew; give the names of the module, the name, and what it was bound to."""
    kept = {id(vars(owner)) for owner in owners}
    for module in modules:
        names = getattr(module, "__dict__", None)
        if isinstance(names, dict) and id(names) not in kept:
            for name, value in list_items(names):
                if id(value) in to:
                    names[name] = to[id(value)]
                    yield names, name, value
