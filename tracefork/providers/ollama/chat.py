"""Reads Ollama's chat: questions as OpenAI's, which ask for a stream by default: a line of JSON a piece."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from .. import _json, base, paths
from .._parts import failure
from .._reader import Reader
from ..messages import Choice, Completion, Message, Thinking, Tool, ToolResult, Usage
from ..openai import chat_read


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """As OpenAI's, but for the names of some fields."""
    return tuple(
        _add_names(element, value) if isinstance(element, Message) and isinstance(value, dict) else element
        for element in chat_read.elements(key, value)
    )


def _add_names(turn: Message, given: base.Payload) -> Message:
    name, thought = _json.string(given, "tool_name"), _json.string(given, "thinking")
    parts = (
        evolve(part, name=name) if name and isinstance(part, ToolResult) else part for part in turn.parts
    )
    return Message(turn.role, (*((Thinking(thought),) if thought else ()), *parts))


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    turn, failed = _json.mapping(body, "message"), failure(body)
    if not turn and not failed:
        return None
    counts = _json.count(body, "prompt_eval_count"), _json.count(body, "eval_count")
    message = _add_names(chat_read.message(turn), turn)
    return Completion(
        paths.OLLAMA,
        "",  # it gives its answers no names
        _json.string(body, "model"),
        (Choice(message, _json.string(body, "done_reason")),) if turn else (),
        None if counts == (None, None) else Usage(*counts),
        failed,
        complete and body.get("done") is not False,
    )


def assemble(lines: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The message that the lines of a stream spell, and whether its end came."""
    last: base.Payload = {}
    calls: list[object] = []
    role, pieces = "", _json.Pieces()
    for line in lines:
        turn = _json.mapping(line, "message")
        role = role or _json.string(turn, "role")
        for key in ("content", "thinking"):
            pieces.add(key, turn.get(key))
        calls += _json.mappings(turn, "tool_calls")
        last = {**last, **line}
        done = done or line.get("done") is True
    if "message" not in last:
        return last, done
    spelled = {key: pieces.text(key) for key in ("content", "thinking")}
    return {**last, "message": {"role": role, **spelled, "tool_calls": calls}}, done


READER = Reader(
    paths.OLLAMA, ("tools", "messages"), elements, whole, assemble, in_lines=True, streams_by_default=True
)
