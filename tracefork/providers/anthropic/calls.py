"""Exchanges the tool calls of a whole message of Anthropic's; what the vendor runs itself stays."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _json, base
from .._parts import arguments
from ..messages import ToolCall
from ..own_calls import make_id, plan

_STOPS = {True: ("end_turn", "tool_use"), False: ("tool_use", "end_turn")}
"""The stop reason that does not go with calls, or with none, and the one that does."""


def list_calls(message: base.Payload) -> list[ToolCall]:
    """The calls of `message` that the agent is to make."""
    return [_read(block) for block in _json.mappings(message, "content") if _is_call(block)]


def replace_calls(message: base.Payload, calls: Sequence[ToolCall]) -> base.Payload:
    """Return `message` with these calls: those with a recorded id in that one's place, others at the end."""
    planned = plan(list_calls(message), calls)
    kept = iter(planned.kept)
    content: list[base.Payload] = []
    for block in _json.mappings(message, "content"):
        if not _is_call(block):
            content.append(block)
        elif (call := next(kept)) is not None:
            content.append({**block, **_spell(call)})
    for number, call in enumerate(planned.added):
        named = make_id("toolu_", message.get("id"), number, call)
        content.append({"type": "tool_use", "id": named, **_spell(call)})
    before, after = _STOPS[bool(calls)]
    reason = message.get("stop_reason")
    return {**message, "content": content, "stop_reason": after if reason == before else reason}


def _is_call(block: base.Payload) -> bool:
    return block.get("type") == "tool_use"


def _read(block: base.Payload) -> ToolCall:
    return ToolCall(_json.string(block, "id"), _json.string(block, "name"), arguments(block.get("input")))


def _spell(call: ToolCall) -> base.Payload:
    return {"name": call.name, "input": _json.Verbatim(call.arguments)}
