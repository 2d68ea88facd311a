"""How new tool calls of an answer take the places of those that were recorded."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from . import base
from .messages import ToolCall


@frozen
class Plan:
    """What becomes of each old call, None where it goes; and the calls that are new."""

    kept: tuple[ToolCall | None, ...]
    added: tuple[ToolCall, ...]


def plan(old: Sequence[ToolCall], new: Sequence[ToolCall]) -> Plan:
    """Return where `new` calls go: to the `old` one of the same id, of several to that of the same name."""
    kept: list[ToolCall | None] = [None] * len(old)
    added = []
    for call in new:
        free = [n for n, before in enumerate(old) if kept[n] is None and before.id == call.id]
        alike = [n for n in free if old[n].name == call.name]
        if free:
            kept[(alike or free)[0]] = call
        else:
            added.append(call)
    return Plan(tuple(kept), tuple(added))


def make_id(prefix: str, answer_id: object, number: int, call: ToolCall) -> str:
    """The id of an added call: its own, or one that is made of what it is."""
    return call.id or base.ident(prefix, str(answer_id), str(number), call.name, call.arguments)
