"""Reads the first version of Cohere's chat, and its bare texts."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail
from .._parts import failure, other
from .._reader import Reader
from ..messages import Choice, Completion, Message, Part, Text, Tool, ToolCall, ToolResult, Usage

_ROLES = {"USER": "user", "CHATBOT": "assistant", "SYSTEM": "system", "TOOL": "tool"}


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """The history comes before the message; documents and connectors are no words of anybody."""
    match key, value:
        case "tools", dict():
            return _read_tool(value)
        case "preamble", str():
            return (Message("system", (Text(_json.clean(value)),)),)
        case "chat_history", dict():
            return (_read_turn(value),)
        case "message", str():
            return (Message("user", (Text(_json.clean(value)),)),) if value else ()
        case "tool_results", dict():
            return (Message("tool", (_read_result(value),)),)
        case "prompt", str():
            return (Message("prompt", (Text(_json.clean(value)),)),)
        case _:
            return ()


def _read_tool(given: base.Payload) -> tuple[Tool, ...]:
    name, schema = _json.string(given, "name"), given.get("parameter_definitions")
    about = _json.string(given, "description")
    return (Tool(name, about, "" if schema is None else _json.write(schema)),) if name else ()


def _read_turn(turn: base.Payload) -> Message:
    role = _json.string(turn, "role")
    text = _json.string(turn, "message")
    results: list[Part] = [_read_result(one) for one in _json.mappings(turn, "tool_results")]
    words: tuple[Part, ...] = (Text(text),) if text else ()
    return Message(_ROLES.get(role, role), (*words, *_list_calls(turn), *results))


def _read_result(result: base.Payload) -> ToolResult:
    name = _json.string(_json.mapping(result, "call"), "name")
    return ToolResult("", (Text(_json.write(result.get("outputs"))),), name)


def _list_calls(turn: base.Payload) -> list[Part]:
    return list(map(_read_call, _json.mappings(turn, "tool_calls")))


def _read_call(call: base.Payload) -> Part:
    name = _json.string(call, "name")
    return ToolCall("", name, _json.write(call.get("parameters", {}))) if name else other(call)


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    text, failed = body.get("text"), failure(body)
    if not isinstance(text, str):
        return fail(api_paths.COHERE_CHAT_1, failed)
    words: tuple[Part, ...] = (Text(_json.clean(text)),) if text else ()
    choice = Choice(Message("assistant", (*words, *_list_calls(body))), _json.string(body, "finish_reason"))
    return Completion(
        api_paths.COHERE_CHAT_1,
        _json.string(body, "response_id", "generation_id"),
        "",  # it does not say which model it is
        (choice,),
        read_usage(_json.mapping(body, "meta")),
        failed,
        complete,
    )


def read_usage(meta: base.Payload) -> Usage | None:
    """The tokens that were used, or else those that are billed."""
    used, billed = (
        (_json.count(heap, "input_tokens"), _json.count(heap, "output_tokens"))
        for heap in (_json.mapping(meta, "tokens"), _json.mapping(meta, "billed_units"))
    )
    counts = billed if used == (None, None) else used
    if counts == (None, None):
        return None
    return Usage(*counts, billed_input=billed[0], billed_output=billed[1])


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The answer that the lines of a stream spell; the last of them says all of it again."""
    body: base.Payload = {}
    pieces = _json.Pieces()
    for event in events:
        match _json.string(event, "event_type"):
            case "text-generation":
                pieces.add("text", event.get("text"))
            case "tool-calls-generation":
                body["tool_calls"] = event.get("tool_calls")
            case "stream-end":
                done = True
                body |= _json.mapping(event, "response") or {"finish_reason": event.get("finish_reason")}
            case "" if "text" in event or "is_finished" in event:  # what Bedrock sends
                if event.get("is_finished") is True:
                    done, body = True, {**body, **_json.mapping(event, "response")}
                    body.setdefault("finish_reason", event.get("finish_reason"))
                else:
                    pieces.add("text", event.get("text"))
    text = pieces.text("text")
    if not isinstance(body.get("text"), str) and (text is not None or "tool_calls" in body):
        body["text"] = text or ""
    return body, done


CHAT = Reader(
    api_paths.COHERE_CHAT_1,
    ("tools", "preamble", "chat_history", "message", "tool_results"),
    elements,
    whole,
    assemble,
    in_lines=True,
)


# -- bare texts ----------------------------------------------------------------------


def generations(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001
    """The texts that were generated; several where several were asked for."""
    failed, found = failure(body), _json.mappings(body, "generations")
    if not isinstance(body.get("generations"), list):
        return fail(api_paths.COHERE_GENERATE, failed)
    return Completion(
        api_paths.COHERE_GENERATE,
        _json.string(body, "id"),
        "",
        tuple(
            Choice(
                Message("completion", (Text(_json.string(one, "text")),)), _json.string(one, "finish_reason")
            )
            for one in found
        ),
        read_usage(_json.mapping(body, "meta")),
        failed,
        complete,
    )


def assemble_texts(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The same of a stream, whose last line may say all of it again."""
    texts: dict[int, list[str]] = {}
    body: base.Payload = {}
    reason: object = None
    for event in events:
        if isinstance(text := event.get("text"), str) and event.get("is_finished") is not True:
            texts.setdefault(_json.index(event), []).append(text)
        if event.get("is_finished") is True:
            done, reason = True, event.get("finish_reason")
            body |= _json.mapping(event, "response")
    spelled: list[object] = [
        {"text": "".join(pieces), "finish_reason": reason} for _, pieces in sorted(texts.items())
    ]
    return {"generations": spelled, **body} if spelled or body else {}, done


GENERATE = Reader(
    api_paths.COHERE_GENERATE, ("prompt",), elements, generations, assemble_texts, in_lines=True
)
