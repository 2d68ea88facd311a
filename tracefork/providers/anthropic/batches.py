"""Reads Anthropic's batches: every message that is asked in one, its state, and its results."""

from __future__ import annotations

from collections.abc import Iterable

from attrs import evolve

from .. import _json, api_paths, base
from .._answers import fail, make, record
from .._parts import failure
from .._reader import Reader
from ..messages import Choice, Completion, Message, Tool
from . import read

API = api_paths.MESSAGE_BATCHES
_MOST = 1000  # results that are read


def elements(key: str, value: object) -> tuple[Message | Tool, ...]:
    """What each request of the batch asks; its tools are named with it."""
    if key != "requests" or not isinstance(value, dict):
        return ()
    asked = _json.mapping(value, "params")
    return tuple(
        element
        for name in read.READER.lists
        if (given := asked.get(name)) is not None
        for one in (given if isinstance(given, list) else [given])
        for element in read.elements(name, one)
    )


def whole(body: base.Payload, complete: bool) -> Completion | None:  # noqa: FBT001  as Whole has it
    if failed := failure(body):
        return fail(API, failed, "record")
    if lines := _json.mappings(body, "lines"):
        choices = tuple(choice for line in lines[:_MOST] for choice in _read_result(line))
        return evolve(make(API, {}, [], kind="record"), choices=choices, complete=complete)
    if "result" in body:
        return evolve(make(API, {}, [], kind="record"), choices=_read_result(body), complete=complete)
    return evolve(record(API, body), complete=complete) if body else None


def _read_result(line: base.Payload) -> tuple[Choice, ...]:
    found = read.whole(_json.mapping(_json.mapping(line, "result"), "message"), True)  # noqa: FBT003
    return found.choices if found else record(API, line, name="result").choices


def assemble(values: Iterable[base.Payload], done: bool) -> tuple[base.Payload, bool]:  # noqa: FBT001
    lines: list[object] = list(values)
    return ({"lines": lines} if lines else {}), bool(lines) or done


READER = Reader(API, ("requests",), elements, whole, assemble, in_lines=True)
