"""Exchanges the function calls of a completion's first choice, or of a response, of OpenAI's."""

from __future__ import annotations

from collections.abc import Sequence

from .. import _json, base
from .._parts import arguments
from ..messages import ToolCall
from ..own_calls import make_id, plan

_STOPS = {True: ("stop", "tool_calls"), False: ("tool_calls", "stop")}
"""The finish reason that does not go with calls, or with none, and the one that does."""


# -- chat completions ------------------------------------------------------------


def list_calls_of_chat(completion: base.Payload) -> list[ToolCall]:
    """The calls of functions in the first choice, in the form of today or the older one."""
    message = _json.mapping(_first(completion), "message")
    if older := _json.mapping(message, "function_call"):
        return [_read("", older)]
    calls = _json.mappings(message, "tool_calls")
    return [
        _read(_json.string(call, "id"), _json.mapping(call, "function")) for call in calls if _is_call(call)
    ]


def replace_calls_of_chat(completion: base.Payload, calls: Sequence[ToolCall]) -> base.Payload:
    """Return `completion` with these calls: those with a recorded id in that one's place, others at the end.

    Raises:
        ValueError: several calls where the older form has room for one.
    """
    first = _first(completion)
    message = _json.mapping(first, "message")
    if message.get("function_call"):
        if len(calls) > 1:
            raise ValueError("the recorded answer is of the older form, which has room for one function_call")
        new = {**message, "function_call": _spell(calls[0]) if calls else None}
    else:
        new = {**message, "tool_calls": _list_new(completion, message, calls) or None}
        if not new["tool_calls"]:
            del new["tool_calls"]
    before, after = _STOPS[bool(calls)]
    reason = first.get("finish_reason")
    choice = {**first, "message": new, "finish_reason": after if reason == before else reason}
    return {**completion, "choices": [choice, *_json.mappings(completion, "choices")[1:]]}


def _list_new(
    completion: base.Payload, message: base.Payload, calls: Sequence[ToolCall]
) -> list[base.Payload]:
    planned = plan(list_calls_of_chat(completion), calls)
    kept = iter(planned.kept)
    new: list[base.Payload] = []
    for old in _json.mappings(message, "tool_calls"):
        if not _is_call(old):
            new.append(old)
        elif (call := next(kept)) is not None:
            new.append({**old, "function": {**_json.mapping(old, "function"), **_spell(call)}})
    for number, call in enumerate(planned.added):
        named = make_id("call_", completion.get("id"), number, call)
        new.append({"id": named, "type": "function", "function": _spell(call)})
    return new


def _first(completion: base.Payload) -> base.Payload:
    return next(iter(_json.mappings(completion, "choices")), {})


def _is_call(call: base.Payload) -> bool:
    return bool(_json.mapping(call, "function"))


# -- the Responses API -----------------------------------------------------------


def list_calls_of_response(response: base.Payload) -> list[ToolCall]:
    """The calls of functions among the output's items."""
    items = _json.mappings(response, "output")
    return [_read(_json.string(item, "call_id"), item) for item in items if _is_item(item)]


def replace_calls_of_response(response: base.Payload, calls: Sequence[ToolCall]) -> base.Payload:
    """Return `response` with these calls: those with a recorded id in that one's place, others at the end."""
    planned = plan(list_calls_of_response(response), calls)
    kept = iter(planned.kept)
    output: list[base.Payload] = []
    for item in _json.mappings(response, "output"):
        if not _is_item(item):
            output.append(item)
        elif (call := next(kept)) is not None:
            output.append({**item, **_spell(call)})
    for number, call in enumerate(planned.added):
        named = make_id("call_", response.get("id"), number, call)
        own: base.Payload = {"id": base.ident("fc_", named), "type": "function_call", "status": "completed"}
        output.append({**own, "call_id": named, **_spell(call)})
    return {**response, "output": output}


def _is_item(item: base.Payload) -> bool:
    return item.get("type") == "function_call"


# -- shapes ------------------------------------------------------------------------


def _read(call_id: str, call: base.Payload) -> ToolCall:
    return ToolCall(call_id, _json.string(call, "name"), arguments(call.get("arguments")))


def _spell(call: ToolCall) -> base.Payload:
    return {"name": call.name, "arguments": call.arguments}
