"""Edits: other requests of an agent that stays as it is. Pure values, kept with a run.

    with tracefork.fork(tape, at=4, edits=[Model("claude-x-small")]) as run:
        agent()

Each takes `where=`, the requests that it is for, and `first=`, how many of the run it leaves as they are.
"""

from __future__ import annotations

from .base import AnyEdit, Edit, Where
from .kept import describe
from .places import Append, Delete, Set
from .texts import Replace
from .vendors import Model, SystemPrompt, Temperature, Tools

__all__ = [
    "AnyEdit",
    "Append",
    "Delete",
    "Edit",
    "Model",
    "Replace",
    "Set",
    "SystemPrompt",
    "Temperature",
    "Tools",
    "Where",
    "describe",
]
