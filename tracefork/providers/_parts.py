"""Parts of a message that vendors spell alike."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from hashlib import sha256

from . import _json, base
from .messages import Failure, Media, Other, Part, Text


def parts(value: object, part: Callable[[base.Payload], Part]) -> tuple[Part, ...]:
    """A message's content: nothing, a text, or one part or several."""
    match value:
        case None | "":
            return ()
        case list():
            return tuple([_one(entry, part) for entry in value])
        case _:
            return (_one(value, part),)


def _one(value: object, part: Callable[[base.Payload], Part]) -> Part:
    if isinstance(value, dict):
        return part(value)
    return Text(_json.clean(value)) if isinstance(value, str) else Other("", _json.write(value))


def other(block: base.Payload, kind: str | None = None) -> Other:
    """Make a part of a block of unknown kind, its JSON kept; `kind` is by default the block's `type`."""
    return Other(_json.string(block, "type") if kind is None else _json.clean(kind), _json.write(block))


def text_at(block: base.Payload, key: str, made: Callable[[str], Part]) -> Part:
    """Make a part of the text under `key`; the whole block becomes an `Other` if there is no text."""
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
            return _json.write(value)


def failure(body: base.Payload) -> Failure | None:
    """The error that an answer holds, or None."""
    match body.get("error"):
        case dict() as error if error:
            return Failure(_kind(error), _json.string(error, "message") or _json.write(error))
        case str(message) if message:
            return Failure(_kind(body), _json.clean(message))
        case _:
            return None


def _kind(error: base.Payload) -> str:
    """Return the most specific of the vendor's names for an error."""
    code = error.get("code")
    return _json.string(error, "type", "status", "code") or (str(code) if type(code) is int else "")


# -- what is no text ---------------------------------------------------------------


def media_at_url(kind: str, url: str) -> Media:
    """Describe an image or document at a URL, which may be a data URL."""
    if not url.startswith("data:"):
        return Media(kind, url=url)
    head, _, data = url.removeprefix("data:").partition(",")
    media_type, *options = head.split(";")
    if "base64" in options:
        return media_in_base64(kind, media_type, data)
    return media_in_text(kind, media_type, data)


def media_in_base64(kind: str, media_type: str, data: object) -> Media:
    """Describe media whose data are given in base64."""
    if not isinstance(data, str):
        return Media(kind, media_type)
    return Media(kind, media_type, size_of_base64(data), sha256=hash_base64(data))


def media_in_text(kind: str, media_type: str, data: str) -> Media:
    """Describe media whose data are a text."""
    encoded = _json.clean(data).encode()
    return Media(kind, media_type, len(encoded), sha256=sha256(encoded).hexdigest())


def size_of_base64(data: str) -> int:
    """Return how many bytes base64 text decodes to."""
    bare = data.rstrip("=\r\n ")
    return len(bare) * 3 // 4


def hash_base64(data: str) -> str:
    """Return the sha-256 of what base64 text of either alphabet decodes to; of the text if it is none."""
    encoded = _json.clean(data).encode()
    try:
        return sha256(b64decode(encoded.translate(_ONE_ALPHABET))).hexdigest()
    except ValueError:
        return sha256(encoded).hexdigest()


_ONE_ALPHABET = bytes.maketrans(b"-_", b"+/")
