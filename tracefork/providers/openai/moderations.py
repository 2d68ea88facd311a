"""Reads OpenAI's moderations, and Mistral's: what was looked at, and what was found in each."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._answers import fail, make
from .._parts import failure, parts
from .._reader import Reader
from ..messages import Completion, Message, Other, Tool
from .chat_read import message, part
from .embeddings import take_last

API = api_paths.MODERATIONS


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "input", dict() if "role" in value:
            return (message(value),)
        case "input", str() | dict():
            return (Message("input", parts(value, part)),)
        case "input", list():
            return tuple(message(turn) for turn in value if isinstance(turn, dict))
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if not isinstance(body.get("results"), list):
        return fail(API, failure(body), "measure")
    found = [
        ("moderation", (Other("moderation", _json.write(one)),)) for one in _json.mappings(body, "results")
    ]
    return make(API, body, found, kind="measure", complete=complete)


READER = Reader(API, ("input",), elements, whole, take_last)
