"""What pieces say, as JSON for the page, which then needs to know no vendor.

A long text is not repeated: it is given as the path to where it stands in the
piece's own JSON. A text that is assembled from a stream stands nowhere, and is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ...providers.messages import (
    Completion,
    Embeddings,
    Media,
    Message,
    Other,
    Part,
    Text,
    Thinking,
    Tool,
    ToolCall,
    ToolResult,
)
from ..model.pool import SHORT, Path, Piece, find_places, parse
from .media_places import Places, find_media

Paths: TypeAlias = "Mapping[str, Path]"
Words: TypeAlias = "str | Path"


def spell(piece: Piece) -> object:
    """The reading of `piece` as the page wants it; 0 where it has none."""
    if piece.reading is None:
        return 0
    paths, media = _paths(piece), find_media(piece)
    match piece.reading:
        case Message():
            return _message(piece.reading, paths, media)
        case tuple():
            return {"tools": [_tool(tool, paths) for tool in piece.reading]}
        case Completion():
            return _completion(piece.reading, paths, media)


def _tool(tool: Tool, paths: Paths) -> list[Words]:
    return [tool.name, _words(tool.description, paths), _words(tool.schema, paths)]


def _completion(completion: Completion, paths: Paths, media: Places) -> object:
    choices = [{**_message(one.message, paths, media), "stop": one.stop_reason} for one in completion.choices]
    spelling: dict[str, object] = {"choices": choices}
    if completion.failure:
        spelling["failure"] = [completion.failure.type, _words(completion.failure.message, paths)]
    if not completion.complete:
        spelling["broken"] = True
    return spelling


def _message(message: Message, paths: Paths, media: Places) -> dict[str, object]:
    return {"role": message.role, "parts": [_part(part, paths, media) for part in message.parts]}


def _part(part: Part, paths: Paths, media: Places) -> list[object]:
    match part:
        case Text(text):
            return ["text", _words(text, paths)]
        case Thinking(text):
            return ["thinking", _words(text, paths)]
        case ToolCall(ident, name, arguments):
            return ["call", ident, name, _words(arguments, paths)]
        case ToolResult(ident, parts, name, is_error):
            return ["result", ident, name, int(is_error), [_part(inner, paths, media) for inner in parts]]
        case Media(kind, media_type, size, url, sha256):
            place = [media[sha256]] if sha256 in media else []
            return ["media", kind, media_type, size, _words(url, paths), *place]
        case Embeddings():
            return ["other", "embeddings", str(part)]
        case Other(kind, json):
            return ["other", kind, _words(json, paths)]


def _words(text: str, paths: Paths) -> Words:
    return text if len(text) <= SHORT else paths.get(text, text)


def _paths(piece: Piece) -> Paths:
    """The path to each long text in the JSON of `piece`; none where a browser cannot parse that."""
    if piece.places is not None:
        return piece.places
    is_json = len(piece.text) > SHORT and not piece.binary and piece.text.lstrip()[:1] in ("{", "[", '"')
    return find_places(parse(piece.text, strict=True)) if is_json else {}
