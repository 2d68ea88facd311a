"""Reads what OpenAI keeps for assistants: these, threads, their messages and the steps of runs."""

from __future__ import annotations

from attrs import evolve

from .. import _json, api_paths, base
from .._answers import fail, list_kept, record
from .._parts import failure, media_at_url, other, parts, text_at
from .._reader import Reader
from ..messages import Choice, Completion, Message, Part, Text, Tool
from . import chat_read, responses_read
from .embeddings import take_last

API = api_paths.THREADS


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """An assistant has instructions and tools; a thread has messages; a message is its own body."""
    match key, value:
        case "tools", dict():
            return chat_read.elements(key, value)
        case (("instructions" | "additional_instructions"), str()) if value:
            return (Message("system", (Text(_json.clean(value)),)),)
        case (("messages" | "additional_messages"), dict()) if "role" in value:
            return (read_message(value),)
        case "content", str() | dict():
            return (Message("user", parts(value, part)),)
        case _:
            return ()


def read_message(turn: base.Payload) -> Message:
    return Message(_json.string(turn, "role"), parts(turn.get("content"), part))


def part(block: base.Payload) -> Part:
    """One part of a message in a thread: its texts stand in an object with their annotations."""
    match _json.string(block, "type"):
        case "text" if isinstance(block.get("text"), dict):
            return text_at(_json.mapping(block, "text"), "value", Text)
        case "text":
            return text_at(block, "text", Text)
        case "image_file":
            return media_at_url("image", _json.string(_json.mapping(block, "image_file"), "file_id"))
        case "image_url":
            return media_at_url("image", _json.string(_json.mapping(block, "image_url"), "url"))
        case "refusal":
            return other({"type": "refusal", "refusal": block.get("refusal")})
        case _:
            return other(block)


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if failed := failure(body):
        return fail(API, failed, "record")
    if "id" not in body and not isinstance(body.get("data"), list):
        return None
    found = evolve(record(API, body), complete=complete)
    turns = [_read_turn(one) for one in list_kept(body)]
    return evolve(
        found, choices=tuple(turn or choice for turn, choice in zip(turns, found.choices, strict=True))
    )


def _read_turn(kept: base.Payload) -> Choice | None:
    """A message that is kept, or an item of a response's input; None of what is neither."""
    match kept:
        case {"object": "thread.message"}:
            return Choice(read_message(kept))
        case {"object": "chat.completion.message"} | {"role": str(), "content": str()}:
            return Choice(chat_read.message(kept))
        case {"type": "message" | "function_call" | "function_call_output" | "reasoning"}:
            return Choice(responses_read.turn(kept))
        case _:
            return None


LISTS = ("tools", "instructions", "additional_instructions", "messages", "additional_messages", "content")
READER = Reader(API, LISTS, elements, whole, take_last)
