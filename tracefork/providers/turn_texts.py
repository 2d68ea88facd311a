"""A turn as JSON that a person edits, and back. Pure.

A text of several lines is a list of them; either form is read. Arguments that the model spelled as no
JSON object are a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from attrs import evolve

from ..core.visible import visible_json
from . import _json
from .messages import ToolCall
from .turns import Turn, is_object

_KEYS = frozenset({"text", "tool_calls"})
_KEYS_OF_CALLS = frozenset({"id", "name", "arguments"})


def write_turn(turn: Turn) -> str:
    """Return `turn` as indented JSON, nothing in it hidden or steering a terminal."""
    lines = turn.text.split("\n")
    shown = {
        "text": lines if len(lines) > 1 else turn.text,
        "tool_calls": [_show_call(call) for call in turn.calls],
    }
    return visible_json(_indent(shown, "\n")) + "\n"


def read_turn_text(text: str, old: Turn) -> Turn:
    """Return the turn that `text` says; what it leaves as `old` has it stays as it was spelled.

    Raises:
        ValueError: it is no JSON of that form; the message says where.
    """
    try:
        json.loads(text, parse_constant=_refuse)  # it says where the trouble is
    except RecursionError:
        raise ValueError("this is nested too deeply") from None
    value = _json.parse(text)
    if not isinstance(value, dict) or not value.keys() <= _KEYS:
        raise ValueError('this is an object with "text" and "tool_calls", and nothing else')
    calls = value.get("tool_calls", [])
    if not isinstance(calls, list):
        raise ValueError(f'"tool_calls" is a list, not {calls!r:.80}')  # noqa: TRY004  it is a text
    return Turn(_read_text(value.get("text", "")), tuple(_read_calls(calls, old)))


def _show_call(call: ToolCall) -> dict[str, object]:
    named = {"id": call.id} if call.id else {}
    return {**named, "name": call.name, "arguments": _show_arguments(call)}


def _show_arguments(call: ToolCall) -> object:
    return _json.parse(call.arguments) if is_object(call.arguments) else call.arguments


def _read_text(value: object) -> str:
    match value:
        case str():
            return value
        case list() if all(isinstance(line, str) for line in value):
            return "\n".join(value)
        case _:
            raise ValueError(f'"text" is a text, or a list of its lines, not {value!r:.80}')


def _read_calls(values: list[object], old: Turn) -> Iterator[ToolCall]:
    recorded = {call.id: call for call in old.calls if call.id}
    for place, value in enumerate(values):
        where = f'"tool_calls"[{place}]'
        if not isinstance(value, dict) or not {"name"} <= value.keys() <= _KEYS_OF_CALLS:
            raise ValueError(f'{where} is an object with "name", "arguments" and perhaps "id"')
        name, named = value["name"], value.get("id", "")
        if not isinstance(name, str) or not name or not isinstance(named, str):
            raise ValueError(f'{where}: "name" and "id" are texts, and a name is not empty')
        before = recorded.get(named) if named else _find_unnamed(old, place)
        arguments = value.get("arguments", {})
        if before is not None and _show_arguments(before) == arguments:
            yield evolve(before, name=name)
        elif isinstance(arguments, dict):
            yield ToolCall(named, name, _json.write(arguments))
        else:
            raise ValueError(f'{where}: "arguments" is an object, not {arguments!r:.80}')


def _find_unnamed(old: Turn, place: int) -> ToolCall | None:
    """The recorded call at `place`, if it has no id either."""
    call = old.calls[place] if place < len(old.calls) else None
    return call if call is not None and not call.id else None


def _indent(value: object, line: str) -> str:
    """JSON text of `value`, its numbers as they are spelled; `line` begins each of its lines."""
    inner = line + "  "
    match value:
        case dict() if value:
            members = [f"{inner}{_json.write(key)}: {_indent(one, inner)}" for key, one in value.items()]
            return "{" + ",".join(members) + line + "}"
        case list() if value:
            return "[" + ",".join(inner + _indent(one, inner) for one in value) + line + "]"
        case _:
            return _json.write(value)


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")
