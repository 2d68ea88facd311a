"""Exchanges the function calls of a whole answer of Gemini's, in its first candidate."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _json, base
from .._parts import arguments
from ..messages import ToolCall
from ..own_calls import plan

_KEYS = ("functionCall", "function_call")


def list_calls(answer: base.Payload) -> list[ToolCall]:
    """The calls of `answer`; older models give them no ids."""
    return [_read(part) for part in _parts(answer) if _key(part)]


def replace_calls(answer: base.Payload, calls: Sequence[ToolCall]) -> base.Payload:
    """Return `answer` with these calls: each in the place of a recorded one of its id, others at the end."""
    planned = plan(list_calls(answer), calls)
    kept = iter(planned.kept)
    parts: list[base.Payload] = []
    for part in _parts(answer):
        key = _key(part)
        if not key:
            parts.append(part)
        elif (call := next(kept)) is not None:
            parts.append({**part, key: {**_json.mapping(part, key), **_spell(call)}})
    parts += ({"functionCall": _spell(call)} for call in planned.added)
    first, *others = _json.mappings(answer, "candidates")
    content = {"role": "model", **_json.mapping(first, "content"), "parts": parts}
    return {**answer, "candidates": [{**first, "content": content}, *others]}


def _parts(answer: base.Payload) -> list[base.Payload]:
    first = next(iter(_json.mappings(answer, "candidates")), {})
    return _json.mappings(_json.mapping(first, "content"), "parts")


def _key(part: base.Payload) -> str:
    return next((key for key in _KEYS if _json.mapping(part, key)), "")


def _read(part: base.Payload) -> ToolCall:
    call = _json.mapping(part, *_KEYS)
    return ToolCall(_json.string(call, "id"), _json.string(call, "name"), arguments(call.get("args")))


def _spell(call: ToolCall) -> base.Payload:
    named: base.Payload = {"id": call.id} if call.id else {}
    return {**named, "name": call.name, "args": _json.Verbatim(call.arguments)}
