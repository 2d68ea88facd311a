"""Parts of a message that vendors spell alike."""

from __future__ import annotations

from collections.abc import Callable

from . import _json, base
from .messages import Failure, Media, Other, Part, Text


def parts(value: object, part: Callable[[base.Payload], Part]) -> tuple[Part, ...]:
    """A message's content: nothing, a text, or one part or several."""
    match value:
        case None | "":
            return ()
        case list():
            return tuple(_one(entry, part) for entry in value)
        case _:
            return (_one(value, part),)


def _one(value: object, part: Callable[[base.Payload], Part]) -> Part:
    match value:
        case str():
            return Text(_json.clean(value))
        case dict():
            return part(value)
        case _:
            return Other("", _json.written(value))


def other(block: base.Payload, kind: str | None = None) -> Other:
    """A part that we have no form for; by default its `type` is its own word."""
    return Other(_json.string(block, "type") if kind is None else kind, _json.written(block))


def spelled(block: base.Payload, key: str, made: Callable[[str], Part]) -> Part:
    """The text under `key`, or the whole block as it is where that is no text."""
    value = block.get(key)
    return made(_json.clean(value)) if isinstance(value, str) else other(block)


def arguments(value: object) -> str:
    """JSON text of a call's arguments, which some vendors give as text and some as an object."""
    match value:
        case None:
            return "{}"
        case str():
            return _json.clean(value)
        case _:
            return _json.written(value)


def failure(body: base.Payload) -> Failure | None:
    """The error that an answer holds, or None."""
    match body.get("error"):
        case dict() as error if error:
            return Failure(_kind(error), _json.string(error, "message") or _json.written(error))
        case str(message) if message:
            return Failure(_kind(body), _json.clean(message))
        case _:
            return None


def _kind(error: base.Payload) -> str:
    """The vendor's word for it: of several the one that says most."""
    code = error.get("code")
    return _json.string(error, "type", "status", "code") or (str(code) if type(code) is int else "")


# -- what is no text ---------------------------------------------------------------


def linked(kind: str, url: str) -> Media:
    """An image or document behind a URL, which may be a data URL."""
    if not url.startswith("data:"):
        return Media(kind, url=url)
    head, _, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    return Media(kind, media_type, unpacked(data) if "base64" in options else len(data))


def inline(kind: str, media_type: str, data: object) -> Media:
    """One whose data stand there in base64."""
    return Media(kind, media_type, unpacked(data) if isinstance(data, str) else None)


def unpacked(data: str) -> int:
    """How many bytes base64 text stands for."""
    bare = data.rstrip("=\r\n ")
    return len(bare) * 3 // 4
