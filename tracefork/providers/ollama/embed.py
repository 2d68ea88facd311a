"""Reads Ollama's embeddings: how many, and how long; never their numbers."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._answers import count_tokens, describe_vectors, fail, make, parse_roughly
from .._parts import failure
from .._reader import Reader
from ..messages import Completion, Message, Text, Tool
from ..openai.embeddings import take_last

API = api_paths.OLLAMA_EMBED


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case (("input" | "prompt"), str()):
            return (Message("input", (Text(_json.clean(value)),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    match body:
        case {"embeddings": list() as vectors}:
            pass
        case {"embedding": list() as vector}:
            vectors = [vector]
        case _:
            return fail(API, failure(body), "measure")
    asked = count_tokens(_json.count(body, "prompt_eval_count"))
    return make(
        API,
        body,
        [("embedding", (describe_vectors(vectors),))],
        kind="measure",
        usage=asked,
        complete=complete,
    )


READER = Reader(API, ("input", "prompt"), elements, whole, take_last, parse=parse_roughly)
