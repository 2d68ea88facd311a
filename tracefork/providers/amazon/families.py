"""The forms of answers that only Bedrock has: Titan's, Llama's, Mistral's older, AI21's older, and images."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from .. import _json, base, paths
from .._answers import count_tokens, describe_vectors
from .._parts import failure, media_in_base64
from ..cohere import older
from ..messages import Choice, Completion, Kind, Message, Part, Text, Usage
from . import converse

Assemble: TypeAlias = "Callable[[Iterable[base.Payload], bool], tuple[base.Payload, bool]]"


def titan(body: base.Payload, complete: bool) -> Completion:  # noqa: FBT001
    found = _json.mappings(body, "results")
    choices = [_choose(one, "outputText", "completionReason") for one in found]
    counts = [_count(one.get("tokenCount")) for one in found]
    output = None if None in counts or not counts else sum(count or 0 for count in counts)
    return _answer(body, choices, _use(_count(body.get("inputTextTokenCount")), output), complete=complete)


def llama(body: base.Payload, complete: bool) -> Completion:  # noqa: FBT001
    counts = _json.count(body, "prompt_token_count"), _json.count(body, "generation_token_count")
    return _answer(body, [_choose(body, "generation", "stop_reason")], _use(*counts), complete=complete)


def mistral(body: base.Payload, complete: bool) -> Completion:  # noqa: FBT001
    choices = [_choose(one, "text", "stop_reason") for one in _json.mappings(body, "outputs")]
    return _answer(body, choices, None, complete=complete)


def ai21(body: base.Payload, complete: bool) -> Completion:  # noqa: FBT001
    """The tokens are there, one by one, with their probabilities: they are counted."""
    choices, counts = [], list[int]()
    for one in _json.mappings(body, "completions"):
        data, reason = _json.mapping(one, "data"), _json.mapping(one, "finishReason")
        choices.append(_choose({**data, "reason": reason.get("reason")}, "text", "reason"))
        counts.append(len(_json.mappings(data, "tokens")))
    asked = len(_json.mappings(_json.mapping(body, "prompt"), "tokens"))
    usage = Usage(asked, sum(counts)) if asked and all(counts) else None
    return _answer(body, choices, usage, complete=complete)


def vector(body: base.Payload, complete: bool) -> Completion:  # noqa: FBT001
    one = body.get("embedding")
    by_type = _json.mapping(body, "embeddingsByType")
    found = describe_vectors([one] if isinstance(one, list) else list(by_type.values())[:1])
    asked = count_tokens(_count(body.get("inputTextTokenCount")))
    choices = [Choice(Message("embedding", (found,)))]
    return _answer(body, choices, asked, complete=complete, kind="measure")


def images(body: base.Payload, complete: bool) -> Completion:  # noqa: FBT001
    given = body.get("images", body.get("artifacts"))
    parts: list[Part] = [
        media_in_base64("image", "", one.get("base64") if isinstance(one, dict) else one)
        for one in (given if isinstance(given, list) else [])
    ]
    return _answer(body, [Choice(Message("assistant", tuple(parts)))], None, complete=complete)


def _choose(one: base.Payload, text: str, reason: str) -> Choice:
    words = one.get(text)
    parts = (Text(_json.clean(words)),) if isinstance(words, str) else ()
    return Choice(Message("completion", parts), _json.string(one, reason))


def _answer(
    body: base.Payload,
    choices: list[Choice],
    usage: Usage | None,
    *,
    complete: bool,
    kind: Kind = "answer",
) -> Completion:
    name = _json.string(body, "id")
    return Completion(paths.INVOKE, name, "", tuple(choices), usage, failure(body), complete, kind)


def _use(asked: int | None, output: int | None) -> Usage | None:
    return None if asked is None and output is None else Usage(asked, output)


def _count(value: object) -> int | None:
    """A count, which Titan's guarded answers spell as `28.0`."""
    if isinstance(value, _json.Verbatim) and value.text.endswith(".0") and value.text[:-2].isdecimal():
        value = int(value.text[:-2]) if len(value.text) < 20 else None  # noqa: PLR2004  no count is so long
    return _json.count({"count": value}, "count")


# -- streams ------------------------------------------------------------------------


def assemble_nova(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """As Converse's, each event in an object of its own under its kind."""
    return converse.assemble(map(_unwrap, events), done)


def _unwrap(event: base.Payload) -> base.Payload:
    kinds = (
        "messageStart",
        "contentBlockStart",
        "contentBlockDelta",
        "contentBlockStop",
        "messageStop",
        "metadata",
    )
    return _json.mapping(event, *kinds) or {key: event[key] for key in ("error",) if key in event}


def assemble_titan(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    body: base.Payload = {}
    pieces = _json.Pieces()
    reason: object = None
    output: object = None
    for event in events:
        pieces.add("text", event.get("outputText"))
        body |= {key: event[key] for key in ("inputTextTokenCount",) if event.get(key) is not None}
        reason = event.get("completionReason") or reason
        output = event.get("totalOutputTextTokenCount") or output
    result = {"outputText": pieces.text("text"), "completionReason": reason, "tokenCount": output}
    return {**body, "results": [result]}, done or bool(reason)


def assemble_llama(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    body: base.Payload = {}
    pieces = _json.Pieces()
    for event in events:
        pieces.add("text", event.get("generation"))
        body |= {key: value for key, value in event.items() if value is not None}
    return {**body, "generation": pieces.text("text") or ""}, done or bool(body.get("stop_reason"))


def assemble_mistral(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    pieces = _json.Pieces()
    reason: object = None
    for event in events:
        for one in _json.mappings(event, "outputs"):
            pieces.add("text", one.get("text"))
            reason = one.get("stop_reason") or reason
    return {"outputs": [{"text": pieces.text("text") or "", "stop_reason": reason}]}, done or bool(reason)


def assemble_cohere(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    return older.assemble_texts(events, done)
