"""Reads rankings in Cohere's form, which others have too: the question, what is ranked, and the scores."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._answers import count_tokens, fail, make
from .._parts import failure, other
from .._reader import Reader
from ..messages import Completion, Message, Other, Text, Tool
from ..openai.embeddings import take_last

API = api_paths.RERANK


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "query", str():
            return (Message("query", (Text(_json.clean(value)),)),)
        case (("documents" | "texts"), str()):
            return (Message("input", (Text(_json.clean(value)),)),)
        case (("documents" | "texts"), dict()):
            return (Message("input", (other(value),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    ranked = _json.mappings(body, "results", "data")
    if not isinstance(body.get("results", body.get("data")), list):
        return fail(API, failure(body), "measure")
    scores = [{key: value for key, value in one.items() if key != "document"} for one in ranked]
    usage = _json.mapping(body, "usage")
    part = Other("ranking", _json.write(scores))
    asked = _json.count(usage, "total_tokens")
    return make(
        API, body, [("ranking", (part,))], kind="measure", usage=count_tokens(asked), complete=complete
    )


READER = Reader(API, ("query", "documents", "texts"), elements, whole, take_last)
