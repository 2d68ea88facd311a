"""Reads Cohere's embeddings: how many, and how long; never their numbers."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._answers import count_tokens, describe_vectors, fail, make, parse_roughly
from .._parts import failure, media_at_url, other
from .._reader import Reader
from ..messages import Completion, Message, Part, Text, Tool
from ..openai.embeddings import take_last

API = api_paths.COHERE_EMBED


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "texts", str():
            return (Message("input", (Text(_json.clean(value)),)),)
        case "images", str():
            return (Message("input", (media_at_url("image", _json.clean(value)),)),)
        case "inputs", dict():
            return (Message("input", (other(value),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    found = body.get("embeddings")
    by_kind = found if isinstance(found, dict) else {"float": found}
    parts: list[Part] = [
        describe_vectors(vectors) for vectors in by_kind.values() if isinstance(vectors, list)
    ]
    if not parts:
        return fail(API, failure(body), "measure")
    asked = _json.count(_json.mapping(_json.mapping(body, "meta"), "billed_units"), "input_tokens")
    return make(
        API, body, [("embedding", tuple(parts))], kind="measure", usage=count_tokens(asked), complete=complete
    )


READER = Reader(API, ("texts", "images", "inputs"), elements, whole, take_last, parse=parse_roughly)
