"""Reads the runs of OpenAI's assistants: what one is told, what it calls, and what it says meanwhile."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._parts import failure, parts
from .._reader import Reader
from ..messages import Choice, Completion, Failure, Message, Text, Tool, ToolCall, ToolResult
from . import chat_read, threads
from .chat_read import usage

API = api_paths.RUNS
_UNFINISHED = frozenset({"queued", "in_progress", "cancelling"})


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """As a thread's; what tools gave, too, and the thread that is made with its run."""
    match key, value:
        case "tool_outputs", dict():
            output = value.get("output")
            text = (Text(_json.clean(output)),) if isinstance(output, str) else ()
            return (Message("tool", (ToolResult(_json.string(value, "tool_call_id"), text),)),)
        case "thread", dict():
            turns = _json.mappings(value, "messages")
            return tuple(threads.read_message(turn) for turn in turns)
        case _:
            return threads.elements(key, value)


def whole(run: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    failed = failure(run)
    if error := _json.mapping(run, "last_error"):
        failed = Failure(_json.string(error, "code"), _json.string(error, "message"))
    status = _json.string(run, "status")
    if not status and not failed:
        listed = threads.whole(run, complete)
        return listed if listed is None or isinstance(run.get("data"), list) else None
    words = [
        part for turn in _json.mappings(run, "said") for part in parts(turn.get("content"), threads.part)
    ]
    choice = Choice(Message("assistant", (*words, *_list_calls(run))), status)
    return Completion(
        API,
        _json.string(run, "id"),
        _json.string(run, "model"),
        (choice,) if status else (),
        usage(_json.mapping(run, "usage"), "prompt_tokens", "completion_tokens"),
        failed,
        complete and status not in _UNFINISHED,
    )


def _list_calls(run: base.Payload) -> Iterable[ToolCall]:
    wanted = _json.mapping(_json.mapping(run, "required_action"), "submit_tool_outputs")
    for call in _json.mappings(wanted, "tool_calls"):
        for part in chat_read.message({"tool_calls": [call]}).parts:
            if isinstance(part, ToolCall):
                yield part


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The run as it was last, with the messages that were said while it went on."""
    run: base.Payload = {}
    turns: dict[str, base.Payload] = {}
    pieces = _json.Pieces()
    for event in events:
        match event.get("object"):
            case "thread.run":
                run = event
            case "thread.message":
                turns[_json.string(event, "id")] = event
            case "thread.message.delta":
                _add(pieces, turns.setdefault(_json.string(event, "id"), {}), event)
            case _:
                run = {**run, "error": event.get("error")} if event.get("error") else run
    finished = [_finish(turn, pieces, key) for key, turn in turns.items()]
    status = _json.string(run, "status")
    if finished and not status:
        run = {**run, "status": "in_progress"}
    return {**run, "said": finished} if run else {}, done or bool(status and status not in _UNFINISHED)


def _add(pieces: _json.Pieces, turn: base.Payload, event: base.Payload) -> None:
    key = _json.string(event, "id")
    blocks = turn.setdefault("blocks", {})
    for block in _json.mappings(_json.mapping(event, "delta"), "content"):
        pieces.add((key, _json.index(block)), _json.mapping(block, "text").get("value"))
        if isinstance(blocks, dict):
            blocks.setdefault(_json.index(block), block)


def _finish(turn: base.Payload, pieces: _json.Pieces, key: str) -> base.Payload:
    """A message as it was when it was done, else as its deltas have spelled it so far."""
    if turn.get("content"):
        return turn
    blocks = turn.get("blocks")
    spelled: list[object] = []
    for place, block in sorted(blocks.items()) if isinstance(blocks, dict) else ():
        text = pieces.text((key, place))
        spelled.append(block if text is None else {"type": "text", "text": {"value": text}})
    return {**turn, "content": spelled}


READER = Reader(API, (*threads.LISTS, "tool_outputs", "thread"), elements, whole, assemble)
