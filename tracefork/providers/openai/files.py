"""Reads files, uploads and batches as OpenAI and Google keep them; of a batch's results, what they say."""

from __future__ import annotations

import re
from collections.abc import Iterable

from attrs import evolve

from .. import _json, api_paths, base
from .._answers import fail, make, record
from .._parts import failure
from .._reader import Reader
from ..messages import Choice, Completion, Media, Message, Tool
from . import chat_read, responses_read

API = api_paths.FILES
_KINDS = re.compile(r"file|batch|upload|vector_store")
_NAMES = re.compile(r"(?:projects/.+/)?(?:files|batches|cachedContents)/")
_MOST = 1000  # results of a batch that are read


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    match key, value:
        case (("file" | "data"), {"file": Media() as media}):
            return (Message("user", (media,)),)
        case "input_file_id", str() if value:
            return (Message("user", (Media("document", url=_json.clean(value)),)),)
        case _:
            return ()


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if failed := failure(body):
        return fail(API, failed, "record")
    if any("custom_id" in line for line in _json.mappings(body, "lines")):
        return evolve(_read_lines(_json.mappings(body, "lines")), complete=complete)
    if "response" in body and "custom_id" in body:
        return _read_lines([body])
    listed = _json.mappings(body, "data", "files", "batches", "cachedContents", "file")
    kept = [*listed, _json.mapping(body, "file"), body]
    if not any(map(_is_kept, kept)) and body.get("object") != "list":
        return None
    return evolve(record(API, body, name="file"), complete=complete)


def _is_kept(one: base.Payload) -> bool:
    """Whether this is a vendor's, and not what anybody keeps under such a path."""
    return bool(_KINDS.match(_json.string(one, "object")) or _NAMES.match(_json.string(one, "name")))


def _read_lines(lines: list[base.Payload]) -> Completion:
    choices = tuple(choice for line in lines[:_MOST] for choice in _read_result(line))
    return evolve(make(API, {}, [], kind="record"), choices=choices)


def _read_result(line: base.Payload) -> tuple[Choice, ...]:
    """What a line of a batch's results says; the model's own words where its API is known."""
    body = _json.mapping(_json.mapping(line, "response"), "body")
    found = chat_read.whole(body, True) or responses_read.whole(body, True)  # noqa: FBT003
    return found.choices if found else record(API, line, name="result").choices


def assemble(values: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    lines: list[object] = list(values)
    return ({"lines": lines} if lines else {}), bool(lines) or done


READER = Reader(API, ("file", "data", "input_file_id"), elements, whole, assemble, in_lines=True)
