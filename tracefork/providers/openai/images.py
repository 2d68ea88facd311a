"""Reads OpenAI's images: what is to be drawn or changed, and what was; never the data."""

from __future__ import annotations

from collections.abc import Iterable

from .. import _json, api_paths, base
from .._answers import fail
from .._parts import failure, media_in_base64
from .._reader import Reader
from ..messages import Choice, Completion, Media, Message, Part, Text, Tool, Usage

API = api_paths.IMAGES


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case "prompt", str():
            return (Message("user", (Text(_json.clean(value)),)),)
        case (("image" | "mask" | "images"), {"file": Media() as media}):
            return (Message("user", (media,)),)
        case "images", dict():
            return (Message("user", (Media("image", url=_json.string(value, "image_url", "file_id")),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if not isinstance(body.get("data"), list):
        return fail(API, failure(body))
    form = _json.string(body, "output_format")
    counted = _json.mapping(body, "usage")
    counts = _json.count(counted, "input_tokens"), _json.count(counted, "output_tokens")
    return Completion(
        API,
        "",
        "",  # it does not say which model it is
        tuple(
            Choice(Message("assistant", tuple(_read(one, f"image/{form}" if form else ""))))
            for one in _json.mappings(body, "data")
        ),
        None if counts == (None, None) else Usage(*counts),
        failure(body),
        complete,
    )


def _read(one: base.Payload, media_type: str) -> Iterable[Part]:
    if revised := _json.string(one, "revised_prompt"):
        yield Text(revised)
    if isinstance(data := one.get("b64_json"), str):
        yield media_in_base64("image", media_type, data)
    elif url := _json.string(one, "url"):
        yield Media("image", media_type, url=url)


def assemble(events: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    """The image that a stream ends with; else the latest that was shown on the way."""
    latest: base.Payload = {}
    for event in events:
        if "error" in event:
            return {"error": event["error"]}, False
        if "b64_json" in event:
            latest = {**event, "data": [{"b64_json": event["b64_json"]}]}
            done = _json.string(event, "type").endswith(".completed")
    return latest, done


READER = Reader(API, ("prompt", "image", "images", "mask"), elements, whole, assemble)
