"""Reads what Amazon Bedrock invokes: a question and an answer have the form of the model's maker.

Which one that is goes by the keys that they have: an inference profile's name tells nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain

from attrs import evolve

from .. import _json, base, paths
from .._parts import failure, media_in_base64
from .._reader import Reader
from ..anthropic import complete as anthropic_complete
from ..anthropic import read as anthropic
from ..anthropic.stream import assemble as assemble_anthropic
from ..cohere import embed, older
from ..messages import Completion, Message, Text, Tool, Usage
from ..openai import chat_read
from ..openai.chat_stream import assemble as assemble_chat
from . import converse, families

API = paths.INVOKE
LISTS = (
    "tools toolConfig system preamble chat_history messages message prompt inputText texts images inputs "
    "text_prompts textToImageParams inputImage instances"
).split()


# -- questions ----------------------------------------------------------------------


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case (("inputText" | "prompt"), str()):
            return (Message("prompt", (Text(_json.clean(value)),)),)
        case "messages", dict():
            return (_read_turn(value),)
        case "system", str():
            return anthropic.elements(key, value)
        case (("system" | "toolConfig"), dict()):
            return converse.elements(key, value)
        case "tools", {"function": dict()}:
            return chat_read.elements(key, value)
        case "tools", {"parameter_definitions": dict()}:
            return older.elements(key, value)
        case "tools", dict():
            return anthropic.elements(key, value)
        case (("preamble" | "chat_history" | "message"), _):
            return older.elements(key, value)
        case (("texts" | "images" | "inputs"), _):
            return embed.elements(key, value)
        case "inputImage", str():
            return (Message("input", (media_in_base64("image", "", value),)),)
        case (("text_prompts" | "textToImageParams"), {"text": str(text)}):
            return (Message("prompt", (Text(_json.clean(text)),)),)
        case _:
            return ()


def _read_turn(turn: base.Payload) -> Message:
    """A message: with types in its parts as Anthropic and OpenAI have them, or without, as Amazon."""
    content = turn.get("content")
    blocks = content if isinstance(content, list) else []
    if any(isinstance(block, dict) and "type" not in block for block in blocks):
        found = converse.elements("messages", turn)
    elif any(isinstance(b, dict) and _json.string(b, "type") in _ANTHROPIC for b in blocks):
        found = anthropic.elements("messages", turn)
    else:
        return chat_read.message(turn)
    return next((one for one in found if isinstance(one, Message)), chat_read.message(turn))


_ANTHROPIC = frozenset({"image", "document", "tool_use", "tool_result", "thinking"})


# -- answers ------------------------------------------------------------------------


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    for key, read_whole in _WHOLES:
        if key in body:
            found = read_whole(body, complete)
            if found is not None:
                usage = found.usage or _read_metrics(body)
                return evolve(found, api=API, usage=usage)
    failed = failure(body)
    return Completion(API, failure=failed, complete=complete) if failed else None


_WHOLES = (
    ("choices", chat_read.whole),
    ("content", anthropic.whole),
    ("completion", anthropic_complete.whole),
    ("output", converse.whole),
    ("generation", families.llama),
    ("generations", older.generations),
    ("embeddings", embed.whole),
    ("embedding", families.vector),
    ("embeddingsByType", families.vector),
    ("results", families.titan),
    ("outputs", families.mistral),
    ("completions", families.ai21),
    ("text", older.whole),
    ("images", families.images),
    ("artifacts", families.images),
)
"""The key by which an answer is known, and who reads it; most particular first."""


def _read_metrics(body: base.Payload) -> Usage | None:
    """What Bedrock counts at the end of each stream, whoever made the model."""
    metrics = _json.mapping(body, "amazon-bedrock-invocationMetrics")
    counts = _json.count(metrics, "inputTokenCount"), _json.count(metrics, "outputTokenCount")
    cached = _json.count(metrics, "cacheReadInputTokenCount")
    return None if counts == (None, None) else Usage(*counts, cached)


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The answer that a stream spells, in the form of the maker that its events have."""
    given = list(events)
    last = next((one for one in reversed(given) if _METRICS in one), {})
    failed = next((one["error"] for one in given if one.get("error")), None)
    body, is_over = _choose(given)(given, done)
    if _METRICS in last:
        body = {**body, _METRICS: last[_METRICS]}
    if failed is not None:
        return {**body, "error": failed}, False
    return body, is_over or _METRICS in last


_METRICS = "amazon-bedrock-invocationMetrics"
_ASSEMBLIES = (
    ("messageStart", families.assemble_nova),
    ("contentBlockDelta", families.assemble_nova),
    ("choices", assemble_chat),
    ("outputText", families.assemble_titan),
    ("generation", families.assemble_llama),
    ("outputs", families.assemble_mistral),
    ("completion", anthropic_complete.assemble),
    ("event_type", older.assemble),
    ("is_finished", families.assemble_cohere),
)


def _choose(events: list[base.Payload]) -> families.Assemble:
    keys = frozenset(chain.from_iterable(events))
    return next((one for key, one in _ASSEMBLIES if key in keys), assemble_anthropic)


READER = Reader(API, tuple(LISTS), elements, whole, assemble)
