"""Reads what vendors answer where tokens are only counted; the question is read as the one that it counts."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._answers import fail, make
from .._parts import failure
from .._reader import Reader
from ..anthropic import read as anthropic
from ..gemini import read as gemini
from ..messages import Completion, Message, Other, Tool
from ..openai import responses_read
from ..openai.embeddings import take_last

API = api_paths.COUNTS
_COUNTS = ("input_tokens", "totalTokens", "inputTokens", "total_tokens")


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    of_openai = key in ("contents", "input", "instructions")
    found = responses_read.elements(key, value) if of_openai else anthropic.elements(key, value)
    return found or gemini.elements(key, value)


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if not any(key in body for key in _COUNTS):
        return fail(API, failure(body), "measure")
    counted = {key: value for key, value in body.items() if key != "object"}
    return make(
        API, {}, [("tokens", (Other("tokens", _json.write(counted)),))], kind="measure", complete=complete
    )


LISTS = ("tools", "system", "systemInstruction", "instructions", "messages", "contents", "input")
READER = Reader(API, LISTS, elements, whole, take_last)
