"""Reads Cohere's chat, version 2: questions as OpenAI's, answers of its own."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, base, paths
from .._parts import failure
from .._reader import Reader
from ..messages import Choice, Completion, Message, Thinking, Usage
from ..openai import chat_read


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    turn, failed = _json.mapping(body, "message"), failure(body)
    if not turn and not failed:
        return None
    return Completion(
        paths.COHERE,
        _json.string(body, "id"),
        "",  # it does not say which model it is
        (Choice(_answer(turn), _json.string(body, "finish_reason")),) if turn else (),
        _usage(_json.mapping(body, "usage")),
        failed,
        complete,
    )


def _answer(given: base.Payload) -> Message:
    """What it says; the plan that it makes before it calls tools is a thought."""
    turn, plan = chat_read.message(given), _json.string(given, "tool_plan")
    return Message(turn.role, (Thinking(plan), *turn.parts)) if plan else turn


def _usage(usage: base.Payload) -> Usage | None:
    """The tokens that were used, which are more than are billed."""
    tokens = _json.mapping(usage, "tokens")
    counts = _json.count(tokens, "input_tokens"), _json.count(tokens, "output_tokens")
    if counts == (None, None):
        return None
    billed = _json.mapping(usage, "billed_units")
    return Usage(
        *counts,
        _json.count(usage, "cached_tokens"),
        billed_input=_json.count(billed, "input_tokens"),
        billed_output=_json.count(billed, "output_tokens"),
    )


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The message that the events of a stream spell, and whether its end came."""
    head: base.Payload = {}
    message: base.Payload = {}
    plan = _json.Pieces()
    blocks: dict[int, tuple[str, _json.Pieces]] = {}
    calls: dict[int, tuple[base.Payload, _json.Pieces]] = {}
    for event in events:
        delta = _json.mapping(event, "delta")
        turn, place = _json.mapping(delta, "message"), _json.index(event)
        match _json.string(event, "type"):
            case "message-start":
                head, message = {"id": event.get("id")}, turn
            case "content-start" | "content-delta":
                content = _json.mapping(turn, "content")
                key = "thinking" if "thinking" in content else "text"
                pieces = blocks.setdefault(place, (_json.string(content, "type") or key, _json.Pieces()))[1]
                pieces.add(key, content.get(key))
            case "tool-plan-delta":
                plan.add("text", turn.get("tool_plan"))
            case "tool-call-start" | "tool-call-delta":
                call = _json.mapping(turn, "tool_calls")
                calls.setdefault(place, (call, _json.Pieces()))[1].add(
                    "arguments", _json.mapping(call, "function").get("arguments")
                )
            case "message-end":
                head = {**head, "finish_reason": delta.get("finish_reason"), "usage": delta.get("usage")}
                done = True
    spelled = [{"type": kind, kind: pieces.text(kind)} for _, (kind, pieces) in sorted(blocks.items())]
    called = [
        {**call, "function": {**_json.mapping(call, "function"), "arguments": pieces.text("arguments")}}
        for _, (call, pieces) in sorted(calls.items(), key=lambda one: one[0])
    ]
    if message or spelled or called:
        turn = {"content": spelled, "tool_plan": plan.text("text"), "tool_calls": called}
        head = {**head, "message": {**message, **turn}}
    return head, done


READER = Reader(paths.COHERE, ("tools", "messages"), chat_read.elements, whole, assemble)
