"""Reads OpenAI's embeddings, and those of all who speak it: how many, and how long; never their numbers."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import count_tokens, describe_vectors, fail, make, parse_roughly
from .._parts import failure, other
from .._reader import Reader
from ..messages import Completion, Message, Other, Text, Tool

API = api_paths.EMBEDDINGS


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """A text; or one that is spelled in tokens, or has parts."""
    match key, value:
        case "input", str():
            return (Message("input", (Text(_json.clean(value)),)),)
        case "input", list():
            return (Message("input", (Other("tokens", _json.write(value)),)),)
        case "input", dict():
            return (Message("input", (other(value),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if not isinstance(body.get("data"), list):
        return fail(API, failure(body), "measure")
    vectors = [one.get("embedding") for one in _json.mappings(body, "data")]
    usage = _json.mapping(body, "usage")
    asked = _json.count(usage, "prompt_tokens")
    asked = _json.count(usage, "total_tokens") if asked is None else asked
    parts = (describe_vectors(vectors),)
    return make(
        API, body, [("embedding", parts)], kind="measure", usage=count_tokens(asked), complete=complete
    )


def take_last(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The last of several: such an answer has no stream."""
    found = list(events)
    return (found[-1] if found else {}), done


READER = Reader(API, ("input",), elements, whole, take_last, parse=parse_roughly)
