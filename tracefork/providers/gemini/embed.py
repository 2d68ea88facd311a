"""Reads Google's embeddings, and the predictions of Vertex AI: vectors and images by their sizes alone."""

from __future__ import annotations

from .. import _json, api_paths, base
from .._answers import count_tokens, describe_vectors, fail, make, parse_roughly
from .._parts import failure, media_in_base64, other
from .._reader import Reader
from ..messages import Completion, Message, Part, Text, Tool
from ..openai.embeddings import take_last
from . import read

API = api_paths.GEMINI_EMBED


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "content", dict():
            return (Message("input", read.elements("contents", {"role": "input", **value})[0].parts),)  # type: ignore[union-attr]
        case "requests", {"content": dict() as content}:
            return elements("content", content)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    found = _json.mappings(body, "embeddings") or [one for one in [_json.mapping(body, "embedding")] if one]
    if not found:
        return fail(API, failure(body), "measure")
    part = describe_vectors([one.get("values") for one in found])
    asked = _json.count(_json.mapping(body, "usageMetadata"), "promptTokenCount")
    return make(
        API, {}, [("embedding", (part,))], kind="measure", usage=count_tokens(asked), complete=complete
    )


READER = Reader(API, ("content", "requests"), elements, whole, take_last, parse=parse_roughly)


# -- predictions ---------------------------------------------------------------------


def _elements_of_instances(key: str, value: object) -> tuple[Message | Tool, ...]:
    if key != "instances" or not isinstance(value, dict):
        return ()
    text = _json.string(value, "content", "prompt", "text")
    return (Message("input", (Text(text) if text else other(value, "instance"),)),)


def _predictions(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001
    if not isinstance(body.get("predictions"), list):
        return fail(api_paths.GEMINI_PREDICT, failure(body), "measure")
    found = _json.mappings(body, "predictions")
    vectors = [_json.mapping(one, "embeddings") for one in found if "embeddings" in one]
    others: list[Part] = [_read_prediction(one) for one in found if "embeddings" not in one]
    parts: list[Part] = [describe_vectors([one.get("values") for one in vectors])] if vectors else []
    counts = [_json.mapping(one, "statistics").get("token_count") for one in vectors]
    whole_counts = [
        int(str(getattr(one, "text", one))) for one in counts if str(getattr(one, "text", one)).isdecimal()
    ]
    usage = count_tokens(sum(whole_counts)) if counts and len(whole_counts) == len(counts) else None
    kind = "embedding" if vectors else "model"
    return make(
        api_paths.GEMINI_PREDICT,
        {},
        [(kind, (*parts, *others))],
        kind="measure",
        usage=usage,
        complete=complete,
    )


def _read_prediction(one: base.Payload) -> Part:
    if "bytesBase64Encoded" in one:
        return media_in_base64("image", _json.string(one, "mimeType"), one["bytesBase64Encoded"])
    return other(one, "prediction")


PREDICT = Reader(
    api_paths.GEMINI_PREDICT,
    ("instances",),
    _elements_of_instances,
    _predictions,
    take_last,
    parse=parse_roughly,
)
